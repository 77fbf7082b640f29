"""Convolution of images as one matrix product (im2col), with its hand-derived backward."""

import math
from numbers import Integral
from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_network.linear import require_bias

Pair = tuple[int, int]


class Conv2dCache(NamedTuple):
    """What the backward pass needs."""

    columns: Array  # (n oh ow, c kh kw): one row for each place of the window
    weight: Array  # (o, c, kh, kw)
    bias: Array | None  # (o,)
    shape: tuple[int, ...]  # of x: (n, c, h, w)
    stride: Pair
    padding: Pair


class Conv2dGrads(NamedTuple):
    """Gradients of `conv2d`; a bias that was not given has gradient None."""

    dx: Array
    dweight: Array
    dbias: Array | None


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> tuple[Array, Conv2dCache]:
    """Slide the kernels of `weight` over `x` and sum the products (a cross-correlation).

    Parameters
    ----------
    x : (n, c, h, w) floats
    weight : (o, c, kh, kw) floats
    bias : (o,) floats, or None
    stride, padding : int, or (rows, columns)
        Pixels between two windows; zeros added on each side.

    Returns
    -------
    y : (n, o, oh, ow), in the dtype of `x`; sums run in at least float32
    cache : Conv2dCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If a shape does not fit, the window is larger than the padded image, the stride is not
        positive or the padding is negative.
    """
    x = np.asarray(x)
    stride, padding = _pair(stride), _pair(padding)
    _require_window(x, weight, stride, padding)
    require_bias(bias, weight, "conv2d")
    sides = [(0, 0), (0, 0), *((side, side) for side in padding)]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(as_statistics_dtype(x), sides), weight.shape[2:], (2, 3)
    )[:, :, :: stride[0], :: stride[1]]  # (n, c, oh, ow, kh, kw)
    n, _, *places = windows.shape[:4]
    rows, values = n * math.prod(places), math.prod(weight.shape[1:])
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(rows, values)
    y = columns @ as_statistics_dtype(weight).reshape(-1, values).T
    if bias is not None:
        y = y + bias
    y = y.reshape(n, *places, len(weight)).transpose(0, 3, 1, 2)
    return y.astype(x.dtype), Conv2dCache(columns, weight, bias, x.shape, stride, padding)


def conv2d_backward(dy: Array, cache: Conv2dCache) -> Conv2dGrads:
    """Pull `dy`, of the shape of `y`, back through the convolution.

    A pixel was copied into every window that covers it, so its gradient is the sum of theirs.
    """
    columns, weight, bias, shape, stride, padding = cache
    n, o, *places = dy.shape
    rows = as_statistics_dtype(dy).transpose(0, 2, 3, 1).reshape(-1, o)
    dwindows = (rows @ weight.reshape(o, -1)).reshape(n, *places, *weight.shape[1:])
    (h, w), (below, beside) = shape[2:], padding
    dpadded = np.zeros((*shape[:2], h + 2 * below, w + 2 * beside), rows.dtype)
    for i, j in np.ndindex(weight.shape[2:]):
        covered = dpadded[:, :, i :: stride[0], j :: stride[1]][:, :, : places[0], : places[1]]
        covered += dwindows[..., i, j].transpose(0, 3, 1, 2)
    return Conv2dGrads(
        dpadded[:, :, below : below + h, beside : beside + w].astype(dy.dtype),
        (rows.T @ columns).reshape(weight.shape).astype(weight.dtype),
        None if bias is None else rows.sum(0).astype(bias.dtype),
    )


def _pair(value: int | Pair) -> Pair:
    """Return (rows, columns), from one number for both."""
    return (value, value) if isinstance(value, Integral) else tuple(value)


def _require_window(x: Array, weight: Array, stride: Pair, padding: Pair) -> None:
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            "expected x of shape (n, c, h, w) and weight of shape (o, c, kh, kw) with the same c, "
            f"got {x.shape} and {weight.shape}; channels stand on axis 1 of both"
        )
    if min(stride) < 1 or min(padding) < 0:
        raise ValueError(
            f"expected stride of at least 1 and padding of at least 0, got {stride} and {padding}; "
            "both count pixels"
        )
    sizes = zip(x.shape[2:], padding, weight.shape[2:], strict=True)
    if any(size + 2 * side < window for size, side, window in sizes):
        raise ValueError(
            f"expected a window no larger than the padded image, got weight {weight.shape} "
            f"for x {x.shape} with padding {padding}; pad more or use a smaller kernel"
        )
