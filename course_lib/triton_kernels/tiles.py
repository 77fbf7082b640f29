"""Which tile a program takes, how many warps it has and how many programs run: by width alone.

Nothing is tuned at run time, so that the same shapes are always computed in the same order.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

WIDEST_FORWARD = 16_384  # values of a row that fit into one program's registers
WIDEST_BACKWARD = 8_192  # dweight and dbias take as many registers again
CHUNK = 4_096  # of a row that is wider
FORWARD_VALUES = 1_024  # of narrow rows together: 32 in each lane of one warp
BACKWARD_VALUES = 2_048
SHARED_MEMORY = 160 * 1024  # bytes a multiprocessor of sm_80 can give to copies in flight


class RowTile(NamedTuple):
    """Rows of a matrix (m, n) that one program works on at a time."""

    rows: int
    block: int  # columns, a power of two that is at least n
    warps: int
    stages: int  # one computes; the others' bytes are on their way into shared memory
    programs: int


def power_of_two(n: int) -> int:
    """Return the smallest power of two that is at least `n`."""
    return 1 << max(n - 1, 0).bit_length()


def fits_forward(n: int) -> bool:
    """Say whether a forward pass keeps a row of `n` values in registers."""
    return n <= WIDEST_FORWARD


def fits_backward(n: int) -> bool:
    """Say whether a backward pass keeps a row, its dweight and its dbias in registers."""
    return n <= WIDEST_BACKWARD


def chunked() -> dict[str, int]:
    """Return what a launch of a kernel for wider rows says beside its arguments."""
    return {"BLOCK": CHUNK, "STAGES": 3, "num_warps": 8}


def forward_tile(x: Tensor, m: int, n: int, operands: int = 1) -> RowTile:
    """Return the tile of a forward pass over (m, n) that reads `operands` tensors like `x`.

    One warp holds up to 1024 values, 32 a lane: its sums then need no shared memory.
    """
    block = power_of_two(n)
    rows = max(1, FORWARD_VALUES // block)
    warps = min(16, max(1, block // 512)) if block > 1024 else 1
    return _persistent(x, m, rows, block, warps, operands)


def backward_tile(x: Tensor, m: int, n: int, operands: int = 2) -> RowTile:
    """Return the tile of a backward pass over (m, n), which keeps dweight and dbias in registers.

    Programs are fewer and their tiles larger than in the forward pass: each leaves a partial row.
    """
    block = power_of_two(n)
    rows = max(1, BACKWARD_VALUES // block)
    return _persistent(x, m, rows, block, 8 if block <= 4096 else 16, operands)


def column_tile(x: Tensor, m: int, n: int) -> RowTile:
    """Return the tile of a pass over (m, n) that sums no row, so that its columns are cut too.

    The programs are those for one block of columns.
    """
    block = min(power_of_two(n), BACKWARD_VALUES // 2)
    tile = _persistent(x, m, max(1, BACKWARD_VALUES // block), block, 8, 2)
    return tile._replace(programs=triton.cdiv(tile.programs, triton.cdiv(n, block)))


def _persistent(x: Tensor, m: int, rows: int, block: int, warps: int, operands: int) -> RowTile:
    """Return the tile with as many programs as are resident together, each of which strides on."""
    read = rows * block * x.element_size() * operands  # bytes a round
    stages = 1 + min(2, SHARED_MEMORY // read)
    resident = min(SHARED_MEMORY // (max(1, stages - 1) * read), 16 // warps)
    programs = multiprocessors(x.device) * max(1, resident)
    return RowTile(rows, block, warps, stages, min(programs, triton.cdiv(m, rows)))


def multiprocessors(device: torch.device) -> int:
    """Return how many programs run side by side; 2 where the interpreter stands in for a GPU."""
    if device.type != "cuda":
        return 2
    return torch.cuda.get_device_properties(device).multi_processor_count
