"""Dynamic tanh on a GPU: no value waits for another, so columns are cut freely."""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from course_lib.numpy_layers.dynamic_tanh import require_affine, require_one_value
from course_lib.triton_kernels.inputs import launches, require_kernel_inputs
from course_lib.triton_kernels.reductions import load_or, partial_rows, sum_rows
from course_lib.triton_kernels.tiles import column_tile


class DynamicTanhSaved(NamedTuple):
    """What the backward pass needs: tensors, or None."""

    x: Tensor  # (*b, *normalized_shape)
    alpha: Tensor  # one value
    weight: Tensor | None  # normalized_shape
    bias: Tensor | None  # normalized_shape


class DynamicTanhGrads(NamedTuple):
    """Gradients of `dynamic_tanh`; a parameter that was not given has gradient None."""

    dx: Tensor
    dalpha: Tensor
    dweight: Tensor | None
    dbias: Tensor | None


@triton.jit
def tanh(z):
    """Return tanh(z) in float32 to 2e-7 of its own size; the interpreter has no libdevice."""
    # Far from 0 by its definition, with an exponential that cannot overflow.
    shrink = tl.exp(-2.0 * tl.abs(z))
    far = (1.0 - shrink) / (1.0 + shrink)
    # Near 0 that loses digits; there Lambert's continued fraction z/(1 + z²/(3 + z²/(5 + …))).
    q = z * z
    near = z * (10395 + q * (1260 + 21 * q)) / (10395 + q * (4725 + q * (210 + q)))
    return tl.where(tl.abs(z) < 1.0, near, tl.where(z < 0, -far, far))


@triton.jit(do_not_specialize=["M"])
def dynamic_tanh_kernel(
    x_ptr, alpha_ptr, weight_ptr, bias_ptr, y_ptr, M, N,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Squash a tile of x (M, N), then scale and shift its columns."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    mask = (row < M) & (columns < N)  # (ROWS, BLOCK)
    x = tl.load(x_ptr + row * N + columns, mask, other=0.0).to(tl.float32)
    t = tanh(tl.load(alpha_ptr).to(tl.float32) * x)
    weight = load_or(weight_ptr, columns, columns < N, 1.0)
    bias = load_or(bias_ptr, columns, columns < N, 0.0)
    tl.store(y_ptr + row * N + columns, t * weight + bias, mask)


@triton.jit(do_not_specialize=["M"])
def dynamic_tanh_backward_kernel(
    dy_ptr, x_ptr, alpha_ptr, weight_ptr, dx_ptr, dalpha_ptr, dweight_ptr, dbias_ptr, M, N,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Pull dy back through BLOCK columns; leave this program's parts of the other gradients."""
    rows = tl.arange(0, ROWS)[:, None]  # (ROWS, 1)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    alpha = tl.load(alpha_ptr).to(tl.float32)
    weight = load_or(weight_ptr, columns, columns < N, 1.0)
    dalpha = tl.zeros((ROWS, BLOCK), tl.float32)
    dweight = tl.zeros((ROWS, BLOCK), tl.float32)
    dbias = tl.zeros((ROWS, BLOCK), tl.float32)
    stride = tl.num_programs(0) * ROWS
    for first in tl.range(tl.program_id(0) * ROWS, M, stride, num_stages=STAGES):
        mask = (first + rows < M) & (columns < N)
        start = tl.cast(first, tl.int64) * N
        tile = rows * N + columns  # (ROWS, BLOCK)
        x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + start + tile, mask, other=0.0).to(tl.float32)
        t = tanh(alpha * x)
        dz = dy * weight * (1.0 - t * t)  # z = alpha * x; the slope of tanh is 1 - tanh²
        tl.store(dx_ptr + start + tile, dz * alpha, mask)
        dalpha += dz * x
        dweight += dy * t
        dbias += dy
    partial = tl.program_id(0) * N + columns  # this program's own row: no atomics, one order
    program = tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)
    tl.store(dalpha_ptr + program, tl.sum(dalpha))
    if dweight_ptr is not None:
        tl.store(dweight_ptr + partial, tl.sum(dweight, 0, keep_dims=True), columns < N)
    if dbias_ptr is not None:
        tl.store(dbias_ptr + partial, tl.sum(dbias, 0, keep_dims=True), columns < N)


@launches
def dynamic_tanh(
    x: Tensor, alpha: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> tuple[Tensor, DynamicTanhSaved]:
    """Squash each value of `x` by ``tanh(alpha * x)``, then scale and shift its feature.

    Arguments and shapes are those of `course_lib.numpy_layers.dynamic_tanh`, errors those of
    `course_lib.triton_kernels.layer_norm`.

    Returns
    -------
    y : shape and dtype of `x`, contiguous
    saved : DynamicTanhSaved
    """
    require_one_value("alpha", alpha, x)
    require_affine(x, weight, bias, "dynamic_tanh")
    require_kernel_inputs(dynamic_tanh_kernel, x, alpha, weight, bias)
    x, alpha = x.contiguous(), alpha.contiguous()
    weight, bias = (None if value is None else value.contiguous() for value in (weight, bias))
    y, n = torch.empty_like(x), _features(x, weight, bias)
    if x.numel():
        tile = column_tile(x, x.numel() // n, n)
        grid = triton.cdiv(x.numel() // n, tile.rows), triton.cdiv(n, tile.block)
        dynamic_tanh_kernel[grid](
            *(x, alpha, weight, bias, y, x.numel() // n, n, tile.rows, tile.block),
            num_warps=tile.warps,
        )
    return y, DynamicTanhSaved(x, alpha, weight, bias)


@launches
def dynamic_tanh_backward(dy: Tensor, saved: DynamicTanhSaved) -> DynamicTanhGrads:
    """Pull `dy`, of the shape of `x`, back through the squashing: dy and x are read once."""
    x, alpha, weight, bias = saved
    dy, dx, n = dy.contiguous(), torch.empty_like(x), _features(x, weight, bias)
    tile = column_tile(x, x.numel() // n, n)
    grid = tile.programs, triton.cdiv(n, tile.block)
    parts = partial_rows(tile.programs, n, (weight, bias))
    dalpha, _ = partial_rows(grid[0] * grid[1], 1, (alpha, None))
    if x.numel():
        dynamic_tanh_backward_kernel[grid](
            *(dy, x, alpha, weight, dx, dalpha, *parts, x.numel() // n, n),
            *(tile.rows, tile.block, tile.stages),
            num_warps=tile.warps,
        )
    dalpha, _ = sum_rows((dalpha, None), (alpha, None))
    return DynamicTanhGrads(dx, dalpha, *sum_rows(parts, (weight, bias)))


def _features(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> int:
    """Return how many values share a row; without parameters any number would do."""
    given = bias if weight is None else weight
    return max(1, given.numel() if given is not None else x.shape[-1] if x.ndim else 1)
