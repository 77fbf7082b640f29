"""The affine map over the last axis, with its hand-derived backward."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype


class LinearCache(NamedTuple):
    """What the backward pass needs."""

    x: Array  # (*b, in)
    weight: Array  # (out, in)
    bias: Array | None  # (out,)


class LinearGrads(NamedTuple):
    """Gradients of `linear`; a bias that was not given has gradient None."""

    dx: Array
    dweight: Array
    dbias: Array | None


def linear(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, LinearCache]:
    """Compute ``x @ weight.T + bias``.

    Parameters
    ----------
    x : (*b, in) floats
    weight : (out, in) floats
    bias : (out,) floats, or None

    Returns
    -------
    y : (*b, out), in the dtype of `x`; sums run in at least float32
    cache : LinearCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `weight` does not fit the features of `x`, or `bias` does not fit `weight`.
    """
    x = np.asarray(x)
    if x.ndim == 0 or weight.ndim != 2 or weight.shape[1] != x.shape[-1]:
        raise ValueError(
            f"expected weight of shape (out, in) with in the last dimension of x {x.shape}, "
            f"got {weight.shape}; linear keeps one row an output, as torch does"
        )
    require_bias(bias, weight, "linear")
    y = as_statistics_dtype(x) @ as_statistics_dtype(weight).T
    if bias is not None:
        y = y + bias
    return y.astype(x.dtype), LinearCache(x, weight, bias)


def require_bias(bias: Array | None, weight: Array, layer: str) -> None:
    """Refuse a bias that has not one value for each output of `weight`."""
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"expected bias of shape {weight.shape[:1]} to match weight {weight.shape}, "
            f"got {bias.shape}; {layer} adds one value an output"
        )


def linear_backward(dy: Array, cache: LinearCache) -> LinearGrads:
    """Pull `dy`, of the shape of `y`, back through the map.

    y_o is the sum of x_i w_oi: along x the slope is the weight, along the weight it is x, and
    every example adds its part.
    """
    x, weight, bias = cache
    wide_dy = as_statistics_dtype(dy)
    rows = wide_dy.reshape(-1, weight.shape[0])
    return LinearGrads(
        (wide_dy @ weight).astype(x.dtype),
        (rows.T @ x.reshape(-1, weight.shape[1])).astype(weight.dtype),
        None if bias is None else rows.sum(0).astype(bias.dtype),
    )
