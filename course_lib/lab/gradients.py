"""Gradients by central differences, and standardization's backward pass one node at a time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, moments


class Stages(NamedTuple):
    """The gradient of every node of the graph, from the output back to the input."""

    dinv_std: Array  # (1, c)
    dvar: Array  # (1, c)
    dcentered: Array  # (m, c): both of its paths, the direct one and the one through var
    dmean: Array  # (1, c)
    dx: Array  # (m, c)


def staged_backward(g: Array, x: Array, eps: float) -> Stages:
    """Pull `g`, the gradient of x_hat, back through each node; (batch-norm-stages) of the chapter.

    Parameters
    ----------
    g, x : (m, c) floats
        The m values of each of c channels.
    eps : float
    """
    m = len(x)
    _, var, centered = moments(x, (0,))
    inv_std = 1 / np.sqrt(var + eps)
    dinv_std = (g * centered).sum(0, keepdims=True)
    dvar = -0.5 * inv_std**3 * dinv_std
    dcentered = inv_std * g + dvar * 2 * centered / m
    dmean = -dcentered.sum(0, keepdims=True)
    dx = dcentered + dmean / m
    return Stages(dinv_std, dvar, dcentered, dmean, dx)


def numeric_gradient(
    f: Callable[[Array], Array],
    x: Array,
    dy: Array,
    step: float,
) -> Array:
    """Return the gradient of ``sum(dy * f(x))`` by central differences, one number at a time.

    Parameters
    ----------
    f : function of an array shaped like `x`
        Called twice for each number in `x`.
    x : floats
        Left as it is; its precision is that of the differences.
    dy : array of the shape of ``f(x)``
        The upstream gradient; let it be random, see the chapter `batch_norm_backward`.
    step : float
        Best near the cube root of the precision's epsilon, times the spread of `x`.
    """
    dx = np.empty_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        dx[index] = (dy * (f(up) - f(down))).sum() / (2 * step)
    return dx
