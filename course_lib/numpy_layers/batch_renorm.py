"""Batch renormalization: a batch's statistics, corrected towards the running ones."""

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
)


class RenormLimits(NamedTuple):
    """How far the correction may go: r in [1 / r_max, r_max], d in [-d_max, d_max]."""

    r_max: float
    d_max: float


class BatchRenormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s), by the batch's statistics; in evaluation by the running ones
    r: Array  # (1, c, *1)
    d: Array  # (1, c, *1)
    inv_std: Array  # (1, c, *1)
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)
    training: bool  # in evaluation all statistics are constants


class BatchRenormGrads(NamedTuple):
    """Gradients of `batch_renorm`; a parameter that was not given has gradient None."""

    dx: Array  # (n, c, *s)
    dweight: Array | None  # (c,)
    dbias: Array | None  # (c,)


def renorm_limits(
    step: int,
    r_max: float = 3.0,
    d_max: float = 5.0,
    start: int = 5_000,
    r_end: int = 40_000,
    d_end: int = 25_000,
) -> RenormLimits:
    """Return the limits after `step` batches: batch norm until `start`, then a straight line.

    Notes
    -----
    The five defaults are those of the paper's experiments, which relaxes the limits "gradually";
    the straight line is ours. Shorter trainings need an earlier start and earlier ends.

    References
    ----------
    Ioffe (2017), "Batch renormalization", the experiments' setup.
    """
    shares = ((step - start) / max(end - start, 1) for end in (r_end, d_end))
    r_part, d_part = (min(max(share, 0.0), 1.0) for share in shares)
    return RenormLimits(1.0 + r_part * (r_max - 1.0), d_part * d_max)


def batch_renorm(
    x: Array,
    running_mean: Array,
    running_std: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.01,
    eps: float = 1e-5,
    r_max: float = 3.0,
    d_max: float = 5.0,
) -> tuple[Array, BatchRenormCache]:
    """Normalize each channel of `x` as evaluation will, as far as the limits allow.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1; `*s` is empty, (l,), (h, w) or (d, h, w).
    running_mean, running_std : (c,) floats
        Updated in place when `training`. `running_std` is no variance, and holds eps already.
    weight, bias : (c,) floats, or None
        γ and β; None stands for 1 and 0.
    training : bool
        Use this batch's statistics, corrected, and fold them into the running ones.
    momentum : float
        Weight of the new batch in the running statistics; the default is the paper's α.
    eps : float
        Added to the biased variance, inside the square root; in evaluation it is not used.
    r_max, d_max : float
        Limits of the correction, see `renorm_limits`; 1 and 0 give batch norm.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : BatchRenormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If a shape does not fit, a running statistic is missing, a limit, `eps` or `momentum` is
        outside its range, or training has one value a channel (its variance would be 0).

    Notes
    -----
    Axes: 0 and all positions. The batch's x̂ becomes x̂ · r + d with
    r = clip(σ_B / σ, 1 / r_max, r_max) and d = clip((μ_B − μ) / σ, −d_max, d_max): where neither
    is clipped, that is (x − μ) / σ, which evaluation computes. Both are constants in the backward
    pass. Not σ² but σ is averaged, biased, as in the paper.

    References
    ----------
    Ioffe (2017), "Batch renormalization: towards reducing minibatch dependence in batch-normalized
    models", Algorithm 1.
    """
    x = np.asarray(x)
    memory = {"running_mean": running_mean, "running_std": running_std}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "batch_renorm")
    require_memory(running_mean, running_std)
    require_statistics(x, running_mean, running_std, training)
    require_eps(eps)
    require_momentum(momentum)
    training = training and x.size > 0  # an empty batch says nothing
    wide = as_statistics_dtype(x)
    mean, std = (as_statistics_dtype(per_channel(value, x)) for value in memory.values())
    if training:
        require_limits(r_max, d_max)
        axes = (0, *range(2, x.ndim))
        # Near a shift the batch's mean is small, hence exact: and so is its distance to `mean`.
        shift = wide.mean(axes, keepdims=True)
        x_hat, inv_std, rest, _ = standardize(wide - shift, axes, eps)
        distance = (shift - mean) + rest
        r = np.clip(1 / (inv_std * std), 1 / r_max, r_max)
        d = np.clip(distance / std, -d_max, d_max)
        running_mean += momentum * distance.reshape(-1)
        running_std += momentum * (1 / inv_std - std).reshape(-1)
    else:
        x_hat, inv_std = (wide - mean) / std, 1 / std
        r, d = np.ones_like(std), np.zeros_like(std)
    y = affine_per_channel(x_hat * r + d, weight, bias)
    return y.astype(x.dtype), BatchRenormCache(x_hat, r, d, inv_std, weight, bias, training)


def batch_renorm_backward(dy: Array, cache: BatchRenormCache) -> BatchRenormGrads:
    """Pull `dy`, of the shape of `x`, back through batch renorm.

    r and d are constants here although the batch moves them: what is left is batch norm's
    gradient, r times as large. Their derivative would undo the normalization's projection.
    """
    x_hat, r, d, inv_std, weight, bias, training = cache
    axes = (0, *range(2, dy.ndim))
    wide_dy = as_statistics_dtype(dy)
    g = r * (wide_dy if weight is None else wide_dy * per_channel(weight, dy))
    dx = standardize_backward(g, x_hat, inv_std, axes) if training else g * inv_std
    return BatchRenormGrads(
        dx.astype(dy.dtype),
        None if weight is None else (wide_dy * (x_hat * r + d)).sum(axes).astype(weight.dtype),
        None if bias is None else wide_dy.sum(axes).astype(bias.dtype),
    )


def require_memory(running_mean: Array | None, running_std: Array | None) -> None:
    """Refuse to correct towards statistics that are not there."""
    if running_mean is None or running_std is None:
        raise ValueError(
            "expected running_mean and running_std, got None; "
            "batch_renorm corrects towards them also in training: start from zeros and ones"
        )


def require_limits(r_max: float, d_max: float) -> None:
    """Refuse limits that exclude no correction at all."""
    if not (r_max >= 1 and d_max >= 0):
        raise ValueError(
            f"expected r_max of at least 1 and d_max of at least 0, got {r_max} and {d_max}; "
            "1 and 0 are batch norm"
        )
