"""Errors against float64, of outputs that no earlier call can have written."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Of the largest value of the result. A parameter's gradient sums thousands of terms, which torch
# does in bfloat16: its own is off by 0.08.
TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 0.15}


class Errors(NamedTuple):
    """The largest error, and the largest in units of the right result's largest value."""

    absolute: float
    relative: float


def errors(results: tuple, right: tuple[Tensor, ...]) -> Errors:
    """Compare results, arrays or tensors, with right answers in float64; NaN counts as infinity.

    Raises
    ------
    ValueError
        If there are fewer results than answers, or a shape differs.
    """
    if len(results) != len(right):
        raise ValueError(f"expected {len(right)} results, got {len(results)}")
    pairs = [
        _errors(torch.as_tensor(one), other) for one, other in zip(results, right, strict=True)
    ]
    return Errors(*(max(values) for values in zip(*pairs, strict=True)))


def _errors(result: Tensor, right: Tensor) -> tuple[float, float]:
    if result.shape != right.shape:
        raise ValueError(
            f"expected a result of shape {tuple(right.shape)}, got {tuple(result.shape)}"
        )
    worst = float((result.detach() - right).abs().max())  # in float64, as `right`
    worst = math.inf if math.isnan(worst) else worst
    scale = float(right.abs().max())
    if scale == 0:  # a saturated tanh passes no gradient
        return worst, 0.0 if worst == 0 else math.inf
    return worst, worst / scale


def poison(results: tuple) -> None:
    """Overwrite results with NaN, and the free memory where the next ones may come to lie.

    What a faulty implementation leaves unwritten would otherwise hold the right values of the
    call before, or of another implementation.
    """
    for result in results:
        tensor = isinstance(result, Tensor)
        values = result.detach() if tensor else result
        values[...] = math.nan
    dirty = [torch.full_like(one, math.nan) if isinstance(one, Tensor)
             else np.full_like(one, math.nan) for one in (*results, *results)]  # fmt: skip
    del dirty
