"""Synchronized batch normalization: one batch that lies in several shards, one a process."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from course_lib.numpy_layers.moments import Array, as_statistics_dtype, moments
from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
    require_momentum,
)


class MergedMoments(NamedTuple):
    """Count, mean and sum of squared distances from the mean of all groups together."""

    count: np.float64
    mean: Array  # the shape of one group's mean
    M2: Array  # divide by count for the biased variance, by count - 1 for the unbiased one


class SyncBatchNormCache(NamedTuple):
    """What the backward pass needs; `inv_std` and `count` are the same in every process."""

    x_hat: list[Array]  # each (n_i, c, *s)
    inv_std: Array  # (1, c, *1)
    count: np.float64  # values of a channel in all shards
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)


class SyncBatchNormGrads(NamedTuple):
    """Gradients of `sync_batch_norm`; a parameter that was not given has gradient None."""

    dx: list[Array]  # each (n_i, c, *s)
    dweight: Array | None  # (c,), summed over the shards
    dbias: Array | None  # (c,), summed over the shards


def merge_moments(counts: ArrayLike, means: ArrayLike, M2s: ArrayLike) -> MergedMoments:
    """Compute the moments of several groups together from the moments of each.

    Parameters
    ----------
    counts : (k,) numbers
        How many values each of the k groups has; 0 is allowed, not for all of them.
    means, M2s : (k, *c) floats
        Mean of each group, and its sum of squared distances from that mean.

    Returns
    -------
    MergedMoments
        In float64: a float32 mean of 10⁶ is known to 1/16 only.

    Raises
    ------
    ValueError
        If there is no value at all, or the arguments do not have one entry a group.

    Notes
    -----
    M2 grows by what lies between the groups: the squared distance of each group's mean from the
    common one, counted once for each of its values. Nothing is subtracted from a sum of squares.

    References
    ----------
    Chan, Golub & LeVeque (1982), "Updating formulae and a pairwise algorithm for computing sample
    variances", for k groups at once.
    """
    counts, means, M2s = (np.asarray(value, np.float64) for value in (counts, means, M2s))
    if counts.ndim != 1 or means.shape[:1] != counts.shape or M2s.shape != means.shape:
        raise ValueError(
            f"expected counts (k,) with means and M2s (k, ...), got {counts.shape}, {means.shape} "
            f"and {M2s.shape}; pass one entry a group, stacked along axis 0"
        )
    count = counts.sum()
    if not count > 0:
        raise ValueError(
            f"expected at least one value in all groups, got {count:g}; drop empty batches"
        )
    weight = counts.reshape(-1, *(1,) * (means.ndim - 1))
    mean = (weight / count * means).sum(0)
    return MergedMoments(count, mean, (M2s + weight * np.square(means - mean)).sum(0))


def sync_batch_norm(
    shards: Sequence[Array],
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[list[Array], SyncBatchNormCache]:
    """Normalize every shard with the statistics of all shards together; training's forward pass.

    Parameters
    ----------
    shards : sequence of (n_i, c, *s) floats
        What each process holds. They may differ in n_i and positions; a shard may be empty.
    running_mean, running_var : (c,) floats, or None
        Updated in place, once, as every process would update its copy.
    weight, bias : (c,) floats, or None
        γ and β; None stands for 1 and 0.
    momentum, eps : float
        As in `batch_norm`.

    Returns
    -------
    y : list of (n_i, c, *s), each in the dtype of its shard
    cache : SyncBatchNormCache

    Raises
    ------
    TypeError
        If a shard is not floating-point.
    ValueError
        If a shape does not fit, if all shards together have no value or one value a channel, or
        if `eps` or `momentum` is out of range.

    Notes
    -----
    Equal to `batch_norm` of the concatenation. The processes exchange 2c + 1 numbers each: count,
    mean and M2. The biased variance normalizes, the unbiased one is remembered. In evaluation
    there is nothing to synchronize: call `batch_norm`.

    References
    ----------
    Ioffe & Szegedy (2015), "Batch normalization", Algorithm 1; Chan et al. (1982) for the merge.
    """
    shards = [np.asarray(x) for x in shards]
    memory = {"running_mean": running_mean, "running_var": running_var}
    for x in shards:
        require_channels(x, {**memory, "weight": weight, "bias": bias}, "sync_batch_norm")
    require_eps(eps)
    require_momentum(momentum)
    local = [_shard_moments(x) for x in shards]
    count, mean, M2 = merge_moments(*zip(*((n, m, M2) for n, m, M2, _ in local), strict=True))
    if count == 1:
        raise ValueError(
            "expected more than one value a channel in all shards together, got 1; "
            "the variance of one value is 0: use a larger batch, or batch_norm in evaluation mode"
        )
    for running, new in ((running_mean, mean), (running_var, M2 / (count - 1))):
        if running is not None:
            running += momentum * (new - running)
    inv_std = 1 / np.sqrt(M2 / count + eps)
    x_hat, y = [], []
    for x, (_, own_mean, _, centered) in zip(shards, local, strict=True):
        # A shard's values, centred on its own mean, move by the distance between the two means.
        moved = centered + per_channel(own_mean - mean, x).astype(centered.dtype)
        x_hat.append(moved * per_channel(inv_std, x).astype(centered.dtype))
        y.append(affine_per_channel(x_hat[-1], weight, bias).astype(x.dtype))
    return y, SyncBatchNormCache(x_hat, inv_std, count, weight, bias)


def sync_batch_norm_backward(dy: Sequence[Array], cache: SyncBatchNormCache) -> SyncBatchNormGrads:
    """Pull `dy`, one array a shard, back through synchronized batch norm.

    The two means that batch norm projects out are taken over all shards, so the processes
    exchange two sums a channel: of g, and of g · x_hat.
    """
    x_hat, inv_std, count, weight, bias = cache
    wide = [as_statistics_dtype(shard) for shard in dy]
    sums = np.zeros((2, inv_std.size))  # of dy and of dy * x_hat: float64, as the processes send it
    for shard, shard_hat in zip(wide, x_hat, strict=True):
        axes = (0, *range(2, shard.ndim))
        sums += np.stack([shard.sum(axes), (shard * shard_hat).sum(axes)])
    gain = inv_std if weight is None else inv_std * weight
    dx = []
    for shard, shard_hat, like in zip(wide, x_hat, dy, strict=True):
        along_ones, along_x_hat, scale = (
            per_channel(value, shard).astype(shard.dtype) for value in (*sums / count, gain)
        )
        dx.append((scale * (shard - along_ones - shard_hat * along_x_hat)).astype(like.dtype))
    dbias, dweight = sums
    return SyncBatchNormGrads(
        dx,
        None if weight is None else dweight.astype(weight.dtype),
        None if bias is None else dbias.astype(bias.dtype),
    )


def _shard_moments(x: Array) -> tuple[int, Array, Array, Array]:
    """Return one shard's count, mean (c,) in float64, M2 (c,), and its values minus that mean."""
    wide, axes = as_statistics_dtype(x), (0, *range(2, x.ndim))
    if x.size == 0:
        return 0, np.zeros(x.shape[1]), np.zeros(x.shape[1]), wide
    # Near a shift, the mean that is left is small and so exact: float32 alone would round a mean
    # of 1e6 to 1/16, and the distance between two shards' means with it.
    shift = wide.mean(axes, keepdims=True)
    mean, var, centered = moments(wide - shift, axes)
    count = x.size // x.shape[1]
    exact_mean = shift.astype(np.float64) + mean
    return count, exact_mean.reshape(-1), count * var.reshape(-1).astype(np.float64), centered
