"""Group norm on a GPU: a group in one program where it fits, cut into tiles where it does not."""

import math
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from course_lib.numpy_layers.group_norm import require_groups
from course_lib.numpy_layers.shapes import require_eps
from course_lib.triton_kernels.channel_gradients import gradients
from course_lib.triton_kernels.channel_moments import Statistics, normalize
from course_lib.triton_kernels.channel_tiles import channel_tiles, dense, is_channels_last, unit
from course_lib.triton_kernels.inputs import launches, require_kernel_inputs
from course_lib.triton_kernels.reductions import corrected_moments, load_or, sum_rows
from course_lib.triton_kernels.tiles import fits_forward, power_of_two


class GroupNormSaved(NamedTuple):
    """What the backward pass needs: tensors, or None."""

    x: Tensor  # (n, c, *s), dense, channels first or last in memory
    weight: Tensor | None  # (c,)
    bias: Tensor | None  # (c,)
    mean: Tensor  # (n, g), float32, as first computed
    correction: Tensor  # (n, g), float32: the mean is mean + correction
    inv_std: Tensor  # (n, g), float32


class GroupNormGrads(NamedTuple):
    """Gradients of `group_norm`; a parameter that was not given has gradient None."""

    dx: Tensor
    dweight: Tensor | None
    dbias: Tensor | None


@triton.jit(do_not_specialize=["S"])
def group_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, y_ptr, mean_ptr, correction_ptr, inv_std_ptr, eps, G, S,
    D: tl.constexpr, UNIT: tl.constexpr, D_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Normalize one group of x (N, G, D, S): D channels by S positions, contiguous in memory."""
    S = S // UNIT * UNIT  # the same, and now the compiler knows what divides it
    group = tl.program_id(0)  # of N * G
    d, s = tl.arange(0, D_BLOCK)[:, None], tl.arange(0, S_BLOCK)[None, :]
    mask = (d < D) & (s < S)  # (D_BLOCK, S_BLOCK)
    start, tile = group.to(tl.int64) * D * S, d * S + s
    x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
    mean, correction, centered = corrected_moments(x, mask, D * S, None)
    inv_std = tl.rsqrt(tl.sum(centered * centered, None, keep_dims=True) / (D * S) + eps)
    channel = group % G * D + d  # (D_BLOCK, 1): γ and β differ inside a group
    weight = load_or(weight_ptr, channel, d < D, 1.0)
    bias = load_or(bias_ptr, channel, d < D, 0.0)
    tl.store(y_ptr + start + tile, centered * inv_std * weight + bias, mask)
    here = group + tl.zeros((1, 1), tl.int32)
    tl.store(mean_ptr + here, mean)
    tl.store(correction_ptr + here, correction)
    tl.store(inv_std_ptr + here, inv_std)


@triton.jit(do_not_specialize=["S"])
def group_norm_backward_kernel(
    dy_ptr, x_ptr, weight_ptr, mean_ptr, correction_ptr, inv_std_ptr, dx_ptr, dweight_ptr,
    dbias_ptr, G, S,
    D: tl.constexpr, UNIT: tl.constexpr, D_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Pull dy back through one group; leave its example's part of dweight and dbias, (N, C)."""
    S = S // UNIT * UNIT
    group = tl.program_id(0)  # of N * G
    d, s = tl.arange(0, D_BLOCK)[:, None], tl.arange(0, S_BLOCK)[None, :]
    mask = (d < D) & (s < S)  # (D_BLOCK, S_BLOCK)
    start, tile = group.to(tl.int64) * D * S, d * S + s
    x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
    dy = tl.load(dy_ptr + start + tile, mask, other=0.0).to(tl.float32)
    inv_std = tl.load(inv_std_ptr + group)
    x_hat = (x - tl.load(mean_ptr + group) - tl.load(correction_ptr + group)) * inv_std
    dweight = tl.sum(dy * x_hat, 1, keep_dims=True)  # (D_BLOCK, 1)
    dbias = tl.sum(dy, 1, keep_dims=True)
    weight = load_or(weight_ptr, group % G * D + d, d < D, 1.0)
    # γ weighs channels, so it enters before the sums over the group, not after them.
    along_ones = tl.sum(dbias * weight, 0, keep_dims=True) / (D * S)  # (1, 1)
    along_x_hat = tl.sum(dweight * weight, 0, keep_dims=True) / (D * S)
    dx = inv_std * (dy * weight - along_ones - x_hat * along_x_hat)
    tl.store(dx_ptr + start + tile, dx, mask)
    tl.store(dweight_ptr + group * D + d, dweight, d < D)
    tl.store(dbias_ptr + group * D + d, dbias, d < D)


@launches
def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, GroupNormSaved]:
    """Normalize each example of `x` over groups of neighbouring channels.

    Arguments and shapes are those of `course_lib.numpy_layers.group_norm`, errors those of
    `course_lib.triton_kernels.layer_norm`.

    Returns
    -------
    y : shape, dtype and memory format of `x`
    saved : GroupNormSaved
    """
    require_groups(x, num_groups, {"weight": weight, "bias": bias})
    require_eps(eps)
    require_kernel_inputs(group_norm_kernel, x, weight, bias)
    x = dense(x)
    weight, bias = (None if value is None else value.contiguous() for value in (weight, bias))
    if _in_tiles(x, num_groups):
        tiles = channel_tiles(x, one_image=False)
        y, statistics = normalize(x, weight, bias, eps, num_groups, tiles, True)
        return y, GroupNormSaved(x, weight, bias, *statistics)
    y, shape = torch.empty_like(x), (x.shape[0], num_groups)
    statistics = [torch.empty(shape, dtype=torch.float32, device=x.device) for _ in range(3)]
    if x.numel():
        group_norm_kernel[(math.prod(shape),)](
            *(x, weight, bias, y, *statistics, eps, num_groups), **_group_tile(x, num_groups)
        )
    return y, GroupNormSaved(x, weight, bias, *statistics)


@launches
def group_norm_backward(dy: Tensor, saved: GroupNormSaved) -> GroupNormGrads:
    """Pull `dy`, of the shape of `x`, back through group norm: read once where a group fits."""
    x, weight, bias, *statistics = saved
    num_groups, dy = saved.mean.shape[1], dense(dy, like=x)
    if _in_tiles(x, num_groups):
        tiles = channel_tiles(x, one_image=False)
        values = gradients(dy, x, weight, bias, Statistics(*statistics), tiles, True)
        return GroupNormGrads(*values)
    dx = torch.empty_like(x)
    parts = [torch.empty(x.shape[:2], dtype=torch.float32, device=x.device) for _ in range(2)]
    if x.numel():
        group_norm_backward_kernel[(saved.mean.numel(),)](
            *(dy, x, weight, *statistics, dx, *parts, num_groups), **_group_tile(x, num_groups)
        )
    return GroupNormGrads(dx, *sum_rows(parts, (weight, bias)))


def _in_tiles(x: Tensor, num_groups: int) -> bool:
    """Say whether a group is too large for one program, or scattered through memory."""
    tile = _group_tile(x, num_groups)
    return x.numel() > 0 and (
        is_channels_last(x) or not fits_forward(tile["D_BLOCK"] * tile["S_BLOCK"])
    )


def _group_tile(x: Tensor, num_groups: int) -> dict[str, int]:
    """Return what a launch of one program a group says beside its tensors."""
    width, positions = x.shape[1] // num_groups, math.prod(x.shape[2:])
    blocks = power_of_two(width), power_of_two(positions)
    warps = max(1, min(16, math.prod(blocks) // 512))
    return {
        "S": positions, "D": width, "UNIT": unit(positions),
        "D_BLOCK": blocks[0], "S_BLOCK": blocks[1], "num_warps": warps,
    }  # fmt: skip
