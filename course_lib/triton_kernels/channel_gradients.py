"""The backward pass that belongs to `channel_moments`: sums of tiles, of groups, then dx."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from course_lib.triton_kernels.channel_moments import Statistics
from course_lib.triton_kernels.channel_tiles import ChannelTiles, merged_parts, tile_at
from course_lib.triton_kernels.reductions import load_or, sum_rows


@triton.jit(do_not_specialize=["S"])
def tile_sums_kernel(
    dy_ptr, x_ptr, mean_ptr, correction_ptr, inv_std_ptr, dweight_ptr, dbias_ptr, S,
    D: tl.constexpr, PER_IMAGE: tl.constexpr, C: tl.constexpr, CHANNELS_LAST: tl.constexpr,
    UNIT: tl.constexpr, C_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Leave the sums of dy * x_hat and dy of each channel of a tile: (B, chunks, C) each."""
    image, chunk, c, start, tile, mask = tile_at(
        tl.program_id(0), S, C, CHANNELS_LAST, UNIT, C_BLOCK, S_BLOCK
    )
    group = image * PER_IMAGE * (C // D) + c // D  # (1, C_BLOCK)
    mean = tl.load(mean_ptr + group, c < C, other=0.0)
    correction = tl.load(correction_ptr + group, c < C, other=0.0)
    inv_std = tl.load(inv_std_ptr + group, c < C, other=0.0)
    x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
    dy = tl.load(dy_ptr + start + tile, mask, other=0.0).to(tl.float32)
    x_hat = (x - mean - correction) * inv_std  # beyond the mask dy is 0
    partial = (image * tl.cdiv(S, S_BLOCK) + chunk).to(tl.int64) * C + c  # (1, C_BLOCK)
    tl.store(dweight_ptr + partial, tl.sum(dy * x_hat, 0, keep_dims=True), c < C)
    tl.store(dbias_ptr + partial, tl.sum(dy, 0, keep_dims=True), c < C)


@triton.jit(do_not_specialize=["R", "count"])
def group_means_kernel(
    part_dweight_ptr, part_dbias_ptr, weight_ptr, along_x_hat_ptr, along_ones_ptr, dweight_ptr,
    dbias_ptr, R, count,
    C: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add up R tiles by D channels into the means of g * x_hat and of g, g = dy * weight.

    Where the images share a group, the sums of its channels are dweight and dbias.
    """
    group = tl.program_id(0)
    rows, d = tl.arange(0, ROWS)[:, None], tl.arange(0, BLOCK)[None, :]
    channel = group % (C // D) * D
    start = (group // (C // D)).to(tl.int64) * R * C + channel
    weight = load_or(weight_ptr, channel + d, d < D, 1.0)  # (1, BLOCK)
    dweight = tl.zeros((ROWS, BLOCK), tl.float32)
    dbias = tl.zeros((ROWS, BLOCK), tl.float32)
    for first in range(0, R, ROWS):
        mask = (first + rows < R) & (d < D)
        part = start + (first + rows).to(tl.int64) * C + d  # (ROWS, BLOCK)
        dweight += tl.load(part_dweight_ptr + part, mask, other=0.0)
        dbias += tl.load(part_dbias_ptr + part, mask, other=0.0)
    dweight = tl.sum(dweight, 0, keep_dims=True)  # (1, BLOCK)
    dbias = tl.sum(dbias, 0, keep_dims=True)
    tl.store(along_x_hat_ptr + group, tl.sum(dweight * weight) / count)
    tl.store(along_ones_ptr + group, tl.sum(dbias * weight) / count)
    if dweight_ptr is not None:
        tl.store(dweight_ptr + channel + d, dweight, d < D)
    if dbias_ptr is not None:
        tl.store(dbias_ptr + channel + d, dbias, d < D)


@triton.jit(do_not_specialize=["S"])
def input_gradient_kernel(
    dy_ptr, x_ptr, weight_ptr, mean_ptr, correction_ptr, inv_std_ptr, along_x_hat_ptr,
    along_ones_ptr, dx_ptr, S,
    D: tl.constexpr, PER_IMAGE: tl.constexpr, C: tl.constexpr, CHANNELS_LAST: tl.constexpr,
    UNIT: tl.constexpr, C_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Project both erased directions out of a tile of dy * weight."""
    program = tl.num_programs(0) - 1 - tl.program_id(0)  # from the end of x, as in the forward pass
    image, _, c, start, tile, mask = tile_at(program, S, C, CHANNELS_LAST, UNIT, C_BLOCK, S_BLOCK)
    group = image * PER_IMAGE * (C // D) + c // D  # (1, C_BLOCK)
    mean = tl.load(mean_ptr + group, c < C, other=0.0)
    correction = tl.load(correction_ptr + group, c < C, other=0.0)
    inv_std = tl.load(inv_std_ptr + group, c < C, other=0.0)
    along_x_hat = tl.load(along_x_hat_ptr + group, c < C, other=0.0)
    along_ones = tl.load(along_ones_ptr + group, c < C, other=0.0)
    x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
    g = tl.load(dy_ptr + start + tile, mask, other=0.0).to(tl.float32)
    g *= load_or(weight_ptr, c, c < C, 1.0)
    x_hat = (x - mean - correction) * inv_std
    tl.store(dx_ptr + start + tile, inv_std * (g - along_ones - x_hat * along_x_hat), mask)


def gradients(
    dy: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, statistics: Statistics,
    tiles: ChannelTiles, per_image: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
    """Return dx, dweight and dbias; arguments as in `channel_moments.normalize`."""
    width, dx = tiles.channels // statistics.mean.shape[-1], torch.empty_like(x)
    like = {"dtype": torch.float32, "device": x.device}
    parts = [torch.empty(tiles.images * tiles.chunks, tiles.channels, **like) for _ in range(2)]
    options = {"D": width, "PER_IMAGE": int(per_image), **tiles.options}
    tile_sums_kernel[(tiles.programs,)](dy, x, *statistics, *parts, **options)
    along = [torch.empty_like(statistics.mean) for _ in range(2)]
    rows = tiles.chunks if per_image else tiles.images * tiles.chunks
    totals = [None if q is None or per_image else torch.empty_like(q) for q in (weight, bias)]
    group_means_kernel[(statistics.mean.numel(),)](
        *(*parts, weight, *along, *totals, rows, x.numel() // statistics.mean.numel()),
        C=tiles.channels, D=width, **merged_parts(width),
    )  # fmt: skip
    input_gradient_kernel[(tiles.programs,)](dy, x, weight, *statistics, *along, dx, **options)
    return dx, *(sum_rows(parts, (weight, bias)) if per_image else totals)
