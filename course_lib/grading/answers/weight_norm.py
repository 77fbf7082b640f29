"""Right and wrong answers to the exercise on weight norm, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers

# The right answers come from the package's own layers.


def weight_norm(v, g):
    return numpy_layers.weight_norm(v, _wide(g, v))[0]


def weight_norm_backward(dw, v, g):
    _, cache = numpy_layers.weight_norm(v, _wide(g, v))
    dv, dg = numpy_layers.weight_norm_backward(dw, cache)
    return dv, dg.ravel()


def after_step(dw, v, g, learning_rate):
    dv, _ = weight_norm_backward(dw, v, g)
    longer = v - learning_rate * dv
    axes = tuple(range(1, v.ndim))
    turn = np.arctan(learning_rate * length(dv, axes) / length(v, axes))
    return length(longer, axes).ravel(), turn.ravel()


def initialize(v, x):
    """Set by batch norm of the outputs: its gain and shift are the lengths and biases."""
    t = apply(weight_norm(v, np.ones(len(v))), x)
    mean, var, _ = numpy_layers.moments(t, batch_axes(t))
    return 1 / np.sqrt(var.ravel()), -mean.ravel() / np.sqrt(var.ravel())


def weight_standardization(w, eps):
    return numpy_layers.weight_standardization(w, eps)[0]


def weight_standardization_backward(dw_hat, w, eps):
    _, cache = numpy_layers.weight_standardization(w, eps)
    return numpy_layers.weight_standardization_backward(dw_hat, cache).dw


def deploy(v, g, bias, mean, var, weight, shift, eps):
    scale = weight / np.sqrt(var + eps)
    return weight_norm(v, g * scale), (bias - mean) * scale + shift


# The wrong answers change one thing.


def _wide(values, v):
    return np.reshape(values, (-1, *[1] * (v.ndim - 1)))


def filters(v):
    return tuple(range(1, v.ndim))


def length(v, axes):
    return np.sqrt((v * v).sum(axes, keepdims=True))


def batch_axes(t):
    return (0, *range(2, t.ndim))


def apply(w, x):
    """Return w·x for examples (n, c), or at every position of images (n, c, h, w)."""
    if w.ndim == 2:
        return x @ w.T
    k = w.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, k, (2, 3))
    return np.einsum("fcij,nchwij->nfhw", w, windows)


def wrong_weight_norm(v, g, *, axes=filters, size=length, wide=_wide):
    return wide(g, v) * v / size(v, axes(v))


def wrong_backward(dw, v, g, *, factor=lambda g, size: g / size, project=True):
    size = length(v, filters(v))
    unit = v / size
    dg = (dw * unit).sum(filters(v), keepdims=True)
    return factor(_wide(g, v), size) * (dw - project * dg * unit), dg.ravel()


def wrong_initialize(v, x, *, axes=batch_axes, ddof=0, unit=True):
    w = weight_norm(v, np.ones(len(v))) if unit else v
    t = apply(w, x)
    std = t.std(axes(t), ddof=ddof)
    return 1 / std, -t.mean(axes(t)) / std


def wrong_standardization(w, eps, *, axes=filters, ddof=0, centre=True, root=None):
    mean, var = w.mean(axes(w), keepdims=True), w.var(axes(w), ddof=ddof, keepdims=True)
    scale = np.sqrt(var + eps) if root is None else root(var, eps)
    return (w - centre * mean) / scale


def wrong_standardization_backward(dw_hat, w, eps, *, mean=True, hat=True, scale=True):
    axes = filters(w)
    std = np.sqrt(w.var(axes, keepdims=True) + eps)
    w_hat = (w - w.mean(axes, keepdims=True)) / std
    dw = dw_hat - mean * dw_hat.mean(axes, keepdims=True)
    dw = dw - hat * w_hat * (dw_hat * w_hat).mean(axes, keepdims=True)
    return dw / std if scale else dw


def wrong_deploy(v, g, bias, mean, var, weight, shift, eps, *, scale=None, unit=True, b=None):
    s = weight / np.sqrt(var + eps) if scale is None else scale(var, weight, eps)
    w = weight_norm(v, g * s) if unit else _wide(g * s, v) * v
    return w, (bias - mean) * s + shift if b is None else b(bias, mean, s, shift)


# Inputs. Square shapes let a broadcast over the wrong axis pass without a word.


def draw_filters(shape, rng: Generator):
    v = rng.normal(0.5, 1, shape) * rng.uniform(0.5, 2, (shape[0], *[1] * (len(shape) - 1)))
    return {"v": v, "g": rng.uniform(0.5, 2, shape[0]) * rng.choice([-1, 1], shape[0])}


def draw_gradient(shape, rng: Generator):
    return {"dw": rng.normal(size=shape)} | draw_filters(shape, rng)


def draw_step(shape, rng: Generator):
    return draw_gradient(shape, rng) | {"learning_rate": rng.uniform(0.1, 0.5)}


def draw_data(shape, x_shape, rng: Generator):
    spread = rng.uniform(0.5, 2, (1, x_shape[1], *[1] * (len(x_shape) - 2)))
    return {"v": draw_filters(shape, rng)["v"], "x": 1 + spread * rng.normal(size=x_shape)}


def draw_weight(shape, rng: Generator):
    return {"w": draw_filters(shape, rng)["v"], "eps": 0.1}


def draw_weight_gradient(shape, rng: Generator):
    return {"dw_hat": rng.normal(size=shape)} | draw_weight(shape, rng)


def draw_layer(shape, rng: Generator):
    n = shape[0]
    return draw_filters(shape, rng) | {
        "bias": rng.normal(size=n),
        "mean": rng.normal(size=n),
        "var": rng.uniform(0.2, 3, n),
        "weight": rng.uniform(0.5, 2, n) * rng.choice([-1, 1], n),
        "shift": rng.normal(size=n),
        "eps": 0.1,
    }
