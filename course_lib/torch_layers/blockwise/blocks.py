"""Blocks of a tensor that stay in the CPU's cache while they are measured and normalized.

The arithmetic is that of `course_lib.numpy_fast`, whose notes say why rows with a large mean are
measured again.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 2**19  # values a thread: small enough for the cache, large enough for torch's overhead
LONG, PIECE = 4_096, 1_024  # values of a row


class Saved(NamedTuple):
    """What the backward pass of layer, group and batch norm needs."""

    x: Tensor
    weight: Tensor | None
    bias: Tensor | None
    mean: Tensor  # of each row, group or channel, as first computed
    correction: Tensor  # of that mean, where it matters; 0 elsewhere
    inv_std: Tensor


def measure(
    values: Tensor, room: Tensor, eps: float, mean: Tensor, correction: Tensor, *others: Tensor
) -> tuple[Tensor, Tensor]:
    """Measure each row of `values` (r, *k); return the same, perhaps shifted into `room`, and
    what is still to be subtracted."""
    rest = _measure_once(values, eps, *others)
    mean.copy_(rest), correction.zero_()
    for _ in range(2):  # twice for a row of equal values, whose first rest is all rounding
        if not _is_far(rest, others[-1]):
            break
        values = torch.sub(values, rest, out=room)
        rest = _measure_once(values, eps, *others)
        correction += rest
    return values, rest


def _measure_once(values: Tensor, eps: float, *var_and_inv_std: Tensor) -> Tensor:
    """Return the mean of each row; write its inverse deviation, and its variance if wanted."""
    rows, pieces = len(values), _in_pieces(values)
    mean = pieces.mean(tuple(range(1, pieces.ndim))).view(rows, *(1,) * (values.ndim - 1))
    squares = torch.linalg.vector_norm(pieces, dim=-1).square_().view(rows, -1).sum(1).view_as(mean)
    var = squares.div_(math.prod(values.shape[1:])).sub_(mean.square()).clamp_(min=0)
    for room in var_and_inv_std:
        room.copy_(var)
    var_and_inv_std[-1].add_(eps).rsqrt_()
    return mean


def _in_pieces(values: Tensor) -> Tensor:
    """Cut rows that are long: one sum of many loses digits that a sum of short sums keeps."""
    piece = math.gcd(values.shape[-1], PIECE)
    return values.unflatten(-1, (-1, piece)) if values.shape[-1] > LONG and piece > 16 else values


def center_again(
    values: Tensor, room: Tensor, mean: Tensor, correction: Tensor, inv_std: Tensor
) -> tuple[Tensor, Tensor]:
    """Return `values`, shifted into `room` where a mean is large, and what is to be subtracted."""
    if not _is_far(mean, inv_std):
        return values, mean
    return torch.sub(values, mean, out=room).sub_(correction), torch.zeros_like(mean)


def _is_far(rest: Tensor, inv_std: Tensor) -> bool:
    """Tell whether a row has a mean of more than one standard deviation."""
    return bool((rest * inv_std).abs().max() > 1)


def blocks(rows: Tensor) -> Iterator[slice]:
    """Yield slices of the first axis that hold about `BLOCK` values for each thread."""
    step = _block_length(rows)
    for start in range(0, len(rows), step):
        yield slice(start, start + step)


def _block_length(rows: Tensor) -> int:
    return min(len(rows), max(1, BLOCK * torch.get_num_threads() * len(rows) // rows.numel()))


def rooms(rows: Tensor, number: int) -> Tensor:
    """Return room for so many blocks, in the precision of the statistics."""
    wide = torch.promote_types(rows.dtype, torch.float32)
    return rows.new_empty(number, _block_length(rows), *rows.shape[1:], dtype=wide)


def like(gradient: Tensor, parameter: Tensor | None) -> Tensor | None:
    """Return a gradient in the shape and precision of its parameter."""
    return None if parameter is None else gradient.view(parameter.shape).to(parameter.dtype)


def features(parameter: Tensor | None, room: Tensor, absent: float) -> Tensor:
    """Return a parameter as one flat vector, or the number that stands for None."""
    if parameter is None:
        return room.new_full((room.shape[-1],), absent)
    return parameter.reshape(-1).to(room.dtype)


def dot(values: Tensor, vector: Tensor) -> Tensor:
    """Return each row's product with a vector, (r, 1)."""
    return torch.mv(values, vector)[:, None]
