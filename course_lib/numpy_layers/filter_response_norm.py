"""Filter response normalization: each channel over its own root mean square, and a threshold."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
)


class FilterResponseNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s)
    inv_rms: Array  # (n, c, *1)
    passed: Array  # (n, c, *s): 1 where y is above the threshold, 0 below, 1/2 on it
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)
    tau: Array | None  # (c,)
    learned_eps: Array | None  # (c,)


class FilterResponseNormGrads(NamedTuple):
    """Gradients of `filter_response_norm`; a parameter that was not given has gradient None."""

    dx: Array  # (n, c, *s)
    dweight: Array | None  # (c,)
    dbias: Array | None  # (c,)
    dtau: Array | None  # (c,)
    dlearned_eps: Array | None  # (c,)


def filter_response_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    tau: Array | None = None,
    learned_eps: Array | None = None,
    eps: float = 1e-6,
) -> tuple[Array, FilterResponseNormCache]:
    """Divide each channel of each example by its root mean square, then apply the threshold τ.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1, and at least one axis of positions.
    weight, bias : (c,) floats, or None
        γ and β; None stands for 1 and 0.
    tau : (c,) floats, or None
        Threshold of the linear unit, y = max(y, τ); None stands for no threshold.
    learned_eps : (c,) floats, or None
        Its magnitude is added to `eps`; of use where a channel has few positions, above all one.
    eps : float
        Added to the mean square, inside the square root.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : FilterResponseNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` has no positions, a parameter has not one value a channel, or `eps` is negative or
        not finite.

    Notes
    -----
    Axes: all positions. The mean is not removed, and no value depends on another example or
    channel: training and evaluation compute the same.

    References
    ----------
    Singh & Krishnan (2020), "Filter response normalization layer: eliminating batch dependence in
    the training of deep neural networks".
    """
    x = np.asarray(x)
    parameters = {"weight": weight, "bias": bias, "tau": tau, "learned_eps": learned_eps}
    require_channels(x, parameters, "filter_response_norm")
    require_positions(x)
    require_eps(eps)
    wide, axes = as_statistics_dtype(x), tuple(range(2, x.ndim))
    floor = eps if learned_eps is None else eps + np.abs(per_channel(learned_eps, x))
    inv_rms = 1 / np.sqrt(np.square(wide).mean(axes, keepdims=True) + floor)
    x_hat = wide * inv_rms
    y = affine_per_channel(x_hat, weight, bias)
    passed = np.ones_like(y)
    if tau is not None:
        threshold = per_channel(tau, x)
        passed = np.heaviside(y - threshold, 0.5)
        y = np.maximum(y, threshold)
    return y.astype(x.dtype), FilterResponseNormCache(
        x_hat, inv_rms, passed, weight, bias, tau, learned_eps
    )


def filter_response_norm_backward(
    dy: Array, cache: FilterResponseNormCache
) -> FilterResponseNormGrads:
    """Pull `dy`, of the shape of `x`, back through filter response norm.

    Scaling a channel leaves x_hat as it is, so the part of the gradient along x_hat is projected
    out; the constant direction stays, for no mean was removed. On the threshold itself half of
    `dy` goes either way, as in torch.
    """
    x_hat, inv_rms, passed, weight, bias, tau, learned_eps = cache
    wide_dy = as_statistics_dtype(dy)
    through = wide_dy * passed
    g = through if weight is None else through * per_channel(weight, dy)
    positions, batch = tuple(range(2, dy.ndim)), (0, *range(2, dy.ndim))
    dx = inv_rms * (g - x_hat * (g * x_hat).mean(positions, keepdims=True))

    def summed(values: Array, parameter: Array | None) -> Array | None:
        return None if parameter is None else values.sum(batch).astype(parameter.dtype)

    sign = 0 if learned_eps is None else np.sign(per_channel(learned_eps, dy))
    return FilterResponseNormGrads(
        dx.astype(dy.dtype),
        summed(through * x_hat, weight),
        summed(through, bias),
        summed(wide_dy - through, tau),
        summed(g * x_hat * np.square(inv_rms) * (-sign / 2), learned_eps),
    )


def require_positions(x: Array) -> None:
    """Refuse `x` without an axis to average over."""
    if x.ndim < 3:
        raise ValueError(
            f"expected x of shape (n, c, ...) with at least 3 axes, got {tuple(x.shape)}; "
            "add an axis of positions with x[..., None]"
        )
    if 0 in x.shape[2:]:
        raise ValueError(
            f"expected at least one position, got x of shape {tuple(x.shape)}; drop empty images"
        )
