"""Group norm on the CPU, block by block: both passes, without autograd."""

import torch
from torch import Tensor

from course_lib.torch_layers.blockwise.blocks import Saved, like
from course_lib.torch_layers.blockwise.groups import normalize, normalize_backward


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Saved]:
    """Normalize each example of a contiguous `x` over groups of channels."""
    n, c = x.shape[:2]
    groups, y = x.view(n * num_groups, c // num_groups, -1), torch.empty_like(x)
    mean, correction, _, inv_std = normalize(groups, y.view_as(groups), weight, bias, n, eps)
    return y, Saved(x, weight, bias, mean, correction, inv_std)


def group_norm_backward(dy: Tensor, saved: Saved) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Pull `dy` back through group norm."""
    x, weight, bias, *statistics = saved
    n, c = x.shape[:2]
    dx, groups = torch.empty_like(x), x.view(len(saved.mean), n * c // len(saved.mean), -1)
    dy = dy.reshape(groups.shape)
    sums = normalize_backward(dy, groups, dx.view_as(groups), weight, n, statistics)
    dweight, dbias = (values.view(n, c).sum(0) for values in sums)
    return dx, like(dweight, weight), like(dbias, bias)
