"""Right and wrong answers to the group norm exercise, and its inputs."""

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers
from course_lib.numpy_layers.group_norm import split_shape

# The right answers come from the package's own layers.


def one_reduction(x, num_groups, over_batch, eps):
    view = x.reshape(split_shape(x, num_groups))
    axes = tuple(axis for axis in range(view.ndim) if axis > 1 or (axis == 0 and over_batch))
    return numpy_layers.standardize(view, axes, eps).x_hat.reshape(x.shape)


def group_norm(x, num_groups, weight, bias, eps):
    return numpy_layers.group_norm(x, num_groups, weight, bias, eps)[0]


def group_norm_backward(dy, x, num_groups, weight, eps):
    cache = numpy_layers.group_norm(x, num_groups, weight, weight, eps)[1]
    return tuple(numpy_layers.group_norm_backward(dy, cache))


def same_group(num_channels, num_groups, channel):
    """Return 1.0 for the channels whose values move the output of `channel`."""
    x = np.arange(2.0 * num_channels).reshape(1, num_channels, 2) ** 2
    before = numpy_layers.group_norm(x, num_groups)[0][:, channel]
    moved = []
    for other in range(num_channels):
        changed = x.copy()
        changed[:, other, 0] -= 1
        after = numpy_layers.group_norm(changed, num_groups)[0][:, channel]
        moved.append(float(not np.array_equal(before, after)))
    return np.array(moved)


def token_norms(tokens, eps):
    features_first = tokens.swapaxes(1, 2)
    return (
        numpy_layers.layer_norm(tokens, tokens.shape[-1:], eps=eps)[0],
        numpy_layers.group_norm(features_first, 1, eps=eps)[0].swapaxes(1, 2),
    )


def looks_at_batch(layer, x):
    """Compare each example's output with that of the example alone."""
    alone = np.concatenate([layer(x[i : i + 1].copy()) for i in range(len(x))])
    return float(np.abs(layer(x.copy()) - alone).max() > 1e-9)


# The wrong answers come from the textbook formula with one thing changed.


def root(var, eps):
    return np.sqrt(var + eps)


def split(x, g):
    return x.reshape(len(x), g, -1, *x.shape[2:])


def interleaved(x, g):
    """Put every g-th channel into one group: (n, g, c/g, *s), as a view with strides."""
    return x.reshape(len(x), -1, g, *x.shape[2:]).swapaxes(1, 2)


def _whole(view, x, interleave=False):
    return (view.swapaxes(1, 2) if interleave else view).reshape(x.shape)


def positions(view):
    return tuple(range(2, view.ndim))


def normalize(view, axes, eps, ddof=0, root=root, var=None):
    if var is None:
        var = view.var(axes, ddof=ddof, keepdims=True)
    return (view - view.mean(axes, keepdims=True)) / root(var, eps)


def wrong_reduction(x, g, over_batch, eps, *, axes=None, view=split, **changed):
    parts = view(x, g)
    right = (0, *positions(parts)) if over_batch else positions(parts)
    x_hat = normalize(parts, axes(parts, over_batch) if axes else right, eps, **changed)
    return _whole(x_hat, x, view is interleaved)


def wide(values, x):
    return np.reshape(values, (1, -1, *[1] * (x.ndim - 2)))


def wrong_group_norm(x, g, weight, bias, eps, *, wide=wide, **changed):
    return wrong_reduction(x, g, False, eps, **changed) * wide(weight, x) + wide(bias, x)


def mean_of_variances(x, g, weight, bias, eps):
    parts = split(x, g)
    inner = positions(parts)[1:]
    var = parts.var(inner, keepdims=True).mean(2, keepdims=True)
    x_hat = normalize(parts, positions(parts), eps, var=var)
    return _whole(x_hat, x) * wide(weight, x) + wide(bias, x)


def one_pass(x, g, weight, bias, eps):
    parts = split(x, g)
    axes = positions(parts)
    var = (parts * parts).mean(axes, keepdims=True) - parts.mean(axes, keepdims=True) ** 2
    with np.errstate(invalid="ignore"):  # such a variance may be negative
        x_hat = normalize(parts, axes, eps, var=var)
    return _whole(x_hat, x) * wide(weight, x) + wide(bias, x)


def wrong_backward(
    dy, x, g, weight, eps, *, mean=1, along=1, gain="before", scale=root, view=split, batch=None
):
    parts = view(x, g)
    axes = positions(parts)
    x_hat = normalize(parts, axes, eps)
    upstream = view(dy * wide(weight, x) if gain == "before" else dy, g)
    centered = upstream - mean * upstream.mean(axes, keepdims=True)
    centered = centered - along * x_hat * (upstream * x_hat).mean(axes, keepdims=True)
    dx = _whole(centered / scale(parts.var(axes, keepdims=True), eps), x, view is interleaved)
    dx = dx * wide(weight, x) if gain == "after" else dx
    summed = batch if batch is not None else (0, *range(2, x.ndim))
    x_hat = _whole(x_hat, x, view is interleaved)
    return dx, (dy * x_hat).sum(summed), dy.sum(summed)


def wrong_tokens(tokens, eps, *, first=(2,), second=(1, 2)):
    return normalize(tokens, first, eps), normalize(tokens, second, eps)


# Layers on which a test for batch dependence is tried: (layer, whether it looks at the batch).


def _mean_only(x):
    return x - x.mean((0, 2, 3), keepdims=True)


def _last_alone(x):
    """Let the last example through as it is; it decides the scale of the others."""
    return np.concatenate([x[:-1] / (1 + np.abs(x[-1:]).max()), x[-1:]]) if len(x) > 1 else x


KNOWN = (
    (lambda x: numpy_layers.batch_norm(x, None, None, training=True)[0], 1.0),
    (lambda x: numpy_layers.group_norm(x, 2)[0], 0.0),
    (lambda x: numpy_layers.layer_norm(x, x.shape[1:])[0], 0.0),
    (lambda x: numpy_layers.instance_norm(x)[0], 0.0),
)
HIDING = ((_mean_only, 1.0), (_last_alone, 1.0), KNOWN[1], KNOWN[3])


def verdicts(layers, function, inputs):
    """Ask about each layer twice, in the order of the inputs: no list of answers fits them all."""
    return np.array([float(function(layers[i][0], inputs["x"])) for i in inputs["order"]])


def moves(layer, x, change, watched, seen=lambda y: y):
    changed = change(x.copy())
    return float(np.abs(seen(layer(changed)) - seen(layer(x.copy())))[watched].max() > 1e-9)


def triple(index):
    def change(x):
        x[index] *= 3
        return x

    return change


# Inputs


def _values(rng: Generator, *shape: int, offset: float = 0.0) -> np.ndarray:
    """Draw channels with means and spreads of their own, so that no two may be confused."""
    per_channel = (shape[0], shape[1], *[1] * (len(shape) - 2))
    spread, center = rng.uniform(0.5, 3.0, per_channel), rng.normal(offset, 2.0, per_channel)
    return center + spread * rng.normal(size=shape)


def draw_reduction(g, over_batch, rng: Generator):
    x = _values(rng, 3, 6, 4, 5)
    return {"x": x, "num_groups": g, "over_batch": over_batch, "eps": 0.1}


def draw_layer(shape, g, rng: Generator):
    affine = {"weight": rng.normal(size=shape[1]), "bias": rng.normal(size=shape[1])}
    return {"x": _values(rng, *shape), "num_groups": g} | affine | {"eps": 0.1}


def draw_large_mean(rng: Generator):
    inputs = draw_layer((2, 6, 4, 4), 3, rng)
    return inputs | {"x": _values(rng, 2, 6, 4, 4, offset=1e4).astype(np.float32)}


def draw_constant(rng: Generator):
    inputs = draw_layer((2, 6, 4, 4), 3, rng)
    inputs["x"][:, 2:4] = rng.normal()
    return inputs | {"eps": 1e-5}


def draw_backward(shape, g, rng: Generator):
    inputs = draw_layer(shape, g, rng)
    del inputs["bias"]
    return {"dy": rng.normal(size=shape)} | inputs


def draw_channel(channels, rng: Generator):
    g = int(rng.choice([g for g in (2, 3, 4, 6, 8) if channels % g == 0 and g * g != channels]))
    return {"num_channels": channels, "num_groups": g, "channel": int(rng.integers(channels))}


def draw_tokens(rng: Generator):
    return {"tokens": _values(rng, 3, 5, 8), "eps": 0.1}


def draw_batch(rng: Generator):
    return {"x": _values(rng, 4, 6, 3, 3), "order": rng.permutation([*range(4)] * 2)}
