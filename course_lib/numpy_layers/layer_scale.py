"""LayerScale: one learned factor a channel on what a residual branch adds."""

from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_floats


class LayerScaleCache(NamedTuple):
    """What the backward pass needs."""

    x: Array  # (*b, c, *s)
    weight: Array  # (c, *1)
    dim: int


class LayerScaleGrads(NamedTuple):
    """Gradients of `layer_scale`."""

    dx: Array
    dweight: Array  # (c,)


def layer_scale(x: Array, weight: Array, dim: int = -1) -> tuple[Array, LayerScaleCache]:
    """Multiply each channel of `x` by its own factor.

    Parameters
    ----------
    x : floats
    weight : (c,) floats
    dim : int
        The axis of the channels: -1 for tokens, 1 for images (n, c, h, w).

    Returns
    -------
    y : shape and dtype of `x`
    cache : LayerScaleCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `weight` has not one value for each channel.

    References
    ----------
    Touvron et al. (2021), "Going deeper with Image Transformers".
    """
    x = np.asarray(x)
    wide, weight = as_statistics_dtype(x), along(weight, x, dim)
    return (wide * weight).astype(x.dtype), LayerScaleCache(x, weight, dim)


def along(weight: Any, x: Any, dim: int) -> Any:
    """Reshape (c,) to broadcast along axis `dim` of `x`, arrays and tensors alike."""
    require_floats(x, {"weight": weight})
    if not -x.ndim <= dim < x.ndim or tuple(weight.shape) != (x.shape[dim],):
        raise ValueError(
            f"expected weight with one value for each channel of x {tuple(x.shape)} on axis {dim}, "
            f"got {tuple(weight.shape)}; name the axis of the channels with dim"
        )
    return weight.reshape(-1, *(1,) * (x.ndim - 1 - dim % x.ndim))


def layer_scale_backward(dy: Array, cache: LayerScaleCache) -> LayerScaleGrads:
    """Pull `dy` back: a product gives each factor the other as its slope."""
    x, weight, dim = cache
    wide_dy = as_statistics_dtype(dy)
    others = tuple(axis for axis in range(x.ndim) if axis != dim % x.ndim)
    dweight = (wide_dy * as_statistics_dtype(x)).sum(others)
    return LayerScaleGrads((wide_dy * weight).astype(x.dtype), dweight.astype(weight.dtype))


def layer_scale_start(depth: int) -> float:
    """Return the paper's first factor for a transformer of `depth` blocks (its 18, 24, deeper)."""
    return 0.1 if depth <= 18 else 1e-5 if depth <= 24 else 1e-6
