"""What group norm and batch norm share: how their groups lie among the rows (n·c, s)."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.numba_kernels import group_loops
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


class Groups(NamedTuple):
    """Groups of rows, as `group_loops` describes them."""

    number: int
    count: int
    step: int
    between: int


def normalize(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, groups: Groups, eps: float
) -> tuple[Tensor, Tensor, Saved]:
    """Return y, the biased variance of each group, and what the backward pass needs."""
    (rows, s, c), dtype = _shape(x), widened(x)
    y, statistics = empty(x, rows, s), empty(x, 4, groups.number)
    parameters = vector(weight, 1, dtype, c), vector(bias, 0, dtype, c)
    values = array(x, dtype, rows, s)
    runs = values.reshape(groups.number, -1) if groups.step == 1 else values
    common = runs, values, *parameters, eps, y, *statistics, *groups[1:]
    parts = shares(groups.number, x.numel())
    run(group_loops.normalize, [(*common, *part) for part in parts])
    mean, correction, var, inv_std = torch.from_numpy(statistics)
    return tensor(y, x), var, Saved(x, weight, bias, mean, correction, inv_std)


def normalize_backward(
    dy: Tensor, saved: Saved, groups: Groups
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return dx, dweight and dbias."""
    x, weight, bias, *statistics = saved
    (rows, s, c), dtype = _shape(x), widened(x)
    dx, sums = empty(x, rows, s), np.empty((2, rows))
    common = array(dy, dtype, rows, s), array(x, dtype, rows, s), vector(weight, 1, dtype, c)
    common = *common, *(values.numpy() for values in statistics), dx, *sums, *groups[1:]
    parts = shares(groups.number, x.numel())
    run(group_loops.normalize_backward, [(*common, *part) for part in parts])
    dweight, dbias = sums.reshape(2, -1, c).sum(1)
    return tensor(dx, x), gradient(dweight, weight), gradient(dbias, bias)


def _shape(x: Tensor) -> tuple[int, int, int]:
    """Return the number of rows of x (n, c, *s), their length s, and c."""
    n, c = x.shape[:2]
    return n * c, x.numel() // (n * c), c
