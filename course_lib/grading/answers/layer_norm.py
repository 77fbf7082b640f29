"""Right and wrong answers to the layer norm exercise, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers

# The right answers come from the package's own layer.


def layer_norm(x, normalized_shape, weight, bias, eps):
    return numpy_layers.layer_norm(x, normalized_shape, weight, bias, eps)[0]


def layer_norm_backward(dy, x, weight, eps):
    cache = numpy_layers.layer_norm(x, weight.shape, weight, weight, eps)[1]
    return tuple(numpy_layers.layer_norm_backward(dy, cache))


def plain_norm(x, weight=1.0, eps=1e-5):
    """Return layer norm over the last axis, with a gain."""
    return numpy_layers.layer_norm(x, x.shape[-1:], eps=eps)[0] * weight


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_step(x, h, c, w_x, w_h, b, gain_x, gain_h, gain_c, shift_c):
    gates = plain_norm(x @ w_x, gain_x) + plain_norm(h @ w_h, gain_h) + b
    return wrong_cell(gates, c, lambda cell: plain_norm(cell, gain_c) + shift_c)


def invisible(a, changed):
    return tuple(float(same_up_to_scale(a, changed, axis)) for axis in (1, 0))


def which_hold(x, alpha, weight, bias):
    return wrong_verdicts(x, alpha, weight, bias)


def gap_for(value, eps):
    return 2 * np.sqrt(eps) * value / np.sqrt(1 - value**2)


# The wrong answers come from the textbook formula with one thing changed.


def _root(var, eps):
    return np.sqrt(var + eps)


def _trailing(x, normalized_shape):
    return tuple(range(x.ndim - len(normalized_shape), x.ndim))


def wrong_layer_norm(x, shape, weight, bias, eps, *, axes=_trailing, ddof=0, root=_root):
    axes = axes(x, shape)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, ddof=ddof, keepdims=True)
    return weight * (x - mean) / root(var, eps) + bias


def one_pass(x, shape, weight, bias, eps):
    axes = _trailing(x, shape)
    mean = x.mean(axes, keepdims=True)
    return weight * (x - mean) / _root((x * x).mean(axes, keepdims=True) - mean**2, eps) + bias


def wrong_backward(
    dy, x, weight, eps, *, mean=1, along=1, gain=True, scale=_root, axes=_trailing, summed=None
):
    group = _trailing(x, weight.shape)
    var = x.var(group, keepdims=True)
    x_hat = (x - x.mean(group, keepdims=True)) / _root(var, eps)
    g, axes = dy * weight if gain else dy, axes(x, weight.shape)
    centered = g - mean * g.mean(axes, keepdims=True)
    dx = (centered - along * x_hat * (g * x_hat).mean(axes, keepdims=True)) / scale(var, eps)
    batch = summed(x, weight.shape) if summed else tuple(range(x.ndim - weight.ndim))
    return dx, (dy * x_hat).sum(batch), dy.sum(batch)


def wrong_cell(gates, c, read, *, order="fiog", squash=np.tanh, keep=lambda cell: cell):
    parts = dict(zip(order, np.split(gates, 4, -1), strict=True))
    c = sigmoid(parts["f"]) * c + sigmoid(parts["i"]) * squash(parts["g"])
    return sigmoid(parts["o"]) * np.tanh(read(c)), keep(c)


def wrong_step(x, h, c, w_x, w_h, b, gain_x, gain_h, gain_c, shift_c, *, norm=plain_norm, **cell):
    gates = norm(x @ w_x, gain_x) + norm(h @ w_h, gain_h) + b
    return wrong_cell(gates, c, lambda c: norm(c, gain_c) + shift_c, **cell)


def norm_each_gate(z, gain):
    """Normalize the four gates one by one where there are four; a cell is a single group."""
    parts = np.split(z, 4, -1) if np.size(gain) == 12 else [z]
    return np.concatenate([plain_norm(part) for part in parts], -1) * gain


def norm_over_batch(z, gain):
    return (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) * gain


def same_up_to_scale(a, b, axis, *, mean=True, scale=True, signed=True):
    """Say whether rows (axis 1) or columns (axis 0) agree after normalization."""

    def norm(z):
        z = z - z.mean(axis, keepdims=True) if mean else z
        return z / np.sqrt((z**2).mean(axis, keepdims=True)) if scale else z

    one, other = norm(a), norm(b)
    if not signed:
        one, other = abs(one), abs(other)
    return np.allclose(one, other, atol=1e-6)


def wrong_invisible(a, changed, axes=(1, 0), **how):
    return tuple(float(same_up_to_scale(a, changed, axis, **how)) for axis in axes)


def wrong_verdicts(x, alpha, weight, bias, *, close=np.allclose, gain=True, shift=True):
    weight, bias = weight if gain else np.ones_like(weight), bias if shift else 0 * bias

    def y(z):
        centered = z - z.mean(-1, keepdims=True)
        return weight * centered / np.sqrt((centered**2).mean(-1, keepdims=True)) + bias

    first, scaled = y(x), y(alpha * x)
    lengths = [np.linalg.norm((value - bias) / weight, axis=-1) for value in (first, scaled)]
    claims = [(scaled, first), (scaled, -first), lengths, (scaled, 2 * bias - first)]
    return np.array([float(close(one, other)) for one, other in claims])


# Inputs


def _values(rng: Generator, *shape: int) -> np.ndarray:
    """Draw rows with means and spreads of their own, so that no two may be confused."""
    wide = (*shape[:-1], 1)
    return rng.normal(0, 2, wide) + rng.uniform(0.5, 3, wide) * rng.normal(size=shape)


def draw_forward(shape, trailing, rng: Generator):
    weight, bias = rng.normal(size=(2, *trailing))
    return {
        "x": _values(rng, *shape),
        "normalized_shape": trailing,
        "weight": weight,
        "bias": bias,
        "eps": 0.1,
    }


def draw_constant_row(rng: Generator):
    inputs = draw_forward((4, 6), (6,), rng)
    inputs["x"][1] = inputs["x"][1, 0]
    return inputs


def draw_large_mean(rng: Generator):
    inputs = draw_forward((4, 64), (64,), rng) | {"eps": 1e-5}
    inputs["x"] = (rng.normal(size=(4, 64)) + 1e4).astype(np.float32)
    return inputs


def draw_backward(shape, trailing, rng: Generator):
    x, dy = _values(rng, *shape), rng.normal(size=shape)
    return {"dy": dy, "x": x, "weight": rng.normal(size=trailing), "eps": 0.1}


def draw_step(rng: Generator):
    inputs = {"x": rng.normal(size=(5, 4)), "h": rng.normal(size=(5, 3))}
    inputs |= {"c": rng.normal(size=(5, 3)), "w_x": rng.normal(size=(4, 12))}
    inputs |= {"w_h": rng.normal(size=(3, 12)), "b": rng.normal(size=12)}
    inputs |= {name: rng.uniform(0.5, 2, size=12) for name in ("gain_x", "gain_h")}
    return inputs | {"gain_c": rng.uniform(0.5, 2, size=3), "shift_c": rng.normal(size=3)}


def draw_changes(kinds, rng: Generator):
    a = rng.normal(size=(6, 6))
    (row, column), (by_row, by_column) = (
        (values.T, values) for values in (rng.normal(size=(1, 6)), rng.uniform(0.3, 3, (1, 6)))
    )
    changed = {
        "row factors": by_row * a,
        "column factors": by_column * a,
        "factor": 1.7 * a,
        "row shifts": a + row,
        "column shifts": a + column,
        "shift": a + 0.4,
        "both for rows": by_row * a + row,
        "both for columns": by_column * a + column,
        "negative": -1.7 * a,
        "other": a + 0.1 * rng.normal(size=(6, 6)),
    }
    return {"a": a, "changes": np.stack([changed[kind] for kind in rng.permutation(kinds)])}


def show_each_change(function, inputs):
    """Return what `function` says of each change: one array for each norm."""
    answers = [function(inputs["a"], changed) for changed in inputs["changes"]]
    if any(not isinstance(answer, tuple) or len(answer) != 2 for answer in answers):
        return answers[0]
    return tuple(np.array(column, float) for column in zip(*answers, strict=True))


def draw_claims(sign, shift, rng: Generator):
    alpha = sign * float(rng.uniform(0.3, 3))
    weight, bias = rng.uniform(0.5, 2, 7), shift * rng.uniform(0.5, 2, 7)
    return {"x": _values(rng, 5, 7), "alpha": alpha, "weight": weight, "bias": bias}


def draw_gap(rng: Generator):
    return {"value": float(rng.uniform(0.2, 0.99)), "eps": float(rng.choice([1e-6, 1e-5, 1e-3]))}
