"""What group norm and batch norm share: groups (r, k, s) of which each has its statistics."""

import math

import torch
from torch import Tensor

from course_lib.torch_layers.blockwise.blocks import blocks, center_again, measure, rooms


def normalize(
    groups: Tensor, out: Tensor, weight: Tensor | None, bias: Tensor | None, n: int, eps: float
) -> list[Tensor]:
    """Write the normalized `groups` (r, k, s) to `out`; return their statistics, (r, 1, 1)."""
    (room,) = rooms(groups, 1)
    statistics = [room.new_empty(len(groups), 1, 1) for _ in range(4)]
    gain, shift = (channels(value, groups, n) for value in (weight, bias))
    for block in blocks(groups):
        own, part = [values[block] for values in statistics], room[: len(groups[block])]
        values, rest = measure(groups[block].to(room.dtype), part, eps, *own)
        scale = own[3] if gain is None else own[3] * gain[block]
        torch.mul(values, scale, out=part)
        torch.add(part, (0 if shift is None else shift[block]) - rest * scale, out=out[block])
    return statistics


def normalize_backward(
    dy: Tensor, groups: Tensor, out: Tensor, weight: Tensor | None, n: int, statistics: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Write the gradient of `groups` to `out`; return those of weight and bias, (r, k, 1).

    All sums follow from those of dy and of dy · x along the last axis.
    """
    room, other = rooms(groups, 2)
    dweight, dbias = room.new_empty(2, *groups.shape[:2], 1)
    gain, count = channels(weight, groups, n), math.prod(groups.shape[1:])
    for block in blocks(groups):
        own, g = [values[block] for values in statistics], dy[block].to(room.dtype)
        inv_std, part = own[2], room[: len(g)]
        values, rest = center_again(groups[block].to(room.dtype), other[: len(g)], *own)
        scale = inv_std if gain is None else inv_std * gain[block]
        sums = torch.sum(g, 2, keepdim=True, out=dbias[block])
        along_x = torch.mul(g, values, out=part).sum(2, keepdim=True)
        torch.mul(along_x - rest * sums, inv_std, out=dweight[block])
        along_ones = (scale * sums).sum(1, keepdim=True) / count
        along_x = (scale * dweight[block]).sum(1, keepdim=True) * inv_std / count
        torch.mul(g, scale, out=part).addcmul_(values, along_x, value=-1)
        torch.sub(part, along_ones - rest * along_x, out=out[block])
    return dweight, dbias


def channels(parameter: Tensor | None, groups: Tensor, n: int) -> Tensor | None:
    """Repeat (c,) for each of `n` examples, as (r, k, 1) or (r, 1, 1)."""
    if parameter is None:
        return None
    wide = torch.promote_types(groups.dtype, torch.float32)
    return parameter.to(wide).repeat(n).view(len(groups), -1, 1)
