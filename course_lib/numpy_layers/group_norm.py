"""Group normalization: one mean and one variance an example and group of channels."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

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
)


class GroupNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s)
    inv_std: Array  # (n, g, 1, *1)
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)


class GroupNormGrads(NamedTuple):
    """Gradients of `group_norm`; a parameter that was not given has gradient None."""

    dx: Array  # (n, c, *s)
    dweight: Array | None  # (c,)
    dbias: Array | None  # (c,)


def group_norm(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, GroupNormCache]:
    """Normalize each example of `x` over groups of neighbouring channels.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1; `*s` is empty, (l,), (h, w) or (d, h, w).
    num_groups : int
        g, a divisor of c: 1 is layer norm over (c, *s), c is instance norm.
    weight, bias : (c,) floats, or None
        γ and β, one value a channel whatever the groups; None stands for 1 and 0.
    eps : float
        Added to the biased variance, inside the square root.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : GroupNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If a shape does not fit, the groups do not divide the channels, `x` is one example with
        one value a group, or `eps` is negative or not finite.

    Notes
    -----
    Axes: the c/g channels of a group and all positions. Biased variance. No value depends on
    another example, so training and evaluation compute the same.

    References
    ----------
    Wu & He (2018), "Group normalization".
    """
    x = np.asarray(x)
    require_groups(x, num_groups, {"weight": weight, "bias": bias})
    require_eps(eps)
    split = split_shape(x, num_groups)
    x_hat, inv_std, _, _ = standardize(x.reshape(split), tuple(range(2, len(split))), eps)
    x_hat = x_hat.reshape(x.shape)
    y = affine_per_channel(x_hat, weight, bias)
    return y.astype(x.dtype), GroupNormCache(x_hat, inv_std, weight, bias)


def group_norm_backward(dy: Array, cache: GroupNormCache) -> GroupNormGrads:
    """Pull `dy`, of the shape of `x`, back through group norm; see `standardize_backward`.

    γ weighs single channels, so it enters before the sums over the group, not after them.
    """
    x_hat, inv_std, weight, bias = cache
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * per_channel(weight, dy)
    split = split_shape(dy, inv_std.shape[1])
    axes, batch = tuple(range(2, len(split))), (0, *range(2, dy.ndim))
    dx = standardize_backward(g.reshape(split), x_hat.reshape(split), inv_std, axes)
    return GroupNormGrads(
        dx.reshape(dy.shape).astype(dy.dtype),
        None if weight is None else (wide_dy * x_hat).sum(batch).astype(weight.dtype),
        None if bias is None else wide_dy.sum(batch).astype(bias.dtype),
    )


def split_shape(x: Any, num_groups: int) -> tuple[int, ...]:
    """Return (n, g, c/g, *s): neighbouring channels form a group."""
    return (x.shape[0], num_groups, x.shape[1] // num_groups, *x.shape[2:])


def require_groups(x: Any, num_groups: int, parameters: Mapping[str, Any]) -> None:
    """Refuse `x` that does not fall into `num_groups` groups of more than one value."""
    require_channels(x, parameters, "group_norm")
    require_divisor(x.shape[1], num_groups)
    n, _, *group = split_shape(x, num_groups)
    if n * math.prod(group) == 1:  # as in torch, which lets a larger batch pass
        raise ValueError(
            f"expected more than one value a group, got x of shape {tuple(x.shape)} in "
            f"{num_groups} groups; the variance of one value is 0: use fewer groups"
        )


def require_divisor(num_channels: int, num_groups: int) -> None:
    """Refuse groups of unequal size, and no groups."""
    if num_groups < 1 or num_channels % num_groups:
        divisors = [g for g in range(1, num_channels + 1) if num_channels % g == 0]
        raise ValueError(
            f"expected num_groups to divide the {num_channels} channels, got {num_groups}; "
            f"choose one of {divisors}"
        )
