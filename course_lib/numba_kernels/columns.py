"""Group and batch norm where channels are last in memory: sections (b, s, c) of rows."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.numba_kernels import column_loops
from course_lib.numba_kernels.arrays import Array, Saved, array, empty, gradient, vector, widened
from course_lib.numba_kernels.threads import run, shares


def are_last(x: Tensor, one_section: bool) -> bool:
    """Say whether the channels of x (n, c, *s) stand side by side, also as a matrix (n, c)."""
    if one_section and x.ndim == 2:
        return x.is_contiguous()
    return not x.is_contiguous() and x.movedim(1, -1).is_contiguous()


def normalize(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, sections: int, groups: int, eps: float
) -> tuple[Tensor, Tensor, Saved]:
    """Return y, the biased variance of each group, and what the backward pass needs."""
    values = _sections(x, sections)
    shape, dtype, y = (sections, values.shape[2]), values.dtype, empty(x, *values.shape)
    count = values[0].size // groups
    origin, total = values[:, 0].copy(), np.zeros((2, *shape))
    _share(column_loops.sums, values, origin, total[0])
    exact = _of_groups(origin + total[0] / values.shape[1], groups) / (shape[1] // groups)
    mean = exact.astype(dtype)
    correction = (exact - mean).astype(dtype)  # the digits of the mean that it has no room for
    around = _of_channels(mean, shape), _of_channels(correction, shape)
    _share(column_loops.squares, values, *around, total[1])
    var = _of_groups(total[1], groups) / count
    inv_std = (1 / np.sqrt(var + eps)).astype(dtype)
    scale = _of_channels(inv_std, shape) * vector(weight, 1, widened(x), shape[1])
    shift = vector(bias, 0, widened(x), shape[1])
    _share(column_loops.affine, values, *around, scale, shift, y)
    statistics = (torch.from_numpy(each.reshape(-1)) for each in (mean, correction, inv_std))
    return _tensor(y, x), torch.from_numpy(var.reshape(-1)), Saved(x, weight, bias, *statistics)


def normalize_backward(
    dy: Tensor, saved: Saved, sections: int
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return dx, dweight and dbias."""
    x, weight, bias, *statistics = saved
    values, g = _sections(x, sections), _sections(dy, sections)
    mean, correction, inv_std = (each.view(sections, -1).numpy() for each in statistics)
    shape, groups, dx = (sections, values.shape[2]), mean.shape[1], empty(x, *values.shape)
    gain, count = vector(weight, 1, widened(x), shape[1]), values[0].size // groups
    around = [_of_channels(each, shape) for each in (mean, correction)]
    along, ones = np.zeros((2, *shape))
    _share(column_loops.products, g, values, *around, along, ones)
    inverse = _of_channels(inv_std, shape)
    along *= inverse
    # The weight differs inside a group, so it enters before these sums, not after them.
    slope, level = (
        _of_channels(_of_groups(each * gain, groups) / count, shape) * inverse
        for each in (along, ones)
    )
    factors = (each.astype(values.dtype) for each in (gain * inverse, slope * inverse, level))
    _share(column_loops.project, g, values, *around, *factors, dx)
    return _tensor(dx, x), gradient(along.sum(0), weight), gradient(ones.sum(0), bias)


def _sections(x: Tensor, sections: int) -> Array:
    """View x (n, c, *s) as (b, n·s / b, c)."""
    last = x.movedim(1, -1)
    return array(last, widened(x), sections, -1, last.shape[-1])


def _tensor(values: Array, like: Tensor) -> Tensor:
    """Return (b, n·s / b, c) as (n, c, *s), with the channels still last in memory."""
    last = like.movedim(1, -1)
    return torch.from_numpy(values).view(last.shape).movedim(-1, 1).to(like.dtype)


def _of_groups(values: Array, groups: int) -> Array:
    """Add up the channels (b, c) of each group: (b, g)."""
    return values.reshape(len(values), groups, -1).sum(2)


def _of_channels(values: Array, shape: tuple[int, int]) -> Array:
    """Repeat a group's value (b, g) for each of its channels: (b, c)."""
    return np.repeat(values, shape[1] // values.shape[1], 1)


def _share(loop: Callable, values: Array, *arguments: Array) -> None:
    """Run a loop, the sections or the channels of the only one shared among the threads."""
    sections, _, channels = values.shape
    if sections > 1:
        parts = [(*share, 0, channels) for share in shares(sections, values.size)]
    else:
        parts = [(0, 1, *share) for share in shares(channels, values.size)]
    run(loop, [(values, *arguments, *part) for part in parts])
