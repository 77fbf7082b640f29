"""Layer norm on the CPU, block by block: both passes, without autograd."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.torch_layers.blockwise.blocks import (
    Saved,
    blocks,
    center_again,
    dot,
    features,
    like,
    measure,
    rooms,
)


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Saved]:
    """Normalize each example of a contiguous `x` over its trailing axes."""
    rows = x.view(-1, math.prod(normalized_shape))
    y, (room,) = torch.empty_like(rows), rooms(rows, 1)
    statistics = [room.new_empty(len(rows), 1) for _ in range(3)]
    gain, shift = features(weight, room, 1.0), features(bias, room, 0.0)
    for block in blocks(rows):
        own, part = [values[block] for values in statistics], room[: len(rows[block])]
        values, rest = measure(rows[block].to(room.dtype), part, eps, *own)
        torch.sub(values, rest, out=part).mul_(own[2])
        torch.addcmul(shift, part, gain, out=y[block])
    return y.view_as(x), Saved(x, weight, bias, *statistics)


def layer_norm_backward(dy: Tensor, saved: Saved) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Pull `dy` back; all sums are products of matrices dy and dy · x with vectors."""
    x, weight, bias, *statistics = saved
    rows = x.view(len(saved.mean), -1)
    dy, dx, count = dy.reshape(rows.shape), torch.empty_like(rows), rows.shape[1]
    room, other = rooms(rows, 2)
    gain, (dweight, dbias) = features(weight, room, 1.0), room.new_zeros(2, count)
    for block in blocks(rows):
        own, g = [values[block] for values in statistics], dy[block].to(room.dtype)
        inv_std, part = own[2], room[: len(g)]
        values, rest = center_again(rows[block].to(room.dtype), other[: len(g)], *own)
        torch.mul(g, values, out=part)
        along_ones = dot(g, gain)
        along_x = (dot(part, gain) - rest * along_ones) * inv_std.square() / count
        dweight.addmv_(part.T, inv_std[:, 0])
        dweight.addmv_(g.T, (rest * inv_std)[:, 0], alpha=-1)
        dbias += g.sum(0)
        torch.mul(g, gain, out=part).addcmul_(values, along_x, value=-1)
        part -= along_ones / count - rest * along_x
        torch.mul(part, inv_std, out=dx[block])
    return dx.view_as(x), like(dweight, weight), like(dbias, bias)
