"""What group norm and batch norm share: where the values of their groups lie in memory."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.numba_kernels import columns, group_loops
from course_lib.numba_kernels.arrays import (
    Saved,
    array,
    empty,
    gradient,
    tensor,
    vector,
    widened,
)
from course_lib.numba_kernels.threads import run, shares


class Rows(NamedTuple):
    """How the rows (n·c, s) of a group lie, as `group_loops` describes it."""

    count: int
    step: int
    between: int


def normalize(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, over_batch: bool, eps: float
) -> tuple[Tensor, Tensor, Saved]:
    """Return y, the biased variance of each group, and what the backward pass needs.

    There are so many `groups` of channels in each example, or in the batch as a whole.
    """
    sections = 1 if over_batch else len(x)
    if columns.are_last(x, over_batch):
        return columns.normalize(x, weight, bias, sections, groups, eps)
    (rows, s, c), dtype, number = _shape(x), widened(x), sections * groups
    y, statistics = empty(x, rows, s), empty(x, 4, number)
    parameters = vector(weight, 1, dtype, c), vector(bias, 0, dtype, c)
    values = array(x, dtype, rows, s)
    place = _rows(rows, number, over_batch)
    runs = values.reshape(number, -1) if place.step == 1 else values
    common = runs, values, *parameters, eps, y, *statistics, *place
    parts = shares(number, x.numel())
    run(group_loops.normalize, [(*common, *part) for part in parts])
    mean, correction, var, inv_std = torch.from_numpy(statistics)
    return tensor(y, x), var, Saved(x, weight, bias, mean, correction, inv_std)


def normalize_backward(
    dy: Tensor, saved: Saved, over_batch: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return dx, dweight and dbias."""
    x, weight, bias, *statistics = saved
    if columns.are_last(x, over_batch):
        return columns.normalize_backward(dy, saved, 1 if over_batch else len(x))
    (rows, s, c), dtype, number = _shape(x), widened(x), len(saved.mean)
    dx, sums = empty(x, rows, s), np.empty((2, rows))
    common = array(dy, dtype, rows, s), array(x, dtype, rows, s), vector(weight, 1, dtype, c)
    common = *common, *(values.numpy() for values in statistics), dx, *sums
    common = *common, *_rows(rows, number, over_batch)
    parts = shares(number, x.numel())
    run(group_loops.normalize_backward, [(*common, *part) for part in parts])
    dweight, dbias = sums.reshape(2, -1, c).sum(1)
    return tensor(dx, x), gradient(dweight, weight), gradient(dbias, bias)


def _rows(rows: int, groups: int, over_batch: bool) -> Rows:
    """Return how the rows of a group lie: a channel's over the batch, or some side by side."""
    count = rows // groups
    return Rows(count, step=groups, between=1) if over_batch else Rows(count, 1, between=count)


def _shape(x: Tensor) -> tuple[int, int, int]:
    """Return the number of rows of x (n, c, *s), their length s, and c."""
    n, c = x.shape[:2]
    return n * c, x.numel() // (n * c), c
