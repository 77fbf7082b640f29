"""Right and wrong answers to the exercise on batch norm's backward pass, and its inputs."""

import numpy as np
import torch
from numpy.random import Generator

from course_lib import numpy_layers, torch_layers
from course_lib.lab import gradients

# The right answers come from the package's own layer and the chapter's own tools.


def stages(g, x, eps):
    found = gradients.staged_backward(g, x, eps)
    return *(d.ravel() for d in (found.dinv_std, found.dvar, found.dmean)), found.dx


def backward(dy, x, weight, eps):
    bias = np.zeros_like(weight)
    _, cache = numpy_layers.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    return tuple(numpy_layers.batch_norm_backward(dy, cache))


def numeric_gradient(f, x, dy, step):
    return gradients.numeric_gradient(f, x.astype(np.result_type(x, np.float32)), dy, step)


def best_step(value, third, precision):
    return (3 * precision * abs(value) / abs(third)) ** (1 / 3)


def verdicts(forward, backwards, x):
    """Say 1 for each right backward pass, 0 for each wrong one."""
    return verdicts_by(forward, backwards, x)


def split(g, x_hat):
    """Return the parts of g along 1, along x_hat, and the rest; channels are columns."""
    along_ones = np.broadcast_to(g.mean(0), g.shape)
    length = (x_hat * x_hat).sum(0)
    share = np.divide((g * x_hat).sum(0), length, out=np.zeros_like(length), where=length > 0)
    along_x_hat = share * x_hat
    return along_ones.copy(), along_x_hat, g - along_ones - along_x_hat


def layer(x, running_mean, running_var, weight, bias):
    return torch_layers.batch_norm(x, running_mean, running_var, weight, bias, training=True)


# The wrong answers are textbook formulas with one thing changed.


def parts(g, x_hat, mean, share):
    along_ones, along_x_hat = mean + 0 * g, share * x_hat
    return along_ones, along_x_hat, g - along_ones - along_x_hat


def axes(x):
    return (0, *range(2, x.ndim))


def wide(values, x):
    return np.reshape(values, (1, -1, *[1] * (x.ndim - 2)))


def wrong_stages(g, x, eps, *, power=3, half=0.5, through_var=2.0, through_mean=1.0, ddof=0):
    m, centered = len(x), x - x.mean(0)
    s = 1 / np.sqrt(x.var(0, ddof=ddof) + eps)
    ds = (g * centered).sum(0)
    dv = -half * s**power * ds
    dd = s * g + through_var * centered * dv / m
    dmean = -dd.sum(0)
    return ds, dv, dmean, dd + through_mean * dmean / m


def wrong_backward(
    dy, x, weight, eps, *, one=1.0, hat=1.0, ddof=0, root=None, over=None, gain=None, scale=True
):
    """Return the closed form with one thing changed."""
    over = over or axes(x)
    var = x.var(over, ddof=ddof, keepdims=True)
    s = 1 / (np.sqrt(var + eps) if root is None else root(var, eps))
    x_hat = (x - x.mean(over, keepdims=True)) * s
    g = dy * (wide(weight, x) if gain is None else gain(weight))
    along_ones = one * g.mean(over, keepdims=True)
    along_x_hat = hat * x_hat * (g * x_hat).mean(over, keepdims=True)
    dx = (s if scale else 1.0) * (g - along_ones - along_x_hat)
    return dx, (dy * x_hat).sum(axes(x)), dy.sum(axes(x))


def wrong_parameters(dy, x, weight, eps, *, change):
    """Return the right dx, and parameter gradients that `change` makes from the right ones."""
    dx, dweight, dbias = backward(dy, x, weight, eps)
    return dx, *change(dy, x, dweight, dbias)


def differences(f, x, dy, step, *, up=1.0, down=1.0, width=2.0, working=lambda x: x.astype(float)):
    """Return differences between x + up * step and x - down * step, over width * step."""
    x = working(x)
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[index] += up * step
        low[index] -= down * step
        dx[index] = (dy * (f(high) - f(low))).sum() / (width * step)
    return dx


def verdicts_by(forward, backwards, x, *, upstream=None, step=None, absolute=0.0):
    """Compare each backward pass with differences, under an upstream gradient of choice."""
    y = forward(x)
    dy = np.random.default_rng(0).normal(size=y.shape) if upstream is None else upstream(y)
    dy = dy.astype(x.dtype)
    step = step or np.finfo(x.dtype).eps ** (1 / 3) * float(x.std(0).mean())
    numeric = gradients.numeric_gradient(forward, x, dy, step)
    tolerance = absolute or 1e-2 * np.linalg.norm(numeric)
    return np.array([int(np.linalg.norm(b(dy, x) - numeric) <= tolerance) for b in backwards])


def wrong_layer(
    x, running_mean, running_var, weight, bias, *, mean_in=True, var_in=True, graph=False, ddof=1
):
    """Compute the layer with statistics outside the graph, or a memory inside it."""
    mean, var = x.mean(0), x.var(0, correction=0)
    y = (x - (mean if mean_in else mean.detach())) * torch.rsqrt(
        (var if var_in else var.detach()) + 1e-5
    )
    for running, new in ((running_mean, mean), (running_var, x.var(0, correction=ddof))):
        running += 0.1 * ((new if graph else new.detach()) - running)
    return y * weight + bias


# Calls


MATRIX = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 1.0]])
FAULTS = [
    {"one": 0.0},
    {"hat": 0.0},
    {"one": 0.0, "hat": 0.0},
    {"scale": False},
    {"gain": lambda weight: 1.0},
    {"ddof": 1},
]


def call_numeric(function, inputs):
    return function(lambda x: np.tanh(x) @ MATRIX, *inputs.values())


def call_verdicts(function, inputs):
    """Hand over the layer, then right and wrong backward passes in the order of the inputs."""
    x, weight, order = inputs["x"], inputs["weight"], inputs["order"]

    def forward(x):
        return numpy_layers.batch_norm(x, None, None, weight, training=True)[0]

    def suspect(**changes):
        return lambda dy, x: wrong_backward(dy, x, weight, 1e-5, **changes)[0].astype(x.dtype)

    suspects = [suspect(), suspect(), lambda dy, x: 0 * dy, *(suspect(**fault) for fault in FAULTS)]
    return function(forward, [suspects[i] for i in order], x)


def _run(function, inputs):
    tensors = {name: torch.tensor(value) for name, value in inputs.items() if name != "dy"}
    y = function(tensors["x"].requires_grad_(), *list(tensors.values())[1:])
    return y, tensors


def call_gradient(function, inputs):
    """Return y and dx of a torch layer."""
    y, tensors = _run(function, inputs)
    y.backward(torch.tensor(inputs["dy"]))
    return y.detach().numpy(), tensors["x"].grad.numpy()


def call_memory(function, inputs):
    """Return a torch layer's memory, and how many of its two parts hold a graph."""
    _, tensors = _run(function, inputs)
    memory = [tensors[name] for name in ("running_mean", "running_var")]
    held = float(sum(running.requires_grad for running in memory))
    return *(running.detach().numpy() for running in memory), held


# Inputs


def _values(rng: Generator, shape, offset: float = 0.0) -> np.ndarray:
    """Draw channels with means and spreads of their own, so that no two may be confused."""
    like = (1, shape[1], *[1] * (len(shape) - 2))
    return rng.normal(offset, 2, like) + rng.uniform(0.5, 3, like) * rng.normal(size=shape)


def draw_stages(rng: Generator):
    return {"g": rng.normal(size=(7, 3)), "x": _values(rng, (7, 3)), "eps": 0.1}


def draw_backward(shape, rng: Generator):
    return {
        "dy": rng.normal(0.5, 1, shape),
        "x": _values(rng, shape, offset=1.0),
        "weight": rng.normal(size=shape[1]),
        "eps": 0.1,
    }


def draw_differences(rng: Generator):
    x = rng.normal(size=(4, 3))
    return {"x": x, "dy": rng.normal(size=(4, 2)), "step": 0.03}


def draw_integers(rng: Generator):
    return draw_differences(rng) | {"x": rng.integers(-3, 4, (4, 3))}


def draw_curvature(rng: Generator):
    return {
        "value": -rng.uniform(0.5, 3),
        "third": rng.uniform(5, 50),
        "precision": float(rng.choice([2.0**-23, 2.0**-52])),
    }


def draw_suspects(dtype, spread, rng: Generator):
    x = spread * rng.normal(size=(6, 3))
    weight = rng.uniform(0.5, 2, 3) * np.array([1, -1, 1])
    inputs = {"x": x.astype(dtype), "weight": weight.astype(dtype)}
    return inputs | {"order": rng.permutation(9)}


def draw_parts(constant, rng: Generator):
    x = rng.normal(size=(6, 3)) * rng.uniform(0.5, 3, 3)
    if constant:
        x[:, 1] = 0.0
    x_hat, *_ = numpy_layers.standardize(x, (0,), 0.5)
    return {"g": rng.normal(0.5, 1, (6, 3)), "x_hat": x_hat}


def draw_layer(rng: Generator):
    return {
        "x": _values(rng, (6, 4), offset=1.0),
        "running_mean": rng.normal(size=4),
        "running_var": rng.uniform(0.5, 2, 4),
        "weight": rng.normal(size=4),
        "bias": rng.normal(size=4),
        "dy": rng.normal(size=(6, 4)),
    }
