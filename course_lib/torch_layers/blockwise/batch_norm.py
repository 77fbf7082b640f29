"""Batch norm on the CPU, block by block: both passes, without autograd."""

import torch
from torch import Tensor

from course_lib.torch_layers.blockwise.blocks import Saved, like
from course_lib.torch_layers.blockwise.groups import normalize, normalize_backward


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float | Tensor,
    eps: float,
) -> tuple[Tensor, Saved]:
    """Normalize each channel of a contiguous `x` by its batch; move the running statistics."""
    y, channels = torch.empty_like(x), by_channel(x)
    mean, correction, var, inv_std = normalize(channels, by_channel(y), weight, bias, 1, eps)
    m = x.numel() // x.shape[1]
    for running, new in ((running_mean, mean + correction), (running_var, var * (m / (m - 1)))):
        if running is not None:
            running.lerp_(new.view(-1).to(running.dtype), momentum)
    return y, Saved(x, weight, bias, mean, correction, inv_std)


def batch_norm_backward(dy: Tensor, saved: Saved) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Pull `dy` back through batch norm."""
    x, weight, bias, *statistics = saved
    dx, views = torch.empty_like(x), (by_channel(value) for value in (dy.contiguous(), x))
    sums = normalize_backward(*views, by_channel(dx), weight, 1, statistics)
    dweight, dbias = (values.sum((1, 2)) for values in sums)
    return dx, like(dweight, weight), like(dbias, bias)


def by_channel(x: Tensor) -> Tensor:
    """View (n, c, *s) as (c, n, s)."""
    return x.view(*x.shape[:2], -1).transpose(0, 1)
