"""Weight normalization: each filter as a length times a direction, learned apart."""

from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.normalize import (
    NormalizeCache,
    normalize,
    normalize_backward,
    require_axes,
)
from course_lib.numpy_layers.shapes import require_floats


class WeightNormCache(NamedTuple):
    """What the backward pass needs."""

    direction: NormalizeCache  # of v / ‖v‖
    g: Array


class WeightNormGrads(NamedTuple):
    """Gradients of `weight_norm`."""

    dv: Array
    dg: Array


def weight_norm(v: Array, g: Array, dim: int | None = 0) -> tuple[Array, WeightNormCache]:
    """Give each slice of `v` along `dim` the length that `g` holds for it.

    Parameters
    ----------
    v : (..., n, ...) floats
        Directions; a layer's weight has its n filters on axis 0.
    g : (..., 1, n, 1, ...) floats
        Lengths, the reduced axes kept as length 1; () where `dim` is None or -1.
    dim : int or None
        The axis that keeps its own lengths. None and -1 stand for one length of the whole of
        `v`, as in torch; write the last axis as ``v.ndim - 1``.

    Returns
    -------
    w : shape and dtype of `v`
        ``g * v / ‖v‖``.
    cache : WeightNormCache

    Raises
    ------
    TypeError
        If `v` is not floating-point.
    ValueError
        If `v` has no axis `dim`, or `g` does not hold one value for each slice.

    Notes
    -----
    Axes: all but `dim`. No mean is taken away. A slice of zeros has no direction: it becomes NaN,
    as in torch.

    References
    ----------
    Salimans & Kingma (2016), "Weight normalization".
    """
    v, g = np.asarray(v), np.asarray(g)
    axes = require_lengths(v, g, dim)
    with np.errstate(invalid="ignore"):
        unit, direction = normalize(as_statistics_dtype(v), 2.0, axes, eps=0.0)
    return (g * unit).reshape(v.shape).astype(v.dtype), WeightNormCache(direction, g)


def weight_norm_backward(dw: Array, cache: WeightNormCache) -> WeightNormGrads:
    """Pull `dw`, of the shape of `v`, back to direction and length.

    The length of v does not matter, so dv is orthogonal to v: ‖v‖ can only grow along its steps.
    """
    direction, g = cache
    wide_dw = as_statistics_dtype(dw)
    dv = normalize_backward(wide_dw * g, direction).dx
    dg = (wide_dw * direction.y).sum(direction.axes).reshape(g.shape)
    return WeightNormGrads(dv.astype(dw.dtype), dg.astype(g.dtype))


def require_lengths(v: Any, g: Any, dim: int | None) -> tuple[int, ...]:
    """Return the axes that share a length; refuse a `g` that has not one value for each slice."""
    require_floats(v, {"g": g})
    axes = lengthwise_axes(v, dim)
    whole = len(axes) == v.ndim
    lengths = () if whole else tuple(1 if i in axes else n for i, n in enumerate(v.shape))
    if tuple(g.shape) != lengths:
        raise ValueError(
            f"expected g of shape {lengths} for v {tuple(v.shape)} and dim {dim}, "
            f"got {tuple(g.shape)}; weight_norm keeps one length a slice along dim"
        )
    return axes


def lengthwise_axes(v: Any, dim: int | None) -> tuple[int, ...]:
    """Return every axis but `dim`; every axis where `dim` is None or -1."""
    kept = () if dim is None or dim == -1 else require_axes(v, dim)
    return tuple(axis for axis in range(v.ndim) if axis not in kept)
