"""Batch normalization, fast in training: `numpy_layers.batch_norm` on blocks of channels."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_fast.moments import (
    GROUP_BYTES,
    RowMoments,
    blocks,
    column,
    empty_moments,
    measure,
    normalize_groups_backward,
    shorten_buffers,
)
from course_lib.numpy_layers import batch_norm as textbook
from course_lib.numpy_layers import batch_norm_backward as textbook_backward
from course_lib.numpy_layers.batch_norm import BatchNormCache as TextbookCache
from course_lib.numpy_layers.batch_norm import BatchNormGrads, _bessel, _update_running
from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import (
    require_channels,
    require_eps,
    require_momentum,
    require_statistics,
)


class BatchNormCache(NamedTuple):
    """What the backward pass needs; `channels` may be a view of the caller's own array."""

    channels: Array  # x as (c, n, s), in the dtype of the statistics
    moments: RowMoments  # each (c,)
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)


def batch_norm(
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, BatchNormCache | TextbookCache]:
    """Normalize each channel of `x` with the batch's statistics, or with the running ones.

    Arguments, results, errors and the update of the running statistics are those of
    `course_lib.numpy_layers.batch_norm`; evaluation, a fixed affine map, is its own.

    Notes
    -----
    The cache keeps `x` instead of a new `x_hat`: do not change `x` before the backward pass.
    """
    x = np.asarray(x)
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "batch_norm")
    require_statistics(x, running_mean, running_var, training)
    require_eps(eps)
    require_momentum(momentum)
    if x.size == 0 or not training:
        return textbook(x, *memory.values(), weight, bias, training, momentum, eps)
    y = np.empty(x.shape, as_statistics_dtype(x[:0]).dtype)
    channels = by_channel(as_statistics_dtype(x))
    moments = _normalize(channels, y.reshape(len(y), -1), weight, bias, eps)
    _update_running(running_mean, moments.mean + moments.correction, momentum)
    _update_running(running_var, moments.var * _bessel(x), momentum)
    return y.astype(x.dtype, copy=False), BatchNormCache(channels, moments, weight, bias)


def batch_norm_backward(dy: Array, cache: BatchNormCache | TextbookCache) -> BatchNormGrads:
    """Pull `dy`, of the shape of `x`, back through batch norm; see `normalize_groups_backward`."""
    if isinstance(cache, TextbookCache):
        return textbook_backward(dy, cache)
    channels, moments, weight, bias = cache
    dx, gain = np.empty(dy.shape, channels.dtype), _beside(weight, channels)
    wide_dy = by_channel(as_statistics_dtype(dy))
    sums = normalize_groups_backward(wide_dy, channels, by_channel(dx), moments, gain)
    dweight, dbias = (values.sum(1) for values in sums)
    return BatchNormGrads(
        dx.astype(dy.dtype, copy=False),
        None if weight is None else dweight.astype(weight.dtype, copy=False),
        None if bias is None else dbias.astype(bias.dtype, copy=False),
    )


def _normalize(
    channels: Array, out: Array, weight: Array | None, bias: Array | None, eps: float
) -> RowMoments:
    """Write the normalized, scaled and shifted `channels` (c, n, s) into `out` (n, c·s).

    A few neighbouring channels at a time, side by side: what is added or multiplied then is one
    long vector an example, also where s is short.
    """
    (c, _, s), moments = channels.shape, empty_moments(channels)
    gain = np.ones(c, channels.dtype) if weight is None else weight.astype(channels.dtype)
    with np.errstate():
        shorten_buffers(channels)
        for block in blocks(channels, GROUP_BYTES):
            part, own = out[:, block.start * s : block.stop * s], moments.of(block)
            own_channels = part.reshape(len(part), -1, s).transpose(1, 0, 2)
            rest = measure(channels[block], own_channels, eps, own)
            scale = own.inv_std * gain[block]
            shift = -rest * scale if bias is None else bias[block] - rest * scale
            part *= np.repeat(scale, s)
            part += np.repeat(shift, s).astype(part.dtype)
    return moments


def by_channel(x: Array) -> Array:
    """View (n, c, *s) as (c, n, s), where the rows of a channel stand far apart."""
    return x.reshape(*x.shape[:2], -1).transpose(1, 0, 2)


def _beside(parameter: Array | None, channels: Array) -> Array | None:
    """Return (c,) as (c, 1, 1), in the dtype of the statistics."""
    return None if parameter is None else column(parameter.astype(channels.dtype), channels)
