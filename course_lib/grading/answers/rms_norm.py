"""Right and wrong answers to the RMS norm exercise, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers

# The right answers come from the package's own layers.


def rms_norm(x, normalized_shape, weight, eps):
    return numpy_layers.rms_norm(x, normalized_shape, weight, eps)[0]


def rms_norm_backward(dy, x, weight, eps):
    cache = numpy_layers.rms_norm(x, weight.shape, weight, eps)[1]
    return tuple(numpy_layers.rms_norm_backward(dy, cache))


def partial_rms_norm(x, p, weight, eps):
    return numpy_layers.partial_rms_norm(x, x.shape[-1:], p, weight, eps)[0]


def scale_norm(x, g):
    return numpy_layers.scale_norm(x, g, eps=1e-5)[0]


def scale_norm_backward(dy, x, g):
    dx, dg = numpy_layers.scale_norm_backward(dy, numpy_layers.scale_norm(x, g, eps=1e-5)[1])
    return dx, dg


def attention(q, k, v, g):
    wide = (np.asarray(value, np.float64) for value in (q, k))
    return _attend(numpy_layers.query_key_norm(*wide, np.float64(g))[0], v)


def fold(w1, b1, gamma, beta, w2, b2):
    return w1 - w1.mean(0), b1 - b1.mean(), b2 + w2 @ beta


def invisible(a, changed):
    return wrong_invisible(a, changed)


# The wrong answers come from the textbook formula with one thing changed.


def _trailing(x, normalized_shape):
    return tuple(range(x.ndim - len(normalized_shape), x.ndim))


def _mean_square(x, axes):
    return np.square(x).mean(axes, keepdims=True)


def variance(x, axes):
    return x.var(axes, keepdims=True)


def root(square, eps):
    return np.sqrt(square + eps)


def wrong_rms_norm(
    x,
    shape,
    weight,
    eps,
    *,
    axes=_trailing,
    square=_mean_square,
    root=root,
    mean=0,
    wide=np.float64,
):
    axes, kept = axes(x, shape), x.astype(wide)
    kept = kept - mean * kept.mean(axes, keepdims=True)
    return weight * kept / root(square(kept, axes), kept.dtype.type(eps))


def wrong_backward(
    dy, x, weight, eps, *, mean=0, along=1, gain=True, scale=root, axes=_trailing, summed=None
):
    square = _mean_square(x, _trailing(x, weight.shape))
    x_hat = x / root(square, eps)
    g, axes = dy * weight if gain else dy, axes(x, weight.shape)
    left = g - mean * g.mean(axes, keepdims=True)
    dx = (left - along * x_hat * (g * x_hat).mean(axes, keepdims=True)) / scale(square, eps)
    batch = summed(x, weight.shape) if summed else tuple(range(x.ndim - weight.ndim))
    return dx, (dy * x_hat).sum(batch)


def wrong_partial(x, p, weight, eps, *, count=None, over=None, first=slice(None), only=False):
    k = count(x.shape[-1] * p) if count else int(np.ceil(x.shape[-1] * p))
    part = x[..., -k:] if first is None else x[..., :k]
    square = np.square(part).sum(-1, keepdims=True) / (over(x) if over else k)
    y = weight * x / root(square, eps)
    return np.concatenate([y[..., :k], (weight * x)[..., k:]], -1) if only else y


def wrong_scale(x, g, *, length=lambda x: np.linalg.norm(x, axis=-1, keepdims=True), eps=1e-5):
    return g * x / np.maximum(length(x), eps)


def wrong_scale_backward(dy, x, g, *, along=1, gain=True, scale=True, divide=1, squeeze=True):
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    x_hat = x / length
    up = g * dy if gain else dy
    dx = up - along * x_hat * (up * x_hat).sum(-1, keepdims=True) / divide
    dg = (dy * x_hat).sum() if squeeze else (dy * x).sum()
    return dx / length if scale else dx, dg


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def layer(x):
    return (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)


def _attend(logits, v, axis=-1):
    weights = np.exp(logits - logits.max(axis, keepdims=True))
    weights /= weights.sum(axis, keepdims=True)
    return logits, weights @ v


def wrong_attention(
    q, k, v, g, *, norm=unit, keys=None, scale=lambda g, d: g, axis=-1, dtype=np.float64
):
    q, k = q.astype(dtype), k.astype(dtype)
    cosines = norm(q) @ (keys or norm)(k).swapaxes(-1, -2)
    return _attend(scale(g, q.shape[-1]) * cosines, v, axis)


def wrong_fold(w1, b1, gamma, beta, w2, b2, *, axis=0, bias=True, shift=lambda w, g, b: w @ b):
    w = w1 - w1.mean(axis, keepdims=axis is not None)
    return w, b1 - b1.mean() if bias else b1, b2 + shift(w2, gamma, beta)


def wrong_invisible(a, changed, *, axis=-1, mean=False, signed=True):
    def norm(z):
        z = z - z.mean(axis, keepdims=True) if mean else z
        z = z / np.sqrt(np.square(z).mean(axis, keepdims=True))
        return z if signed else abs(z)

    return float(np.allclose(norm(a), norm(changed), atol=1e-6))


# Inputs


def _values(rng: Generator, *shape: int) -> np.ndarray:
    """Draw rows with means and spreads of their own, so that no two may be confused."""
    wide = (*shape[:-1], 1)
    return rng.normal(0, 2, wide) + rng.uniform(0.5, 3, wide) * rng.normal(size=shape)


def draw_forward(shape, trailing, rng: Generator):
    weight = rng.normal(size=trailing)
    x = _values(rng, *shape)
    return {"x": x, "normalized_shape": trailing, "weight": weight, "eps": 0.1}


def draw_zero_row(rng: Generator):
    inputs = draw_forward((4, 6), (6,), rng)
    inputs["x"][1] = 0
    return inputs


def draw_half(rng: Generator):
    inputs = draw_forward((4, 8), (8,), rng) | {"eps": 1e-5}
    inputs["x"] = (500 * rng.normal(size=(4, 8))).astype(np.float16)
    return inputs


def draw_backward(shape, trailing, rng: Generator):
    x, dy = _values(rng, *shape), rng.normal(size=shape)
    return {"dy": dy, "x": x, "weight": rng.normal(size=trailing), "eps": 0.1}


def draw_partial(d, p, rng: Generator):
    x, weight = _values(rng, 5, d), rng.normal(size=d)
    return {"x": x, "p": p, "weight": weight, "eps": 0.1}


def draw_scale(shape, rng: Generator):
    return {"x": _values(rng, *shape), "g": float(rng.uniform(1.5, 4))}


def draw_with_zero_vector(rng: Generator):
    inputs = draw_scale((4, 6), rng)
    inputs["x"][1] = 0
    return inputs


def draw_scale_backward(shape, rng: Generator):
    return {"dy": rng.normal(size=shape)} | draw_scale(shape, rng)


def draw_attention(shape, size, dtype, rng: Generator):
    """Draw as many queries as keys, so that the wrong axis runs through."""
    q, k, v = rng.normal(size=(3, *shape))
    q, k = ((size * z).astype(dtype) for z in (q + 0.5, k - 0.3))
    return {"q": q, "k": k, "v": v, "g": float(rng.uniform(3, 6))}


def draw_fold(d, rng: Generator):
    w1, w2 = rng.normal(size=(2, d, d))
    b1, gamma, beta, b2 = rng.normal(size=(4, d))
    return {"w1": w1, "b1": b1, "gamma": gamma, "beta": beta, "w2": w2, "b2": b2}


def draw_changes(kinds, rng: Generator):
    a = rng.normal(size=(6, 6))
    factors, shifts = rng.uniform(0.3, 3, 6), rng.normal(size=6)
    changed = {
        "row factors": factors[:, None] * a,
        "column factors": factors * a,
        "row shifts": a + shifts[:, None],
        "shift": a + 0.4,
        "negative": -1.7 * a,
    }
    return {"a": a, "changes": np.stack([changed[kind] for kind in rng.permutation(kinds * 2)])}


def show_each_change(function, inputs):
    """Return what `function` says of each change."""
    return np.array([function(inputs["a"], changed) for changed in inputs["changes"]])
