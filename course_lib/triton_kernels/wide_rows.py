"""Layer and RMS norm of rows that do not fit into registers: chunk by chunk, and once more.

The second look at a row finds it in a cache; what fits is done by `layer_norm` and `rms_norm`.
"""

import triton
import triton.language as tl
from torch import Tensor

from course_lib.triton_kernels.reductions import (
    corrected_moments,
    load_or,
    partial_rows,
    sum_rows,
)
from course_lib.triton_kernels.tiles import chunked, column_tile


@triton.jit
def wide_kernel(
    x_ptr, weight_ptr, bias_ptr, y_ptr, mean_ptr, correction_ptr, inv_std_ptr, eps,
    N: tl.constexpr, CENTER: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Normalize row `program_id(0)` of x (M, N): layer norm with CENTER, RMS norm without."""
    row = tl.program_id(0)
    x_ptr += row.to(tl.int64) * N
    y_ptr += row.to(tl.int64) * N
    chunk = tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    mean = tl.zeros((1, 1), tl.float32)  # of the first chunk, from where all are measured
    correction = tl.zeros((1, 1), tl.float32)  # from there to the mean of the chunks so far
    m2 = tl.zeros((1, 1), tl.float32)  # their sum of squares around that mean
    if CENTER:
        x = tl.load(x_ptr + chunk, chunk < N, other=0.0).to(tl.float32)
        mean = tl.sum(x, 1, keep_dims=True) / min(N, BLOCK)
    for first in tl.range(0, N, BLOCK, num_stages=STAGES):
        mask = first + chunk < N
        x = tl.load(x_ptr + first + chunk, mask, other=0.0).to(tl.float32)
        if CENTER:
            count = tl.minimum(N - first, BLOCK)
            own_mean, own_correction, x = corrected_moments(x, mask, count, 1)
            # Chan's formula for two groups, of `first` and of `count` values.
            delta = (own_mean - mean + own_correction) - correction
            share = count / (first + count)
            correction += delta * share
            m2 += delta * delta * share * first
        m2 += tl.sum(x * x, 1, keep_dims=True)
    inv_std = tl.rsqrt(m2 / N + eps)
    for first in tl.range(0, N, BLOCK, num_stages=STAGES):
        mask = first + chunk < N
        x = tl.load(x_ptr + first + chunk, mask, other=0.0).to(tl.float32)
        weight = load_or(weight_ptr, first + chunk, mask, 1.0)
        bias = load_or(bias_ptr, first + chunk, mask, 0.0)
        y = (x - mean - correction) * inv_std * weight + bias
        tl.store(y_ptr + first + chunk, y, mask)
    here = row + tl.zeros((1, 1), tl.int32)
    tl.store(inv_std_ptr + here, inv_std)
    if CENTER:
        tl.store(mean_ptr + here, mean)
        tl.store(correction_ptr + here, correction)


@triton.jit
def wide_backward_kernel(
    dy_ptr, x_ptr, weight_ptr, mean_ptr, correction_ptr, inv_std_ptr, dsum_ptr, dx_ptr,
    N: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Pull row `program_id(0)` of dy (M, N) back to dx; `mean_ptr` is None for RMS norm."""
    row = tl.program_id(0)
    start = row.to(tl.int64) * N
    chunk = tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    mean = load_or(mean_ptr, row, True, 0.0)
    correction = load_or(correction_ptr, row, True, 0.0)
    inv_std = tl.load(inv_std_ptr + row)
    along_ones = tl.zeros((1, 1), tl.float32)
    along_x_hat = tl.zeros((1, 1), tl.float32)
    for first in tl.range(0, N, BLOCK, num_stages=STAGES):
        mask = first + chunk < N
        x = tl.load(x_ptr + start + first + chunk, mask, other=0.0).to(tl.float32)
        g = tl.load(dy_ptr + start + first + chunk, mask, other=0.0).to(tl.float32)
        g *= load_or(weight_ptr, first + chunk, mask, 1.0)  # 0 beyond the row
        along_x_hat += tl.sum(g * ((x - mean - correction) * inv_std), 1, keep_dims=True) / N
        if mean_ptr is not None:
            along_ones += tl.sum(g, 1, keep_dims=True) / N
    for first in tl.range(0, N, BLOCK, num_stages=STAGES):
        mask = first + chunk < N
        x = tl.load(x_ptr + start + first + chunk, mask, other=0.0).to(tl.float32)
        g = tl.load(dy_ptr + start + first + chunk, mask, other=0.0).to(tl.float32)
        g *= load_or(weight_ptr, first + chunk, mask, 1.0)
        x_hat = (x - mean - correction) * inv_std
        dx = inv_std * (g - along_ones - x_hat * along_x_hat)
        dx += load_or(dsum_ptr, start + first + chunk, mask, 0.0)
        tl.store(dx_ptr + start + first + chunk, dx, mask)


@triton.jit(do_not_specialize=["M"])
def wide_parameters_kernel(
    dy_ptr, x_ptr, mean_ptr, correction_ptr, inv_std_ptr, dweight_ptr, dbias_ptr, M,
    N: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Sum dy * x_hat and dy over this program's rows, for BLOCK columns: two partial rows."""
    rows = tl.arange(0, ROWS)[:, None]  # (ROWS, 1)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    dweight = tl.zeros((ROWS, BLOCK), tl.float32)
    dbias = tl.zeros((ROWS, BLOCK), tl.float32)
    stride = tl.num_programs(0) * ROWS
    for first in tl.range(tl.program_id(0) * ROWS, M, stride, num_stages=STAGES):
        row = first + rows
        mask = (row < M) & (columns < N)
        start = tl.cast(first, tl.int64) * N
        tile = rows * N + columns  # (ROWS, BLOCK)
        x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + start + tile, mask, other=0.0).to(tl.float32)
        mean = load_or(mean_ptr, row, row < M, 0.0)
        correction = load_or(correction_ptr, row, row < M, 0.0)
        inv_std = load_or(inv_std_ptr, row, row < M, 0.0)
        dweight += dy * ((x - mean - correction) * inv_std)
        dbias += dy
    partial = tl.program_id(0) * N + columns
    if dweight_ptr is not None:
        tl.store(dweight_ptr + partial, tl.sum(dweight, 0, keep_dims=True), columns < N)
    if dbias_ptr is not None:
        tl.store(dbias_ptr + partial, tl.sum(dbias, 0, keep_dims=True), columns < N)


def wide_backward(
    dy: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None,
    statistics: tuple[Tensor | None, Tensor | None, Tensor], dsum: Tensor | None, dx: Tensor,
) -> tuple[Tensor | None, Tensor | None]:  # fmt: skip
    """Write dx (m, n); return dweight and dbias. `statistics` are mean, correction, inv_std."""
    m = statistics[-1].numel()
    n = x.numel() // m
    wide_backward_kernel[(m,)](dy, x, weight, *statistics, dsum, dx, n, **chunked())
    if weight is None and bias is None:
        return None, None
    tile = column_tile(x, m, n)
    parts = partial_rows(tile.programs, n, (weight, bias))
    wide_parameters_kernel[(tile.programs, triton.cdiv(n, tile.block))](
        *(dy, x, *statistics, *parts, m, n, tile.rows, tile.block, tile.stages),
        num_warps=tile.warps,
    )
    return sum_rows(parts, (weight, bias))
