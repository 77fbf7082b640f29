"""What several kernels share: the corrected moments, γ and β that may be None, and partial rows."""

import torch
import triton
import triton.language as tl
from torch import Tensor

Pair = tuple[Tensor | None, Tensor | None]


@triton.jit
def corrected_moments(x, mask, count, axis: tl.constexpr):
    """Return mean, correction and what is left of `x` without them; 0 where `mask` is false."""
    mean = tl.sum(x, axis, keep_dims=True) / count
    centered = tl.where(mask, x - mean, 0.0)
    # The error of the mean is proportional to the mean; that of this second one is far smaller.
    correction = tl.sum(centered, axis, keep_dims=True) / count
    return mean, correction, tl.where(mask, centered - correction, 0.0)


@triton.jit
def load_or(pointer, offsets, mask, absent):
    """Return a parameter in float32, or the number that stands for one that is None."""
    if pointer is None:
        return absent
    else:  # Triton would compile what follows a return
        return tl.load(pointer + offsets, mask, other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=["P"])
def sum_rows_kernel(
    first_ptr, second_ptr, first_sum_ptr, second_sum_ptr, P, N,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add up the partial rows (P, N) that programs left, for BLOCK columns."""
    columns = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[None, :]
    if first_ptr is not None:
        total = _sum_columns(first_ptr, columns, P, N, ROWS, BLOCK)
        tl.store(first_sum_ptr + columns, total, columns < N)
    if second_ptr is not None:
        total = _sum_columns(second_ptr, columns, P, N, ROWS, BLOCK)
        tl.store(second_sum_ptr + columns, total, columns < N)


@triton.jit
def _sum_columns(pointer, columns, P, N, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Return the sums of `columns` (1, BLOCK) over all P rows, always in the same order."""
    rows = tl.arange(0, ROWS)[:, None]
    total = tl.zeros((ROWS, BLOCK), tl.float32)
    for first in range(0, P, ROWS):
        mask = (first + rows < P) & (columns < N)
        row = tl.cast(first, tl.int64) * N
        total += tl.load(pointer + row + (rows * N + columns), mask, other=0.0)
    return tl.sum(total, 0, keep_dims=True)


def sum_rows(parts: Pair, parameters: Pair) -> Pair:
    """Return the column sums of both `parts` (p, n), like their parameters; None for None."""
    if all(q is None for q in parameters):
        return None, None
    parts = tuple(None if q is None else p for p, q in zip(parts, parameters, strict=True))
    totals = tuple(None if q is None else torch.empty_like(q) for q in parameters)
    p, n = next(part for part in parts if part is not None).shape
    sum_rows_kernel[(triton.cdiv(n, 32),)](*parts, *totals, p, n, ROWS=64, BLOCK=32, num_warps=4)
    return totals


def partial_rows(programs: int, n: int, parameters: Pair) -> Pair:
    """Return room for a partial row a program, of float32; None for a parameter that is None."""
    return tuple(
        None if q is None else torch.empty(programs, n, dtype=torch.float32, device=q.device)
        for q in parameters
    )
