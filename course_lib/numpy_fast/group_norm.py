"""Group normalization, fast: `numpy_layers.group_norm` on blocks of groups."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_fast.moments import RowMoments, normalize_groups, normalize_groups_backward
from course_lib.numpy_layers import group_norm as textbook
from course_lib.numpy_layers import group_norm_backward as textbook_backward
from course_lib.numpy_layers.group_norm import GroupNormCache as TextbookCache
from course_lib.numpy_layers.group_norm import GroupNormGrads, require_groups
from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_eps


class GroupNormCache(NamedTuple):
    """What the backward pass needs; `groups` may be the caller's own array."""

    groups: Array  # x as (n·g, c/g, s), in the dtype of the statistics
    moments: RowMoments  # each (n·g,)
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)


def group_norm(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, GroupNormCache | TextbookCache]:
    """Normalize each example of `x` over groups of neighbouring channels.

    Arguments, results and errors are those of `course_lib.numpy_layers.group_norm`.

    Notes
    -----
    The cache keeps `x` instead of a new `x_hat`: do not change `x` before the backward pass.
    """
    x = np.asarray(x)
    require_groups(x, num_groups, {"weight": weight, "bias": bias})
    require_eps(eps)
    if x.size == 0:
        return textbook(x, num_groups, weight, bias, eps)
    n, c = x.shape[:2]
    groups = as_statistics_dtype(x).reshape(n * num_groups, c // num_groups, -1)
    y = np.empty_like(groups)
    gain, shift = (_of_groups(value, n, groups) for value in (weight, bias))
    moments = normalize_groups(groups, y, gain, shift, eps)
    y = y.reshape(x.shape).astype(x.dtype, copy=False)
    return y, GroupNormCache(groups, moments, weight, bias)


def group_norm_backward(dy: Array, cache: GroupNormCache | TextbookCache) -> GroupNormGrads:
    """Pull `dy`, of the shape of `x`, back through group norm; see `normalize_groups_backward`."""
    if isinstance(cache, TextbookCache):
        return textbook_backward(dy, cache)
    groups, moments, weight, bias = cache
    n, c = dy.shape[:2]
    wide_dy, dx = as_statistics_dtype(dy).reshape(groups.shape), np.empty_like(groups)
    gain = _of_groups(weight, n, groups)
    sums = normalize_groups_backward(wide_dy, groups, dx, moments, gain)
    dweight, dbias = (values.reshape(n, c).sum(0) for values in sums)
    return GroupNormGrads(
        dx.reshape(dy.shape).astype(dy.dtype, copy=False),
        None if weight is None else dweight.astype(weight.dtype, copy=False),
        None if bias is None else dbias.astype(bias.dtype, copy=False),
    )


def _of_groups(parameter: Array | None, n: int, groups: Array) -> Array | None:
    """Repeat (c,) for each of `n` examples, as (n·g, c/g, 1)."""
    if parameter is None:
        return None
    return np.tile(parameter.astype(groups.dtype), n).reshape(*groups.shape[:2], 1)
