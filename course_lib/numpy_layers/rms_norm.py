"""Root mean square normalization: the length of an example is erased, its mean is kept."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_eps, require_floats, require_trailing


class RMSNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (*b, *normalized_shape)
    inv_rms: Array  # (*b, *1)
    weight: Array | None  # normalized_shape
    measured: Array  # normalized_shape of bool: the features that the root mean square saw


class RMSNormGrads(NamedTuple):
    """Gradients of `rms_norm`; a weight that was not given has gradient None."""

    dx: Array
    dweight: Array | None


def rms_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    eps: float | None = None,
) -> tuple[Array, RMSNormCache]:
    """Divide each example of `x` by the root mean square over its trailing axes.

    Parameters
    ----------
    x : (*b, *normalized_shape) floats
    normalized_shape : sequence of int
        The trailing shape that shares one root mean square, for example ``(d,)``.
    weight : normalized_shape floats, or None
        γ, one value a feature; None stands for 1.
    eps : float, or None
        Added to the mean square, inside the root; None is the machine epsilon of the precision
        that computes: 2⁻²³ for float16 and float32, 2⁻⁵² for float64.

    Returns
    -------
    y : shape and dtype of `x`
    cache : RMSNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` does not end in `normalized_shape`, `weight` has another shape, there is no
        feature, or `eps` is negative or not finite.

    Notes
    -----
    Axes: the last ``len(normalized_shape)``. The mean of squares, not a variance: nothing is
    subtracted, and there is no β.

    References
    ----------
    Zhang & Sennrich (2019), "Root mean square layer normalization".
    """
    return partial_rms_norm(x, normalized_shape, 1.0, weight, eps)


def partial_rms_norm(
    x: Array,
    normalized_shape: Sequence[int],
    p: float,
    weight: Array | None = None,
    eps: float | None = None,
) -> tuple[Array, RMSNormCache]:
    """Divide each example of `x` by the root mean square of its first features.

    Parameters
    ----------
    x, normalized_shape, weight, eps
        As in `rms_norm`.
    p : float
        Share of the features that is measured, above 0 and at most 1: of n, the first ⌈n·p⌉ (of
        several axes in row-major order).

    Returns
    -------
    y : shape and dtype of `x`
    cache : RMSNormCache
        Its backward pass is `rms_norm_backward` too.

    Raises
    ------
    TypeError, ValueError
        As `rms_norm`, and if `p` is outside its range.

    Notes
    -----
    The authors' code rounds n·p down, which leaves nothing to measure where n·p < 1.

    References
    ----------
    Zhang & Sennrich (2019), "Root mean square layer normalization", pRMSNorm.
    """
    x, shape = np.asarray(x), tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight}, "rms_norm")
    require_eps(0.0 if eps is None else eps)
    measured = np.arange(math.prod(shape)).reshape(shape) < measured_features(shape, p)
    wide, axes = as_statistics_dtype(x), tuple(range(-len(shape), 0))
    mean_square = np.square(wide).mean(axes, keepdims=True, where=measured)
    inv_rms = 1 / np.sqrt(mean_square + (np.finfo(wide.dtype).eps if eps is None else eps))
    x_hat = wide * inv_rms
    y = x_hat if weight is None else x_hat * weight
    return y.astype(x.dtype), RMSNormCache(x_hat, inv_rms, weight, measured)


def rms_norm_backward(dy: Array, cache: RMSNormCache) -> RMSNormGrads:
    """Pull `dy`, of the shape of `x`, back through RMS norm, partial or not."""
    x_hat, inv_rms, weight, measured = cache
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * weight
    # One direction was erased, x_hat; every feature feels the root, only the measured move it.
    along_x_hat = (g * x_hat).sum(tuple(range(-measured.ndim, 0)), keepdims=True) / measured.sum()
    dx = inv_rms * (g - np.where(measured, x_hat * along_x_hat, 0))
    batch = tuple(range(dy.ndim - measured.ndim))
    return RMSNormGrads(
        dx.astype(dy.dtype),
        None if weight is None else (wide_dy * x_hat).sum(batch).astype(weight.dtype),
    )


class AddRMSNormGrads(NamedTuple):
    """Gradients of `add_rms_norm`; a weight that was not given has gradient None."""

    dx: Array
    dresidual: Array  # equal to dx
    dweight: Array | None


def add_rms_norm(
    x: Array, residual: Array, weight: Array | None = None, eps: float | None = None
) -> tuple[Array, Array, RMSNormCache]:
    """Add `x` to the residual stream and normalize the sum, as between two sublayers.

    Parameters
    ----------
    x, residual : (*b, *normalized_shape) floats of one dtype
        What a sublayer returned, and the stream that went around it.
    weight : normalized_shape floats, or None
        γ; None stands for 1, and for a root mean square over the last axis alone.
    eps : float, or None
        As in `rms_norm`.

    Returns
    -------
    y : shape and dtype of `x`
        RMS norm of `total`, the input of the next sublayer.
    total : shape and dtype of `x`
        x + residual, the stream that goes on.
    cache : RMSNormCache

    Raises
    ------
    TypeError, ValueError
        As `rms_norm`, and if `residual` differs from `x` in shape or dtype.

    Notes
    -----
    One pass over the memory in the place of two, where it is one kernel
    (`course_lib.triton_kernels`): the sum need not be read again to be normalized.
    """
    x = np.asarray(x)
    shape = require_sum(x, residual, weight)
    total = x + residual
    y, cache = rms_norm(total, shape, weight, eps)
    return y, total, cache


def add_rms_norm_backward(dy: Array, dtotal: Array, cache: RMSNormCache) -> AddRMSNormGrads:
    """Pull the gradients of both results back: a sum hands its gradient on to both parts."""
    through_y, dweight = rms_norm_backward(dy, cache)
    dx = through_y + dtotal
    return AddRMSNormGrads(dx, dx.copy(), dweight)


def require_sum(x: Any, residual: Any, weight: Any) -> tuple[int, ...]:
    """Refuse what is not `x` and another like it; return the shape that is normalized."""
    require_floats(x, {"residual": residual, "weight": weight})
    if x.shape != residual.shape or x.dtype != residual.dtype:
        raise ValueError(
            f"expected residual like x, {tuple(x.shape)} of {x.dtype}, got "
            f"{tuple(residual.shape)} of {residual.dtype}; the sum takes the place of both"
        )
    shape = tuple(x.shape[-1:] if weight is None else weight.shape)
    require_trailing(x, shape, {"weight": weight}, "rms_norm")
    return shape


def measured_features(normalized_shape: tuple[int, ...], p: float) -> int:
    """Return how many features the share `p` is: at least one, rounded up."""
    features = math.prod(normalized_shape)
    if not 0 < p <= 1 or features == 0:
        raise ValueError(
            f"expected 0 < p <= 1 and at least one feature, got p = {p} of normalized_shape "
            f"{normalized_shape}; p = 1 measures all features"
        )
    # Less a hair: 0.07 * 100 is 7.000000000000001, and that is 7.
    return max(1, math.ceil(features * p * (1 - 1e-12)))
