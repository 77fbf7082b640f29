"""Right and wrong answers to the exercise on the loss landscape, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib.numpy_layers import batch_norm

FACTORS = (0.1, 3, 100)


def is_scale_invariant(f, w, *, factors=FACTORS, rtol=1e-6, first=False):
    """Compare the outputs along the ray; the keywords make wrong answers of it."""
    here = f(w)
    pairs = [(f(a * w), here) for a in factors]
    if first:
        pairs = [(there[:1], here[:1]) for there, here in pairs]
    return int(all(np.abs(p - q).max() <= rtol * np.abs(q).max() for p, q in pairs))


def gradient_of_rescaled(w, g, alpha, decay):
    return g / alpha, g + decay * w


def effective_rate(w, g, learning_rate):
    length = np.linalg.norm(w, axis=1)
    return learning_rate / length**2, np.arctan(learning_rate * np.linalg.norm(g, axis=1) / length)


def length_after(length, pull, learning_rate, decay, steps):
    for _ in range(steps):
        kept, gained = (1 - learning_rate * decay) * length, learning_rate * pull / length
        length = np.hypot(kept, gained)
    return length


def equilibrium(pull, learning_rate, decay):
    product = learning_rate * decay
    square = learning_rate * pull / np.sqrt(product * (2 - product))
    return np.sqrt(square), learning_rate / square


def probe(loss, grad, w, rates, *, sign=-1, start=True, size=lambda w: w @ w):
    """Walk along the gradient; the keywords make wrong answers of it."""
    g = grad(w)
    points = [w + sign * rate * g for rate in rates]
    losses = [loss(point) for point in points] + [loss(w)] * start
    changes = np.array([np.linalg.norm(grad(point) - g) for point in points])
    beta = (changes / (rates * np.linalg.norm(g))).max()
    return max(losses) - min(losses), changes.max(), beta * size(w)


# Wrong answers that are more than one changed line.


def wrong_length(length, pull, learning_rate, decay, steps, *, fixed=False, shrink=None):
    """Keep the first gradient for all steps, or shrink by another factor."""
    gradient = pull / length
    keep = 1 - learning_rate * decay if shrink is None else shrink(learning_rate, decay)
    for _ in range(steps):
        gained = learning_rate * (gradient if fixed else pull / length)
        length = np.hypot(keep * length, gained)
    return length


def straight_length(length, pull, learning_rate, decay, steps):
    """Add lengths as if the gradient pointed along w."""
    for _ in range(steps):
        length = (1 - learning_rate * decay) * length + learning_rate * pull / length
    return length


def simple_equilibrium(pull, learning_rate, decay):
    """Leave out the square of ηλ."""
    square = np.sqrt(learning_rate / (2 * decay)) * pull
    return np.sqrt(square), learning_rate / square


# Inputs.


def _normalized(x, eps):
    """Return batch norm of the one unit X w, as a function of w."""
    return lambda w: batch_norm((x @ w)[:, None], None, None, training=True, eps=eps)[0][:, 0]


def draw_functions(rng: Generator):
    x, w = rng.normal(size=(12, 5)), rng.normal(size=5)
    functions = {
        "batch norm of Xw": _normalized(x, 1e-18),
        "shares of |w|": lambda w: np.abs(w) / np.abs(w).sum(),
        "batch norm whose ε is not small": _normalized(x, 0.05),
        "invariant in its first output": lambda w: np.array([w[0] / np.linalg.norm(w), *(x @ w)]),
        "linear": lambda w: x @ w,
    }
    return {"functions": functions, "w": w, "order": rng.permutation(len(functions))}


def each(function, inputs):
    """Put the question to each function, in the order of the inputs."""
    functions = [*inputs["functions"].values()]
    answers = {i: function(functions[i], inputs["w"]) for i in inputs["order"]}
    return tuple(answers[i] for i in range(len(functions)))


def draw_ray(rng: Generator):
    w, g = rng.normal(size=(2, 7))
    g -= (g @ w) / (w @ w) * w
    return {"w": w, "g": g, "alpha": rng.uniform(2, 5), "decay": rng.uniform(0.1, 0.5)}


def draw_units(rng: Generator):
    w, g = rng.uniform(0.5, 3, (4, 1)) * rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    g -= (g * w).sum(1, keepdims=True) / (w * w).sum(1, keepdims=True) * w
    return {"w": w, "g": g, "learning_rate": rng.uniform(0.5, 2)}


def draw_run(decaying: bool, rng: Generator):
    return {
        "length": rng.uniform(0.5, 2),
        "pull": rng.uniform(0.5, 1),
        "learning_rate": rng.uniform(0.5, 1),
        "decay": rng.uniform(0.1, 0.3) if decaying else 0.0,
        "steps": int(rng.integers(5, 20)),
    }


def draw_balance(rng: Generator):
    return {
        "pull": rng.uniform(0.5, 2),
        "learning_rate": rng.uniform(0.5, 2),
        "decay": rng.uniform(0.1, 0.3),
    }


def draw_loss(rng: Generator):
    """Draw a loss whose smallest value on the walk lies inside, and its gradient."""
    scale, centre = rng.uniform(0.5, 2, 6), rng.normal(size=6)
    return {
        "loss": lambda w: float((scale * (w - centre) ** 4).sum()),
        "grad": lambda w: 4 * scale * (w - centre) ** 3,
        "w": centre + rng.uniform(0.5, 1, 6),
        "rates": rng.uniform(0.01, 0.03) * np.array([1.0, 2.0, 3.0, 4.0]),
    }
