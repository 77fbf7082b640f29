"""Right and wrong answers to the signal propagation exercise, and its inputs."""

import math

import numpy as np
from numpy.random import Generator

from course_lib.lab import signals

TANH = signals.ACTIVATIONS["tanh"]
HALF = np.finfo(np.float16)

# The right answers; the integrals and the backward pass are the chapter's own.


def fans(shape):
    """Return fan_in and fan_out of a linear or convolution weight."""
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


def shape_of(weight):
    return tuple(int(n) for n in weight)


def xavier_std(shape):
    return math.sqrt(2 / sum(fans(shape_of(shape))))


def he_std(shape, negative_slope, backward):
    return math.sqrt(2 / (1 + negative_slope**2) / fans(shape_of(shape))[int(backward)])


def leaky_step(q, scale, negative_slope, bias_std):
    kept = scale**2 * (1 + negative_slope**2) / 2
    return kept * q + bias_std**2, kept


def tanh_step(q, scale, bias_std):
    next_q = signals.next_variance(q, scale, TANH, bias_std)
    return next_q, signals.gradient_growth(q, scale, TANH)


def gradient_norms(x, weights, upstream):
    pre = signals.forward(x, weights, TANH)
    deltas = signals.backward(upstream, pre, weights, TANH)
    return np.array([np.linalg.norm(delta) for delta in deltas])


def fixed_point(scale, bias_std):
    return bisect(lambda q: q - tanh_step(q, scale, bias_std)[0], 1e-9, 100.0)


def critical_scale(bias_std):
    # On the curve chi = 1 the scale follows from q, and then the bias that keeps q in place.
    q = bisect(lambda q: q - tanh_step(q, scale_at(q), 0.0)[0] - bias_std**2, 1e-12, 20.0)
    return scale_at(q)


def scale_at(q):
    """Return the scale at which chi is 1, given q."""
    return signals.gradient_growth(q, 1.0, TANH) ** -0.5


def layers_to_leave_float16(growth, rms):
    return math.ceil(layers(growth, rms))


def bisect(function, low, high):
    """Return where an increasing function crosses 0, halving the interval 80 times."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return (low + high) / 2


def layers(growth, rms, *, smallest=float(HALF.smallest_subnormal)):
    """Return, as a fraction, after how many layers `rms` reaches a bound of float16."""
    bound = float(HALF.max) if growth > 1 else smallest
    return 2 * math.log(bound / rms) / math.log(growth)


# The wrong answers are the right ones with one thing changed.


def wrong_norms(x, weights, upstream, *, transposed=False, slope_of=0, slope=TANH.slope):
    """Backpropagate with `slope` at layer l - 1 + `slope_of`."""
    pre = signals.forward(x, weights, TANH)
    delta, norms = upstream, [np.linalg.norm(upstream)]
    for layer in range(len(weights) - 1, 0, -1):
        weight = weights[layer].T if transposed else weights[layer]
        delta = (delta @ weight) * slope(pre[layer - 1 + slope_of])
        norms.append(np.linalg.norm(delta))
    return np.array(norms[::-1])


def slope_at_output(z):
    return TANH.slope(np.tanh(z))


def wrong_leaky_step(q, scale, negative_slope, bias_std, *, half=0.5, grown=None):
    kept = scale**2 * (1 + negative_slope**2) * half
    return kept * q + bias_std**2, grown(kept, q, bias_std) if grown else kept


def wrong_tanh_step(q, scale, bias_std, *, std=math.sqrt, power=2, slope=TANH.slope):
    next_q = scale**2 * signals.normal_mean(lambda z: np.tanh(z) ** 2, std(q)) + bias_std**2
    return next_q, scale**2 * signals.normal_mean(lambda z: slope(z) ** power, std(q))


# Inputs


def draw_dense_shape(rng: Generator):
    n_out = int(rng.integers(10, 60))
    # No simple ratio: a factor 2 or 3 must not look like an exchange of the fans.
    return {"shape": np.array([n_out, 4 * n_out + 1])}


def draw_image_shape(rng: Generator):
    dense = draw_dense_shape(rng)["shape"]
    return {"shape": np.array([*dense, 3, 3])}


def draw_he(draw_shape, leaky, backward, rng: Generator):
    slope = rng.uniform(0.3, 0.6) if leaky else 0.0
    return draw_shape(rng) | {"negative_slope": slope, "backward": backward}


def draw_leaky(leaky, rng: Generator):
    return {
        "q": rng.uniform(2, 4),
        "scale": rng.uniform(1.2, 1.8),
        "negative_slope": rng.uniform(0.3, 0.6) if leaky else 0.0,
        "bias_std": rng.uniform(0.3, 0.8),
    }


def draw_tanh(rng: Generator):
    return {
        "q": rng.uniform(1.3, 1.6),  # two wrong averages cross near 1.2, others near 1.8 and 2.4
        "scale": rng.uniform(1.2, 2.0),
        "bias_std": rng.uniform(0.3, 0.8),
    }


def draw_net(depth, rng: Generator):
    weights = np.stack(signals.draw_weights(rng, [8] * (depth + 1), rng.uniform(1.2, 2.0)))
    x, upstream = rng.normal(size=(2, 5, 8))
    return {"x": x, "weights": weights, "upstream": upstream}


def draw_scale(rng: Generator):
    # Far above 1, so that q* is far from its own root and from the first step.
    return {"scale": rng.uniform(2.2, 2.7), "bias_std": rng.uniform(0.4, 0.8)}


def draw_small_bias(rng: Generator):
    return {"bias_std": rng.uniform(0.18, 0.25)}


def draw_large_bias(rng: Generator):
    return {"bias_std": rng.uniform(0.6, 0.8)}


def draw_growth(low, high, rng: Generator):
    """Draw until no bound is met within a hundredth of a layer, where rounding would decide."""
    while True:
        inputs = {"growth": rng.uniform(low, high), "rms": 10 ** rng.uniform(-2, -1.6)}
        if 0.01 < layers(**inputs) % 1 < 0.99:
            return inputs
