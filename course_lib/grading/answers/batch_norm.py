"""Right and wrong answers to the batch norm exercise, and its inputs."""

import math

import numpy as np
from numpy.random import Generator

from course_lib import numpy_layers

# The right answers come from the package's own layer.


def statistics(x):
    mean, var, _ = numpy_layers.moments(x, axes(x))
    return mean.ravel(), var.ravel()


def normalize(x, weight, bias, eps):
    return numpy_layers.batch_norm(x, None, None, weight, bias, training=True, eps=eps)[0]


def evaluate(x, running_mean, running_var, weight, bias, eps):
    return numpy_layers.batch_norm(x, running_mean, running_var, weight, bias, eps=eps)[0]


def batch_norm(x, running_mean, running_var, weight, bias, training):
    return numpy_layers.batch_norm(x, running_mean, running_var, weight, bias, training)[0]


def update(running_mean, running_var, x, momentum):
    numpy_layers.batch_norm(x, running_mean, running_var, training=True, momentum=momentum)


def update_cumulative(running_mean, running_var, x, batches_seen):
    update(running_mean, running_var, x, 1 / (batches_seen + 1))


def batches_to_forget(momentum, share):
    return math.ceil(math.log(share) / math.log(1 - momentum))


# The wrong answers come from the textbook formula with one thing changed.


def axes(x):
    return (0, *range(2, x.ndim))


def _wide(values, x):
    return np.reshape(values, (1, -1, *[1] * (x.ndim - 2)))


def _root(var, eps):
    return np.sqrt(var + eps)


def wrong_normalize(x, weight, bias, eps, *, ddof=0, root=_root, wide=_wide):
    mean, var = x.mean(axes(x), keepdims=True), x.var(axes(x), ddof=ddof, keepdims=True)
    return wide(weight, x) * (x - mean) / root(var, eps) + wide(bias, x)


def wrong_update(running_mean, running_var, x, momentum, *, ddof=1, scale=1.0):
    running_mean[:] = (1 - momentum) * running_mean + momentum * x.mean(axes(x))
    var = x.var(axes(x), ddof=ddof) * scale
    running_var[:] = (1 - momentum) * running_var + momentum * var


def wrong_evaluate(x, running_mean, running_var, weight, bias, eps, *, root=_root):
    x_hat = (x - _wide(running_mean, x)) / root(_wide(running_var, x), eps)
    return _wide(weight, x) * x_hat + _wide(bias, x)


# Inputs


def _values(rng: Generator, *shape: int, offset: float = 0.0) -> np.ndarray:
    """Draw channels with means and spreads of their own, so that no two may be confused."""
    wide = (1, shape[1], *[1] * (len(shape) - 2))
    spread, center = rng.uniform(0.5, 3.0, wide), rng.normal(offset, 2.0, wide)
    return center + spread * rng.normal(size=shape)


def _memory(rng: Generator, c: int) -> dict[str, np.ndarray]:
    return {"running_mean": rng.normal(size=c), "running_var": rng.uniform(0.5, 2.0, c)}


def _affine(rng: Generator, c: int) -> dict[str, np.ndarray]:
    return {"weight": rng.normal(size=c), "bias": rng.normal(size=c)}


def draw_x(shape, rng: Generator):
    return {"x": _values(rng, *shape)}


def draw_large_mean(rng: Generator):
    return {"x": _values(rng, 16, 3, offset=1e4).astype(np.float32)}


def draw_training(shape, rng: Generator):
    return draw_x(shape, rng) | _affine(rng, shape[1]) | {"eps": 0.1}


def draw_constant_channel(rng: Generator):
    inputs = draw_training((8, 3), rng)
    inputs["x"][:, 1] = inputs["x"][0, 1]
    return inputs


def draw_update(shape, rng: Generator):
    return _memory(rng, shape[1]) | draw_x(shape, rng) | {"momentum": rng.uniform(0.05, 0.3)}


def draw_evaluation(shape, rng: Generator):
    return draw_x(shape, rng) | _memory(rng, shape[1]) | _affine(rng, shape[1]) | {"eps": 0.1}


def draw_first_batches(rng: Generator):
    batches = np.stack([_values(rng, 6, 4, offset=1.0) for _ in range(3)])
    return {"running_mean": np.zeros(4), "running_var": np.ones(4), "batches": batches}


def show_batches_in_turn(function, inputs):
    for seen, x in enumerate(inputs["batches"]):
        function(inputs["running_mean"], inputs["running_var"], x, seen)


def draw_share(rng: Generator):
    return {"momentum": float(rng.choice([0.01, 0.05, 0.1])), "share": rng.uniform(0.01, 0.3)}


def draw_layer(shape, training, rng: Generator):
    inputs = draw_x(shape, rng) | _memory(rng, shape[1]) | _affine(rng, shape[1])
    return inputs | {"training": training}
