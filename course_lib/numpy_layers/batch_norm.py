"""Batch normalization: one mean and one variance a channel, taken over the batch and positions."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import (
    Array,
    as_statistics_dtype,
    standardize,
    standardize_backward,
)
from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
    require_momentum,
    require_statistics,
    values_per_channel,
)


class BatchNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s)
    inv_std: Array  # (1, c, *1)
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)
    training: bool  # in evaluation the statistics are constants


class BatchNormGrads(NamedTuple):
    """Gradients of `batch_norm`; a parameter that was not given has gradient None."""

    dx: Array  # (n, c, *s)
    dweight: Array | None  # (c,)
    dbias: Array | None  # (c,)


def batch_norm(
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, BatchNormCache]:
    """Normalize each channel of `x` with the batch's statistics, or with the running ones.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1; `*s` is empty, (l,), (h, w) or (d, h, w).
    running_mean, running_var : (c,) floats, or None
        Updated in place when `training`; used instead of the batch's statistics otherwise.
    weight, bias : (c,) floats, or None
        γ and β; None stands for 1 and 0.
    training : bool
        Use the statistics of this batch and fold them into the running ones.
    momentum : float
        Weight of the new batch in the running statistics (Keras states one minus this).
    eps : float
        Added to the variance, inside the square root.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : BatchNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If a shape does not fit, if training has one value a channel (its variance would be 0),
        if evaluation has no running statistics, or if `eps` or `momentum` is out of range.

    Notes
    -----
    Axes: 0 and all positions. The biased variance normalizes; the unbiased one, with n·s − 1 in
    the denominator, is what `running_var` averages. Equations (batch-norm-forward) and
    (batch-norm-memory) of the chapter.

    References
    ----------
    Ioffe & Szegedy (2015), "Batch normalization", Algorithms 1 and 2.
    """
    x = np.asarray(x)
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "batch_norm")
    require_statistics(x, running_mean, running_var, training)
    require_eps(eps)
    require_momentum(momentum)
    axes = (0, *range(2, x.ndim))
    if training:
        x_hat, inv_std, mean, var = standardize(x, axes, eps)
        if x.size:  # an empty batch says nothing
            _update_running(running_mean, mean, momentum)
            _update_running(running_var, var * _bessel(x), momentum)
    else:
        mean, var = per_channel(running_mean, x), per_channel(running_var, x)
        inv_std = 1 / np.sqrt(as_statistics_dtype(var) + eps)
        x_hat = (as_statistics_dtype(x) - mean) * inv_std
    y = affine_per_channel(x_hat, weight, bias)
    return y.astype(x.dtype), BatchNormCache(x_hat, inv_std, weight, bias, training)


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> BatchNormGrads:
    """Pull `dy`, of the shape of `x`, back through batch norm; see `standardize_backward`.

    In training the statistics depend on every value of their channel, so a sample's gradient
    reaches the whole batch. In evaluation the layer is a fixed affine map.
    """
    x_hat, inv_std, weight, bias, training = cache
    axes = (0, *range(2, dy.ndim))
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * per_channel(weight, dy)
    dx = standardize_backward(g, x_hat, inv_std, axes) if training else g * inv_std
    return BatchNormGrads(
        dx.astype(dy.dtype),
        None if weight is None else (wide_dy * x_hat).sum(axes).astype(weight.dtype),
        None if bias is None else wide_dy.sum(axes).astype(bias.dtype),
    )


def _bessel(x: Array) -> float:
    """Return m / (m - 1) for the m values of a channel: biased variance to unbiased."""
    m = values_per_channel(x)
    return m / (m - 1)


def _update_running(running: Array | None, new: Array, momentum: float) -> None:
    """Move `running` towards `new` in place, as the layer's memory."""
    if running is not None:
        running += momentum * (new.reshape(-1) - running)
