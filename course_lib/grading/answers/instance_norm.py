"""Right and wrong answers to the instance norm exercise, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers

# The right answers come from the package's own layers.


def instance_norm(x, weight, bias, eps):
    return numpy_layers.instance_norm(x, weight=weight, bias=bias, eps=eps)[0]


def backward(dy, x, weight, eps):
    _, cache = numpy_layers.instance_norm(x, weight=weight, bias=np.zeros_like(weight), eps=eps)
    return tuple(numpy_layers.instance_norm_backward(dy, cache))


def adain(x, style, eps):
    return numpy_layers.adaptive_instance_norm(x, style, eps)[0]


def conditional(x, style, weight, bias, eps):
    return numpy_layers.conditional_instance_norm(x, style, weight, bias, eps)[0]


def factor(a, std, eps):
    return np.sign(a) * np.sqrt((std**2 + eps) / (std**2 + eps / a**2))


def twin(x):
    return 0.5 * x + 0.1


# The wrong answers come from the textbook formula with one thing changed.


def positions(x):
    return tuple(range(2, x.ndim))


def _root(var, eps):
    return np.sqrt(var + eps)


def _wide(values, x):
    return np.reshape(values, (1, -1, *[1] * (x.ndim - 2)))


def x_hat(x, eps, *, axes=positions, ddof=0, root=_root):
    mean, var = (f(axes(x), keepdims=True) for f in (x.mean, x.var))
    count = x.size // mean.size
    return (x - mean) / root(var * count / (count - ddof), eps)


def wrong_forward(x, weight, bias, eps, *, wide=_wide, **changes):
    return wide(weight, x) * x_hat(x, eps, **changes) + wide(bias, x)


def one_pass(x, weight, bias, eps):
    mean = x.mean(positions(x), keepdims=True)
    var = (x * x).mean(positions(x), keepdims=True) - mean**2
    return _wide(weight, x) * (x - mean) / np.sqrt(var + eps) + _wide(bias, x)


def wrong_backward(
    dy, x, weight, eps, *, axes=positions, mean=1, along=1, gain=1, root=_root, batch=(0,)
):
    """Leave a term out by its factor 0, or take other axes."""
    normal = x_hat(x, eps, axes=axes, root=root)
    inv_std = 1 / root(x.var(axes(x), keepdims=True), eps)
    g = dy * (_wide(weight, x) if gain else 1)
    g_mean, g_along = (v.mean(axes(x), keepdims=True) for v in (g, g * normal))
    dx = inv_std * (g - mean * g_mean - along * normal * g_along)
    sums = (*batch, *positions(x))
    return dx, (dy * normal).sum(sums), dy.sum(sums)


def wrong_adain(x, style, eps, *, root=_root, axes=positions, ddof=0, mean=1):
    center = style.mean(axes(style), keepdims=True)
    var = style.var(axes(style), ddof=ddof, keepdims=True)
    return x_hat(x, eps, axes=axes) * root(var, eps) + mean * center


def wrong_conditional(x, style, weight, bias, eps, *, rows=lambda table, style: table[style]):
    scale, shift = (rows(table, style) for table in (weight, bias))
    return x_hat(x, eps) * scale[..., None, None] + shift[..., None, None]


# Inputs


def _values(rng: Generator, *shape: int, offset: float = 0.0) -> np.ndarray:
    """Draw channels of each example with means and spreads of their own."""
    wide = (*shape[:2], *[1] * (len(shape) - 2))
    spread, center = rng.uniform(0.5, 3.0, wide), rng.normal(offset, 2.0, wide)
    return center + spread * rng.normal(size=shape)


def _affine(rng: Generator, *shape: int) -> dict[str, np.ndarray]:
    return {"weight": rng.normal(size=shape), "bias": rng.normal(size=shape)}


def draw_forward(shape, rng: Generator):
    return {"x": _values(rng, *shape)} | _affine(rng, shape[1]) | {"eps": 0.1}


def draw_constant_channel(rng: Generator):
    inputs = draw_forward((3, 2, 5), rng)
    inputs["x"][1, 0] = inputs["x"][1, 0, 0]
    return inputs


def draw_large_mean(rng: Generator):
    x = _values(rng, 2, 3, 40, offset=1e4).astype(np.float32)
    return {"x": x, "weight": np.ones(3, np.float32), "bias": np.zeros(3, np.float32), "eps": 1e-5}


def draw_backward(shape, rng: Generator):
    inputs = {"dy": rng.normal(size=shape), "x": _values(rng, *shape)}
    return inputs | {"weight": rng.normal(size=shape[1]), "eps": 0.1}


def draw_adain(shape, style_shape, rng: Generator):
    return {"x": _values(rng, *shape), "style": _values(rng, *style_shape), "eps": 0.1}


def draw_conditional(n, rng: Generator):
    """Draw four styles for four channels, so that rows and columns may be confused."""
    # Neither in order nor one off, so that each way to lose the style shows.
    style = rng.choice([[2, 3, 0, 1], [3, 2, 1, 0], [2, 0, 3, 1], [3, 0, 1, 2], [1, 3, 0, 2]])[:n]
    return {"x": _values(rng, n, 4, 3, 4), "style": style} | _affine(rng, 4, 4) | {"eps": 0.1}


def draw_factor(sign, rng: Generator):
    return {"a": sign * rng.uniform(0.1, 0.5), "std": rng.uniform(0.1, 0.3), "eps": 0.01}


def draw_picture(rng: Generator):
    return {"x": rng.uniform(size=(3, 12, 16))}


def show_what_the_layer_sees(function, inputs):
    """Say how far the answer is another picture, and whether the layer notices."""
    x = inputs["x"]
    y = np.asarray(function(x), float)
    if y.shape != x.shape:
        return y
    old, new = (x_hat(picture[None], 1e-9)[0] for picture in (x, y))
    alike = (old * new).mean((1, 2)).min()  # correlation of the worst channel
    differs = np.sqrt(((y - x) ** 2).mean()) > 0.05
    inside = y.min() >= 0 and y.max() <= 1
    return np.array([float(differs), float(inside), np.round(alike, 3)])
