"""Instance normalization: one mean and one variance an example and channel, over its positions."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.batch_norm import (
    BatchNormCache,
    _update_running,
    batch_norm,
    batch_norm_backward,
)
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
)


class InstanceNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s)
    inv_std: Array  # (n, c, *1), or (1, c, *1) from the running statistics
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)
    use_input_stats: bool  # otherwise the statistics are constants


class InstanceNormGrads(NamedTuple):
    """Gradients of `instance_norm`; a parameter that was not given has gradient None."""

    dx: Array  # (n, c, *s)
    dweight: Array | None  # (c,)
    dbias: Array | None  # (c,)


def instance_norm(
    x: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, InstanceNormCache]:
    """Normalize each channel of each example of `x` over its positions.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1; `*s` is (l,), (h, w) or (d, h, w).
    running_mean, running_var : (c,) floats, or both None
        Updated in place when `use_input_stats`; used instead of the input's statistics otherwise.
    weight, bias : (c,) floats, or None
        γ and β; None stands for 1 and 0.
    use_input_stats : bool
        Normalize with the statistics of `x`; False makes it batch norm's evaluation.
    momentum : float
        Weight of the new examples in the running statistics.
    eps : float
        Added to the variance, inside the square root.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : InstanceNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If a shape does not fit, if there is one position (its variance would be 0), if the
        running statistics are needed and missing, or given by half, or if `eps` or `momentum`
        is out of range.

    Notes
    -----
    Axes: all positions. The biased variance normalizes; the unbiased one, with s − 1 in the
    denominator, averaged over the examples, is what `running_var` averages.

    References
    ----------
    Ulyanov, Vedaldi & Lempitsky (2016), "Instance normalization".
    """
    x = np.asarray(x)
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_instances(x, memory, {"weight": weight, "bias": bias}, use_input_stats)
    require_eps(eps)
    require_momentum(momentum)
    if not use_input_stats:
        y, cache = batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
        return y, InstanceNormCache(*cache)
    x_hat, inv_std, mean, var = standardize(x, tuple(range(2, x.ndim)), eps)
    if x.size:  # an empty batch says nothing
        _update_running(running_mean, mean.mean(0), momentum)
        _update_running(running_var, (var * bessel(x)).mean(0), momentum)
    y = affine_per_channel(x_hat, weight, bias)
    return y.astype(x.dtype), InstanceNormCache(x_hat, inv_std, weight, bias, use_input_stats)


def instance_norm_backward(dy: Array, cache: InstanceNormCache) -> InstanceNormGrads:
    """Pull `dy`, of the shape of `x`, back through instance norm; see `standardize_backward`.

    The statistics stay inside one example and channel, so its gradient does too; the parameters
    serve every example, so theirs sum over the batch.
    """
    x_hat, inv_std, weight, bias, use_input_stats = cache
    if not use_input_stats:
        return InstanceNormGrads(*batch_norm_backward(dy, BatchNormCache(*cache)))
    positions = tuple(range(2, dy.ndim))
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * per_channel(weight, dy)
    batch = (0, *positions)
    return InstanceNormGrads(
        standardize_backward(g, x_hat, inv_std, positions).astype(dy.dtype),
        None if weight is None else (wide_dy * x_hat).sum(batch).astype(weight.dtype),
        None if bias is None else wide_dy.sum(batch).astype(bias.dtype),
    )


def bessel(x: Any) -> float:
    """Return s / (s - 1) for the s positions of `x`: biased variance to unbiased."""
    s = math.prod(x.shape[2:])
    return s / (s - 1)


def require_instances(
    x: Any, memory: Mapping[str, Any], parameters: Mapping[str, Any], use_input_stats: bool
) -> None:
    """Refuse wrong shapes, a single position without a variance, and half a memory."""
    require_channels(x, {**memory, **parameters}, "instance_norm")
    missing = [name for name, value in memory.items() if value is None]
    if len(missing) == 1 or (missing and not use_input_stats):
        raise ValueError(
            f"expected running_mean and running_var together, got None for {missing}; "
            "pass both, or neither and use_input_stats=True"
        )
    if use_input_stats:
        require_positions(x)


def require_positions(x: Any, name: str = "x") -> None:
    """Refuse a single position: its variance would be 0."""
    if math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"expected more than one position, got {name} of shape {tuple(x.shape)}; the variance "
            "of one value is 0: normalize before the map has shrunk to a point"
        )
