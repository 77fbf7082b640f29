"""Ghost batch normalization: batch norm over parts of the batch, as if it were small."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.batch_norm import (
    BatchNormCache,
    BatchNormGrads,
    batch_norm,
    batch_norm_backward,
)
from course_lib.numpy_layers.moments import Array
from course_lib.numpy_layers.shapes import require_channels, values_per_channel


class GhostBatchNormCache(NamedTuple):
    """What the backward pass needs: batch norm's cache of each virtual batch."""

    parts: list[BatchNormCache]


def ghost_batch_norm(
    x: Array,
    virtual_batch_size: int,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, GhostBatchNormCache]:
    """Apply batch norm to each virtual batch of `x` on its own.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1.
    virtual_batch_size : int
        Examples in a virtual batch; the last one has what is left.
    running_mean, running_var, weight, bias, training, momentum, eps
        As in `batch_norm`. The running statistics are updated once for each virtual batch.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : GhostBatchNormCache

    Raises
    ------
    TypeError, ValueError
        As `batch_norm`; also if `virtual_batch_size` is below 1, or, in training, if the last
        virtual batch has one value a channel. Then no running statistic is changed.

    Notes
    -----
    Axes: the examples of a virtual batch, and all positions. In evaluation this is batch norm.
    The memory moves as if the virtual batches came one after the other, each with weight
    `momentum`; as in `batch_norm` it holds the unbiased variance.

    References
    ----------
    Hoffer, Hubara & Soudry (2017), "Train longer, generalize better: closing the generalization
    gap in large batch training of neural networks".
    """
    x = np.asarray(x)
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "ghost_batch_norm")
    require_virtual_batches(x, virtual_batch_size, training)
    options = (*memory.values(), weight, bias, training, momentum, eps)
    size = virtual_batch_size if training else max(len(x), 1)
    starts = range(0, max(len(x), 1), size)
    runs = [batch_norm(x[start : start + size], *options) for start in starts]
    return np.concatenate([y for y, _ in runs]), GhostBatchNormCache([part for _, part in runs])


def ghost_batch_norm_backward(dy: Array, cache: GhostBatchNormCache) -> BatchNormGrads:
    """Pull `dy`, of the shape of `x`, back through ghost batch norm.

    The virtual batches share nothing but the parameters, whose gradients add up.
    """
    ends = np.cumsum([len(part.x_hat) for part in cache.parts])
    parts = zip(np.split(dy, ends[:-1]), cache.parts, strict=True)
    dx, dweight, dbias = zip(*(batch_norm_backward(*part) for part in parts), strict=True)
    return BatchNormGrads(
        np.concatenate(dx),
        None if cache.parts[0].weight is None else np.sum(dweight, 0),
        None if cache.parts[0].bias is None else np.sum(dbias, 0),
    )


def require_virtual_batches(x: Array, virtual_batch_size: int, training: bool) -> None:
    """Refuse virtual batches that are empty, or that have no variance in training."""
    if virtual_batch_size < 1:
        raise ValueError(
            f"expected virtual_batch_size of at least 1, got {virtual_batch_size}; "
            "a virtual batch holds examples"
        )
    positions = values_per_channel(x[:1])
    last = len(x) % virtual_batch_size or virtual_batch_size
    if training and last * positions == 1:
        raise ValueError(
            f"expected more than one value a channel in every virtual batch, got {len(x)} examples "
            f"in parts of {virtual_batch_size}, one of which has a single value; the variance of "
            "one value is 0: choose another virtual_batch_size, or drop the last example"
        )
