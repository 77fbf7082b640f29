"""The forward pass of batch norm, and of groups too large for one program: three launches.

Each tile leaves its moments; Chan's formula merges them; a second look at x, from its end, where
the first one's last tiles are still in the cache, normalizes.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from course_lib.triton_kernels.channel_tiles import ChannelTiles, merged_parts, tile_at
from course_lib.triton_kernels.reductions import corrected_moments, load_or


class Statistics(NamedTuple):
    """Of each group; the mean is `mean + correction`. All float32."""

    mean: Tensor
    correction: Tensor
    inv_std: Tensor


@triton.jit(do_not_specialize=["S"])
def tile_moments_kernel(
    x_ptr, mean_ptr, correction_ptr, m2_ptr, S, C: tl.constexpr, CHANNELS_LAST: tl.constexpr,
    UNIT: tl.constexpr, C_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Leave mean, correction and sum of squares of each channel of a tile: (B, chunks, C) each."""
    image, chunk, c, start, tile, mask = tile_at(
        tl.program_id(0), S, C, CHANNELS_LAST, UNIT, C_BLOCK, S_BLOCK
    )
    x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
    count = tl.minimum(S - chunk * S_BLOCK, S_BLOCK)
    mean, correction, centered = corrected_moments(x, mask, count, 0)
    partial = (image * tl.cdiv(S, S_BLOCK) + chunk).to(tl.int64) * C + c  # (1, C_BLOCK)
    tl.store(mean_ptr + partial, mean, c < C)
    tl.store(correction_ptr + partial, correction, c < C)
    tl.store(m2_ptr + partial, tl.sum(centered * centered, 0, keep_dims=True), c < C)


@triton.jit(do_not_specialize=["R", "S", "chunks"])
def merge_moments_kernel(
    part_mean_ptr, part_correction_ptr, part_m2_ptr, mean_ptr, correction_ptr, inv_std_ptr,
    running_mean_ptr, running_var_ptr, momentum, eps, R, S, chunks,
    C: tl.constexpr, D: tl.constexpr, S_BLOCK: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, MOMENTUM_IN_MEMORY: tl.constexpr,
):  # fmt: skip
    """Merge the moments of R tiles by D channels into those of one group; move its memory."""
    group = tl.program_id(0)
    rows, d = tl.arange(0, ROWS)[:, None], tl.arange(0, BLOCK)[None, :]
    start = (group // (C // D)).to(tl.int64) * R * C + group % (C // D) * D
    # Means are merged as distances from the first one, which float32 holds to the last digit.
    shift = tl.load(part_mean_ptr + start)
    n = tl.zeros((1, 1), tl.float32)
    mean = tl.zeros((1, 1), tl.float32)
    m2 = tl.zeros((1, 1), tl.float32)
    for first in range(0, R, ROWS):
        row = first + rows
        mask = (row < R) & (d < D)
        part = start + row.to(tl.int64) * C + d  # (ROWS, BLOCK)
        count = tl.where(mask, tl.minimum(S - row % chunks * S_BLOCK, S_BLOCK), 0).to(tl.float32)
        far = tl.load(part_mean_ptr + part, mask, other=0.0) - shift
        far = tl.where(mask, far + tl.load(part_correction_ptr + part, mask, other=0.0), 0.0)
        # Chan's formula, for all the tiles at once and then for these and those before.
        n_new = tl.sum(count, None, keep_dims=True)
        mean_new = tl.sum(count * far, None, keep_dims=True) / n_new
        around = tl.load(part_m2_ptr + part, mask, other=0.0)
        around += count * (far - mean_new) * (far - mean_new)
        delta = mean_new - mean
        m2 += tl.sum(around, None, keep_dims=True) + delta * delta * n * n_new / (n + n_new)
        mean += delta * n_new / (n + n_new)
        n += n_new
    here = group + tl.zeros((1, 1), tl.int32)
    tl.store(mean_ptr + here, shift + tl.zeros((1, 1), tl.float32))
    tl.store(correction_ptr + here, mean)
    tl.store(inv_std_ptr + here, tl.rsqrt(m2 / n + eps))
    if MOMENTUM_IN_MEMORY:
        momentum = tl.load(momentum).to(tl.float32)
    if running_mean_ptr is not None:
        old = tl.load(running_mean_ptr + here).to(tl.float32)
        tl.store(running_mean_ptr + here, old + momentum * (shift + mean - old))
    if running_var_ptr is not None:
        old = tl.load(running_var_ptr + here).to(tl.float32)
        tl.store(running_var_ptr + here, old + momentum * (m2 / (n - 1) - old))


@triton.jit(do_not_specialize=["S"])
def normalize_kernel(
    x_ptr, weight_ptr, bias_ptr, mean_ptr, correction_ptr, inv_std_ptr, y_ptr, S,
    D: tl.constexpr, PER_IMAGE: tl.constexpr, C: tl.constexpr, CHANNELS_LAST: tl.constexpr,
    UNIT: tl.constexpr, C_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Normalize a tile by the statistics of its channels' groups."""
    program = tl.num_programs(0) - 1 - tl.program_id(0)  # from the end of x
    image, _, c, start, tile, mask = tile_at(program, S, C, CHANNELS_LAST, UNIT, C_BLOCK, S_BLOCK)
    group = image * PER_IMAGE * (C // D) + c // D  # (1, C_BLOCK)
    mean = tl.load(mean_ptr + group, c < C, other=0.0)
    correction = tl.load(correction_ptr + group, c < C, other=0.0)
    scale = tl.load(inv_std_ptr + group, c < C, other=0.0) * load_or(weight_ptr, c, c < C, 1.0)
    x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
    y = (x - mean - correction) * scale + load_or(bias_ptr, c, c < C, 0.0)
    tl.store(y_ptr + start + tile, y, mask)


def normalize(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, groups: int,
    tiles: ChannelTiles, per_image: bool,
    running: tuple[Tensor | None, Tensor | None] = (None, None), momentum: float | Tensor = 0.0,
) -> tuple[Tensor, Statistics]:  # fmt: skip
    """Return y and the statistics, of `groups` groups of channels in each image or in all."""
    y, width = torch.empty_like(x), tiles.channels // groups
    like = {"dtype": torch.float32, "device": x.device}
    parts = [torch.empty(tiles.images * tiles.chunks, tiles.channels, **like) for _ in range(3)]
    tile_moments_kernel[(tiles.programs,)](x, *parts, **tiles.options)
    shape = (tiles.images, groups) if per_image else (groups,)
    statistics = Statistics(*(torch.empty(shape, **like) for _ in range(3)))
    rows = tiles.chunks if per_image else tiles.images * tiles.chunks
    merge_moments_kernel[(statistics.mean.numel(),)](
        *(*parts, *statistics, *running, momentum, eps, rows, tiles.positions, tiles.chunks),
        C=tiles.channels, D=width, S_BLOCK=tiles.position_block,
        MOMENTUM_IN_MEMORY=isinstance(momentum, Tensor), **merged_parts(width),
    )  # fmt: skip
    normalize_kernel[(tiles.programs,)](
        *(x, weight, bias, *statistics, y), D=width, PER_IMAGE=int(per_image), **tiles.options
    )
    return y, statistics
