"""ReZero: a residual branch behind one learned factor that starts at 0."""

from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.deep_norm import require_branch
from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_floats


class ReZeroCache(NamedTuple):
    """What the backward pass needs."""

    g: Array
    weight: Array
    dtype: np.dtype  # of x


class ReZeroGrads(NamedTuple):
    """Gradients of `re_zero`."""

    dx: Array
    dg: Array
    dweight: Array


def re_zero(x: Array, g: Array, weight: Array) -> tuple[Array, ReZeroCache]:
    """Return ``x + weight * g``.

    Parameters
    ----------
    x, g : floats of one shape
        The skip connection, and what the sublayer made of it.
    weight : () float
        The paper's α; at its start, 0, the block is the identity and `g` receives no gradient.

    Returns
    -------
    y : shape and dtype of `x`; the sum is taken in at least float32
    cache : ReZeroCache

    Raises
    ------
    TypeError
        If `x` or `g` is not floating-point.
    ValueError
        If `g` has not the shape of `x`, or `weight` more than one value.

    References
    ----------
    Bachlechner et al. (2021), "ReZero is all you need", equation 1.
    """
    x, g, weight = np.asarray(x), np.asarray(g), np.asarray(weight)
    require_branch(x, g)
    require_scalar(weight, x)
    y = as_statistics_dtype(x) + weight * as_statistics_dtype(g)
    return y.astype(x.dtype), ReZeroCache(g, weight, x.dtype)


def re_zero_backward(dy: Array, cache: ReZeroCache) -> ReZeroGrads:
    """Pull `dy` back: all of it along the skip, and to the factor what the branch would add."""
    g, weight, dtype = cache
    wide_dy = as_statistics_dtype(dy)
    dweight = (wide_dy * as_statistics_dtype(g)).sum()
    return ReZeroGrads(
        dy.astype(dtype), (weight * wide_dy).astype(g.dtype), dweight.astype(weight.dtype)
    )


def require_scalar(weight: Any, x: Any) -> None:
    """Refuse more than one factor."""
    require_floats(x, {"weight": weight})
    if tuple(weight.shape) != ():
        raise ValueError(
            f"expected weight of shape (), got {tuple(weight.shape)}; "
            "ReZero has one factor a block, LayerScale one a channel"
        )
