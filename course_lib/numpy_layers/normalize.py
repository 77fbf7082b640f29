"""Unit norm: each vector along an axis divided by its own p-norm."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_eps, require_floats


class NormalizeCache(NamedTuple):
    """What the backward pass needs."""

    y: Array  # shape of x, in at least float32
    size: Array  # max(norm, eps), the reduced axes kept as length 1
    clamped: Array  # where eps stood in for the norm, which is then a constant
    p: float
    axes: tuple[int, ...]


class NormalizeGrads(NamedTuple):
    """The gradient of `normalize`."""

    dx: Array


def normalize(
    x: Array, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12
) -> tuple[Array, NormalizeCache]:
    """Divide each vector of `x` along `dim` by its p-norm, or by `eps` where the norm is smaller.

    Parameters
    ----------
    x : floats, any shape
    p : float
        Exponent of the norm: 2 for length, 1 for the sum of magnitudes, inf for the largest one.
    dim : int, or sequence of int
        The axes of one vector.
    eps : float
        Smallest divisor; a zero vector stays zero.

    Returns
    -------
    y : shape and dtype of `x`
    cache : NormalizeCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` has no axis `dim`, or `eps` is negative or not finite.

    Notes
    -----
    No statistics: neither a mean nor a variance. For p = 2 this is RMS norm over the same axes
    but for a factor √d and the place of eps.
    """
    x = np.asarray(x)
    axes = require_axes(x, dim)
    require_eps(eps)
    wide = as_statistics_dtype(x)
    norm = _p_norm(wide, p, axes)
    size = np.maximum(norm, np.asarray(eps, wide.dtype))
    y = wide / size
    return y.astype(x.dtype), NormalizeCache(y, size, norm < eps, p, axes)


def normalize_backward(dy: Array, cache: NormalizeCache) -> NormalizeGrads:
    """Pull `dy`, of the shape of `x`, back through the division by the norm.

    A longer x gives the same y, so the part of dy along y is taken away. It leaves along the
    gradient of the norm, which is y itself for p = 2 only; a norm below eps has no gradient.
    """
    y, size, clamped, p, axes = cache
    wide_dy = as_statistics_dtype(dy)
    along_y = np.where(clamped, 0, (wide_dy * y).sum(axes, keepdims=True))
    dx = (wide_dy - along_y * _norm_gradient(y, p, axes)) / size
    return NormalizeGrads(dx.astype(dy.dtype))


def _p_norm(x: Array, p: float, axes: tuple[int, ...]) -> Array:
    """Return the p-norm of `x` over `axes`, kept as length 1; p may be 0, negative or infinite."""
    magnitude = np.abs(x)
    if p == np.inf:
        return magnitude.max(axes, keepdims=True)
    if p == -np.inf:
        return magnitude.min(axes, keepdims=True)
    if p == 0:
        return (x != 0).sum(axes, keepdims=True).astype(x.dtype)
    if p == 2:
        return np.sqrt(np.square(x).sum(axes, keepdims=True))
    with np.errstate(divide="ignore"):  # a negative power of zero is infinite, its norm is 0
        return (magnitude**p).sum(axes, keepdims=True) ** (1 / p)


def _norm_gradient(y: Array, p: float, axes: tuple[int, ...]) -> Array:
    """Return the gradient of the p-norm at ``y = x / norm``: it does not depend on the length."""
    if p == 0:
        return np.zeros_like(y)
    if np.isinf(p):
        peaks = np.abs(y) == 1  # they share the gradient, as torch's do
        return np.sign(y) * peaks / np.maximum(peaks.sum(axes, keepdims=True), 1)
    return np.sign(y) * np.where(y == 0, 1, np.abs(y)) ** (p - 1)


def require_axes(x: Any, dim: int | Sequence[int]) -> tuple[int, ...]:
    """Return `dim` as axes counted from 0; refuse what `x`, array or tensor, does not have.

    A single number passes as a vector of one value, as in torch.
    """
    require_floats(x, {})
    shape = tuple(x.shape)
    rank = max(len(shape), 1)
    axes = (dim,) if isinstance(dim, int) else tuple(dim)
    if not all(-rank <= axis < rank for axis in axes):
        raise ValueError(
            f"expected dim from {-rank} to {rank - 1} for shape {shape}, got {dim}; "
            "count the axes from 0, or from the end with -1"
        )
    return tuple(axis % rank for axis in axes) if shape else ()
