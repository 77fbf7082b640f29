"""Weight standardization: each filter of a layer with mean 0 and variance 1, or 1 / fan-in."""

import math
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import (
    Array,
    as_statistics_dtype,
    standardize,
    standardize_backward,
)
from course_lib.numpy_layers.shapes import require_eps, require_floats


class WeightStandardizationCache(NamedTuple):
    """What the backward pass needs."""

    w_hat: Array  # shape of w, in at least float32
    inv_std: Array  # (n, *1)


class ScaledWeightStandardizationCache(NamedTuple):
    """What the backward pass needs."""

    standardized: WeightStandardizationCache
    scale: float  # gamma / √fan_in
    gain: Array | None  # (n,)


class WeightStandardizationGrads(NamedTuple):
    """The gradient of `weight_standardization`."""

    dw: Array


class ScaledWeightStandardizationGrads(NamedTuple):
    """Gradients of `scaled_weight_standardization`; a gain that was not given has None."""

    dw: Array
    dgain: Array | None


def weight_standardization(w: Array, eps: float = 1e-6) -> tuple[Array, WeightStandardizationCache]:
    """Standardize each filter of `w` over its fan-in.

    Parameters
    ----------
    w : (n, *fan_in) floats
        The weight of a linear layer (n, c) or of a convolution (n, c, *k).
    eps : float
        Added to the variance, inside the square root.

    Returns
    -------
    w_hat : shape and dtype of `w`
    cache : WeightStandardizationCache

    Raises
    ------
    TypeError
        If `w` is not floating-point.
    ValueError
        If a filter has fewer than two weights, whose variance would be 0, or `eps` is negative
        or not finite.

    Notes
    -----
    Axes: all but 0. Biased variance. Weights are small, about 1/√fan_in, so eps is smaller than
    the one of activations. The paper adds it to the standard deviation instead.

    References
    ----------
    Qiao et al. (2019), "Micro-batch training with batch-channel normalization and weight
    standardization".
    """
    w = np.asarray(w)
    require_fan_in(w)
    require_eps(eps)
    w_hat, inv_std, _, _ = standardize(w, tuple(range(1, w.ndim)), eps)
    return w_hat.astype(w.dtype), WeightStandardizationCache(w_hat, inv_std)


def weight_standardization_backward(
    dw_hat: Array, cache: WeightStandardizationCache
) -> WeightStandardizationGrads:
    """Pull `dw_hat`, of the shape of `w`, back to `w`; see `standardize_backward`.

    A filter's offset and its size do not matter: both directions leave the gradient.
    """
    wide_dw_hat, axes = as_statistics_dtype(dw_hat), tuple(range(1, dw_hat.ndim))
    dw = standardize_backward(wide_dw_hat, cache.w_hat, cache.inv_std, axes)
    return WeightStandardizationGrads(dw.astype(dw_hat.dtype))


def scaled_weight_standardization(
    w: Array, gain: Array | None = None, gamma: float = 1.0, eps: float = 1e-6
) -> tuple[Array, ScaledWeightStandardizationCache]:
    """Standardize each filter of `w` to the variance that keeps a signal's variance.

    Parameters
    ----------
    w : (n, *fan_in) floats
    gain : (n,) floats, or None
        Learned, one factor a filter; None stands for 1.
    gamma : float
        Makes up for what the nonlinearity before the layer takes: √(2 / (1 − 1/π)) after ReLU.
    eps : float
        Added to the variance, inside the square root.

    Returns
    -------
    y : shape and dtype of `w`
        ``gain * gamma / √fan_in * w_hat``, with fan_in the number of weights of a filter.
    cache : ScaledWeightStandardizationCache

    Raises
    ------
    TypeError
        If `w` is not floating-point.
    ValueError
        If a filter has fewer than two weights, `gain` another shape, or `eps` is negative or not
        finite.

    References
    ----------
    Brock, De & Smith (2021), "Characterizing signal propagation to close the performance gap in
    unnormalized ResNets".
    """
    w = np.asarray(w)
    require_fan_in(w, gain)
    w_hat, standardized = weight_standardization(as_statistics_dtype(w), eps)
    scale = gamma * math.prod(w.shape[1:]) ** -0.5
    y = scale * w_hat if gain is None else scale * w_hat * per_filter(gain, w)
    return y.astype(w.dtype), ScaledWeightStandardizationCache(standardized, scale, gain)


def scaled_weight_standardization_backward(
    dy: Array, cache: ScaledWeightStandardizationCache
) -> ScaledWeightStandardizationGrads:
    """Pull `dy`, of the shape of `w`, back to the weight and to the gain."""
    standardized, scale, gain = cache
    g = scale * as_statistics_dtype(dy)
    if gain is None:
        dgain, dw_hat = None, g
    else:
        dgain = (g * standardized.w_hat).sum(tuple(range(1, dy.ndim))).astype(gain.dtype)
        dw_hat = g * per_filter(gain, dy)
    dw = weight_standardization_backward(dw_hat, standardized).dw
    return ScaledWeightStandardizationGrads(dw.astype(dy.dtype), dgain)


def per_filter(gain: Any, w: Any) -> Any:
    """Reshape (n,) to (n, *1) so that it broadcasts along filters and never along inputs."""
    return gain.reshape(-1, *(1,) * (w.ndim - 1))


def require_fan_in(w: Any, gain: Any = None) -> None:
    """Refuse filters too small to have a variance, and a gain that has not one value for each."""
    require_floats(w, {"gain": gain})
    shape = tuple(w.shape)
    if math.prod(shape[1:]) < 2:
        raise ValueError(
            f"expected w of shape (n, *fan_in) with at least two weights a filter, got {shape}; "
            "the variance of one weight is 0: leave such a layer as it is"
        )
    if gain is not None and tuple(gain.shape) != shape[:1]:
        raise ValueError(
            f"expected gain of shape {shape[:1]} to match dimension 0 of w {shape}, "
            f"got {tuple(gain.shape)}; scaled_weight_standardization keeps one gain a filter"
        )
