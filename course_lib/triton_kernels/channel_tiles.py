"""How batch and group norm cut x (b, c, s) into tiles, whichever axis is contiguous in memory."""

import math
from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from course_lib.triton_kernels.tiles import power_of_two

VALUES = 8_192  # of a tile: 16 in each lane of 16 warps
CHANNELS = 32  # of a tile of a channels-last tensor: 64 contiguous bytes in half precision

PARTS = 1_024  # results of tiles that one program merges at a time


class ChannelTiles(NamedTuple):
    """x as (b, c, s): b images, c channels, s positions, cut along c and s."""

    images: int
    channels: int
    positions: int
    channels_last: bool  # in memory
    channel_block: int
    position_block: int

    @property
    def chunks(self) -> int:
        """Into how many the positions of an image are cut."""
        return triton.cdiv(self.positions, self.position_block)

    @property
    def programs(self) -> int:
        """One a tile."""
        return self.images * self.chunks * triton.cdiv(self.channels, self.channel_block)

    @property
    def options(self) -> dict[str, int]:
        """What a launch says beside its tensors."""
        return {
            "S": self.positions,
            "C": self.channels,
            "CHANNELS_LAST": self.channels_last,
            "UNIT": 1 if self.channels_last else unit(self.positions),
            "C_BLOCK": self.channel_block,
            "S_BLOCK": self.position_block,
            "num_warps": max(1, min(16, self.channel_block * self.position_block // 512)),
        }


def channel_tiles(x: Tensor, one_image: bool) -> ChannelTiles:
    """Cut x (n, c, *s), dense in either layout; `one_image` lets positions run on over the batch.

    That is what batch norm needs, and what a channels-last tensor (n * s, c) allows.
    """
    n, c, s = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    if is_channels_last(x) or (one_image and s == 1):
        images, positions = (1, n * s) if one_image else (n, s)
        channel_block = min(power_of_two(c), CHANNELS)
        position_block = min(power_of_two(positions), VALUES // channel_block)
        return ChannelTiles(images, c, positions, True, channel_block, position_block)
    position_block = min(power_of_two(s), VALUES)
    channel_block = min(power_of_two(c), VALUES // position_block)
    return ChannelTiles(n, c, s, False, channel_block, position_block)


def unit(positions: int) -> int:
    """Return the largest of 8, 4, 2 and 1 that divides their number: 8 halves are 16 bytes.

    A kernel is compiled for each unit, and not for each number of positions.
    """
    return next(n for n in (8, 4, 2, 1) if positions % n == 0)


def is_channels_last(x: Tensor) -> bool:
    """Say whether the channels of a position stand side by side, and those alone do."""
    return not x.is_contiguous() and x.movedim(1, -1).is_contiguous()


def dense(x: Tensor, like: Tensor | None = None) -> Tensor:
    """Return `x` (n, c, *s) without gaps, in the layout of `like`, or in its own if it has one."""
    if is_channels_last(x if like is None else like):
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    return x.contiguous()


def merged_parts(width: int) -> dict[str, int]:
    """Return the tile of a kernel that merges the results of tiles by `width` channels."""
    block = power_of_two(width)
    return {"ROWS": max(1, PARTS // block), "BLOCK": block}


@triton.jit
def tile_at(
    program, S, C: tl.constexpr, CHANNELS_LAST: tl.constexpr, UNIT: tl.constexpr,
    C_BLOCK: tl.constexpr, S_BLOCK: tl.constexpr,
):  # fmt: skip
    """Return image, chunk, channels (1, C_BLOCK), and the offsets and mask (S_BLOCK, C_BLOCK)."""
    S = S // UNIT * UNIT  # the same, and now the compiler knows what divides it
    c_stride = 1 if CHANNELS_LAST else S
    s_stride = C if CHANNELS_LAST else 1
    chunks = tl.cdiv(S, S_BLOCK)
    c_first = program % tl.cdiv(C, C_BLOCK) * C_BLOCK
    chunk = program // tl.cdiv(C, C_BLOCK) % chunks
    image = program // tl.cdiv(C, C_BLOCK) // chunks
    c = tl.arange(0, C_BLOCK)[None, :]
    s = tl.arange(0, S_BLOCK)[:, None]
    # 64 bits up to the tile, since a tensor may have more than 2^31 values; 32 bits inside it.
    start = image.to(tl.int64) * C * S + c_first.to(tl.int64) * c_stride
    start += chunk.to(tl.int64) * S_BLOCK * s_stride
    mask = (c_first + c < C) & (chunk * S_BLOCK + s < S)
    return image, chunk, c_first + c, start, s * s_stride + c * c_stride, mask
