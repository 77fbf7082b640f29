"""RMS norm on the CPU, block by block: both passes, without autograd."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.torch_layers.blockwise.blocks import blocks, dot, features, like, rooms


class RMSNormSaved(NamedTuple):
    """What the backward pass of RMS norm needs."""

    x: Tensor
    weight: Tensor | None
    inv_rms: Tensor  # (r, 1)


def rms_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, eps: float | None
) -> tuple[Tensor, RMSNormSaved]:
    """Divide each example of a contiguous `x` by its root mean square."""
    rows = x.view(-1, math.prod(normalized_shape))
    y, (room,) = torch.empty_like(rows), rooms(rows, 1)
    gain, inv_rms = features(weight, room, 1.0), room.new_empty(len(rows), 1)
    eps = torch.finfo(room.dtype).eps if eps is None else eps
    for block in blocks(rows):
        values, inv = rows[block].to(room.dtype), inv_rms[block]
        torch.linalg.vector_norm(values, dim=1, keepdim=True, out=inv)
        inv.square_().div_(rows.shape[1]).add_(eps).rsqrt_()
        part = torch.mul(values, inv, out=room[: len(values)])
        torch.mul(part, gain, out=y[block])
    return y.view_as(x), RMSNormSaved(x, weight, inv_rms)


def rms_norm_backward(dy: Tensor, saved: RMSNormSaved) -> tuple[Tensor, Tensor | None]:
    """Pull `dy` back through RMS norm."""
    x, weight, inv_rms = saved
    rows = x.view(len(inv_rms), -1)
    dy, dx, (room,) = dy.reshape(rows.shape), torch.empty_like(rows), rooms(rows, 1)
    gain, dweight = features(weight, room, 1.0), room.new_zeros(rows.shape[1])
    for block in blocks(rows):
        values, g, inv = rows[block].to(room.dtype), dy[block].to(room.dtype), inv_rms[block]
        part = torch.mul(g, values, out=room[: len(g)])
        along_x = dot(part, gain) * inv.square() / rows.shape[1]
        dweight.addmv_(part.T, inv[:, 0])
        torch.mul(g, gain, out=part).addcmul_(values, along_x, value=-1)
        torch.mul(part, inv, out=dx[block])
    return dx.view_as(x), like(dweight, weight)
