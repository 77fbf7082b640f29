"""Batch norm in training on a GPU: statistics of tiles, their merger, a second look at x."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.numpy_layers.shapes import (
    require_channels,
    require_eps,
    require_momentum,
    require_statistics,
)
from course_lib.triton_kernels.channel_gradients import gradients
from course_lib.triton_kernels.channel_moments import Statistics, normalize, tile_moments_kernel
from course_lib.triton_kernels.channel_tiles import channel_tiles, dense
from course_lib.triton_kernels.inputs import launches, require_kernel_inputs


class BatchNormSaved(NamedTuple):
    """What the backward pass needs: tensors, or None."""

    x: Tensor  # (n, c, *s), dense, channels first or last in memory
    weight: Tensor | None  # (c,)
    bias: Tensor | None  # (c,)
    mean: Tensor  # (c,), float32, of the channel's first tile
    correction: Tensor  # (c,), float32: the mean is mean + correction
    inv_std: Tensor  # (c,), float32


class BatchNormGrads(NamedTuple):
    """Gradients of `batch_norm`; a parameter that was not given has gradient None."""

    dx: Tensor
    dweight: Tensor | None
    dbias: Tensor | None


@launches
def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> tuple[Tensor, BatchNormSaved]:
    """Normalize each channel of `x` with the statistics of the batch, as in training.

    Arguments and shapes are those of `course_lib.numpy_layers.batch_norm` with ``training=True``,
    errors those of `course_lib.triton_kernels.layer_norm`; `momentum` may be a tensor of one
    number, such as a count's inverse.

    Returns
    -------
    y : shape, dtype and memory format of `x`
    saved : BatchNormSaved
    """
    running = running_mean, running_var
    given = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**given, "weight": weight, "bias": bias}, "batch_norm")
    require_statistics(x, running_mean, running_var, training=True)
    require_eps(eps)
    require_momentum(momentum)
    require_kernel_inputs(tile_moments_kernel, x, weight, bias, *running, momentum)
    x = dense(x)
    weight, bias = (None if value is None else value.contiguous() for value in (weight, bias))
    if x.numel() == 0:  # an empty batch says nothing
        nothing = torch.zeros(x.shape[1], dtype=torch.float32, device=x.device)
        return x.clone(), BatchNormSaved(x, weight, bias, nothing, nothing, nothing)
    tiles = channel_tiles(x, one_image=True)
    y, statistics = normalize(x, weight, bias, eps, x.shape[1], tiles, False, running, momentum)
    return y, BatchNormSaved(x, weight, bias, *statistics)


@launches
def batch_norm_backward(dy: Tensor, saved: BatchNormSaved) -> BatchNormGrads:
    """Pull `dy`, of the shape of `x`, back through batch norm: dy and x are read twice."""
    x, weight, bias, *statistics = saved
    if x.numel() == 0:
        parameters = (
            None if value is None else torch.zeros_like(value) for value in (weight, bias)
        )
        return BatchNormGrads(torch.empty_like(x), *parameters)
    tiles, dy = channel_tiles(x, one_image=True), dense(dy, like=x)
    return BatchNormGrads(*gradients(dy, x, weight, bias, Statistics(*statistics), tiles, False))
