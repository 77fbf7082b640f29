"""Layer norm on a GPU: each pass reads its input once and writes its output once."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from course_lib.numpy_layers.shapes import require_eps, require_trailing
from course_lib.triton_kernels.inputs import launches, require_kernel_inputs
from course_lib.triton_kernels.reductions import (
    corrected_moments,
    load_or,
    partial_rows,
    sum_rows,
)
from course_lib.triton_kernels.tiles import (
    backward_tile,
    chunked,
    fits_backward,
    fits_forward,
    forward_tile,
)
from course_lib.triton_kernels.wide_rows import wide_backward, wide_kernel


class LayerNormSaved(NamedTuple):
    """What the backward pass needs: tensors, or None."""

    x: Tensor  # (*b, *normalized_shape)
    weight: Tensor | None  # normalized_shape
    bias: Tensor | None  # normalized_shape
    mean: Tensor  # (*b), float32, as first computed
    correction: Tensor  # (*b), float32: the mean is mean + correction
    inv_std: Tensor  # (*b), float32


class LayerNormGrads(NamedTuple):
    """Gradients of `layer_norm`; a parameter that was not given has gradient None."""

    dx: Tensor
    dweight: Tensor | None
    dbias: Tensor | None


@triton.jit(do_not_specialize=["M"])
def layer_norm_kernel(
    x_ptr, weight_ptr, bias_ptr, y_ptr, mean_ptr, correction_ptr, inv_std_ptr, M, eps,
    N: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Normalize the rows of x (M, N): this program's ROWS rows, then the next that nobody took."""
    rows = tl.arange(0, ROWS)[:, None]  # (ROWS, 1)
    columns = tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    weight = load_or(weight_ptr, columns, columns < N, 1.0)  # once, whatever the number of rows
    bias = load_or(bias_ptr, columns, columns < N, 0.0)
    stride = tl.num_programs(0) * ROWS
    for first in tl.range(tl.program_id(0) * ROWS, M, stride, num_stages=STAGES):
        row = first + rows
        mask = (row < M) & (columns < N)
        start = tl.cast(first, tl.int64) * N  # 64 bits: a tensor may have more than 2^31 values
        tile = rows * N + columns  # (ROWS, BLOCK)
        x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
        mean, correction, centered = corrected_moments(x, mask, N, 1)
        inv_std = tl.rsqrt(tl.sum(centered * centered, 1, keep_dims=True) / N + eps)
        tl.store(y_ptr + start + tile, centered * inv_std * weight + bias, mask)
        tl.store(mean_ptr + row, mean, row < M)
        tl.store(correction_ptr + row, correction, row < M)
        tl.store(inv_std_ptr + row, inv_std, row < M)


@triton.jit(do_not_specialize=["M"])
def layer_norm_backward_kernel(
    dy_ptr, x_ptr, weight_ptr, mean_ptr, correction_ptr, inv_std_ptr, dx_ptr, dweight_ptr,
    dbias_ptr, M, N: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Pull dy back through the rows; leave this program's part of dweight and dbias."""
    rows = tl.arange(0, ROWS)[:, None]  # (ROWS, 1)
    columns = tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    weight = load_or(weight_ptr, columns, columns < N, 1.0)
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
        mean = tl.load(mean_ptr + row, row < M, other=0.0)
        correction = tl.load(correction_ptr + row, row < M, other=0.0)
        inv_std = tl.load(inv_std_ptr + row, row < M, other=0.0)
        x_hat = (x - mean - correction) * inv_std
        g = dy * weight  # 0 beyond the mask, as dy
        # Equation (layer-norm-dx): the forward pass erased two directions, so does this one.
        along_ones = tl.sum(g, 1, keep_dims=True) / N
        along_x_hat = tl.sum(g * x_hat, 1, keep_dims=True) / N
        tl.store(dx_ptr + start + tile, inv_std * (g - along_ones - x_hat * along_x_hat), mask)
        dweight += dy * x_hat
        dbias += dy
    partial = tl.program_id(0) * N + columns  # this program's own row: no atomics, one order
    if dweight_ptr is not None:
        tl.store(dweight_ptr + partial, tl.sum(dweight, 0, keep_dims=True), columns < N)
    if dbias_ptr is not None:
        tl.store(dbias_ptr + partial, tl.sum(dbias, 0, keep_dims=True), columns < N)


@launches
def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, LayerNormSaved]:
    """Normalize each example of `x` over its trailing axes, in one pass over the memory.

    Arguments and shapes are those of `course_lib.numpy_layers.layer_norm`, in float32, float16 or
    bfloat16 on a GPU; there is no autograd.

    Returns
    -------
    y : shape and dtype of `x`, contiguous
    saved : LayerNormSaved

    Raises
    ------
    TypeError, ValueError
        As `course_lib.numpy_layers.layer_norm`, and a TypeError for float64.
    RuntimeError
        For tensors on several devices, or on the CPU unless Triton's interpreter runs the kernels.
    """
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight, "bias": bias}, "layer_norm")
    require_eps(eps)
    require_kernel_inputs(layer_norm_kernel, x, weight, bias)
    x, weight, bias = (None if value is None else value.contiguous() for value in (x, weight, bias))
    batch, n = x.shape[: -len(shape)], math.prod(shape)
    mean, correction, inv_std = (
        torch.empty(batch, dtype=torch.float32, device=x.device) for _ in range(3)
    )
    y, m = torch.empty_like(x), inv_std.numel()
    arguments = (x, weight, bias, y, mean, correction, inv_std)
    if not fits_forward(n) and m:
        wide_kernel[(m,)](*arguments, eps, n, CENTER=True, **chunked())
    elif m:
        tile = forward_tile(x, m, n)
        layer_norm_kernel[(tile.programs,)](
            *arguments, m, eps, n, tile.rows, tile.block, tile.stages, num_warps=tile.warps
        )
    return y, LayerNormSaved(x, weight, bias, mean, correction, inv_std)


@launches
def layer_norm_backward(dy: Tensor, saved: LayerNormSaved) -> LayerNormGrads:
    """Pull `dy`, of the shape of `x`, back through layer norm: dy and x are read once.

    Rows of more than `tiles.WIDEST_BACKWARD` values are read three times.
    """
    x, weight, bias, *statistics = saved
    dy, dx, m = dy.contiguous(), torch.empty_like(x), saved.inv_std.numel()
    n = math.prod(x.shape[saved.inv_std.ndim :])
    if not fits_backward(n) and m:
        return LayerNormGrads(dx, *wide_backward(dy, x, weight, bias, statistics, None, dx))
    tile = backward_tile(x, m, n)
    parts = partial_rows(tile.programs, n, (weight, bias))
    if m:
        layer_norm_backward_kernel[(tile.programs,)](
            *(dy, x, weight, *statistics, dx, *parts, m, n),
            *(tile.rows, tile.block, tile.stages),
            num_warps=tile.warps,
        )
    return LayerNormGrads(dx, *sum_rows(parts, (weight, bias)))
