"""RMS norm on a GPU, alone and fused with the addition of a residual stream before it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from course_lib.numpy_layers.rms_norm import require_sum
from course_lib.numpy_layers.shapes import require_eps, require_trailing
from course_lib.triton_kernels.inputs import launches, require_kernel_inputs
from course_lib.triton_kernels.reductions import load_or, partial_rows, sum_rows
from course_lib.triton_kernels.tiles import (
    backward_tile,
    chunked,
    fits_backward,
    fits_forward,
    forward_tile,
)
from course_lib.triton_kernels.wide_rows import wide_backward, wide_kernel


class RMSNormSaved(NamedTuple):
    """What the backward pass needs: tensors, or None."""

    x: Tensor  # (*b, *normalized_shape); with a residual, their sum
    weight: Tensor | None  # normalized_shape
    inv_rms: Tensor  # (*b), float32


class RMSNormGrads(NamedTuple):
    """Gradients of `rms_norm`; a weight that was not given has gradient None."""

    dx: Tensor  # of `add_rms_norm`: of x and of the residual alike
    dweight: Tensor | None


@triton.jit(do_not_specialize=["M"])
def rms_norm_kernel(
    x_ptr, residual_ptr, weight_ptr, sum_ptr, y_ptr, inv_rms_ptr, M, eps,
    N: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Divide the rows of x (M, N) by their root mean square; add the residual first, if any."""
    rows = tl.arange(0, ROWS)[:, None]  # (ROWS, 1)
    columns = tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    weight = load_or(weight_ptr, columns, columns < N, 1.0)  # once, whatever the number of rows
    stride = tl.num_programs(0) * ROWS
    for first in tl.range(tl.program_id(0) * ROWS, M, stride, num_stages=STAGES):
        row = first + rows
        mask = (row < M) & (columns < N)
        start = tl.cast(first, tl.int64) * N  # 64 bits: a tensor may have more than 2^31 values
        tile = rows * N + columns  # (ROWS, BLOCK)
        x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
        if residual_ptr is not None:
            x += tl.load(residual_ptr + start + tile, mask, other=0.0).to(tl.float32)
            # The next layer adds to the rounded sum, so that is what is normalized.
            x = x.to(sum_ptr.dtype.element_ty)
            tl.store(sum_ptr + start + tile, x, mask)
            x = x.to(tl.float32)
        inv_rms = tl.rsqrt(tl.sum(x * x, 1, keep_dims=True) / N + eps)
        tl.store(y_ptr + start + tile, x * inv_rms * weight, mask)
        tl.store(inv_rms_ptr + row, inv_rms, row < M)


@triton.jit(do_not_specialize=["M"])
def rms_norm_backward_kernel(
    dy_ptr, x_ptr, weight_ptr, inv_rms_ptr, dsum_ptr, dx_ptr, dweight_ptr, M,
    N: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Pull dy back through the rows and add dsum, if any; leave this program's part of dweight."""
    rows = tl.arange(0, ROWS)[:, None]  # (ROWS, 1)
    columns = tl.arange(0, BLOCK)[None, :]  # (1, BLOCK)
    weight = load_or(weight_ptr, columns, columns < N, 1.0)
    dweight = tl.zeros((ROWS, BLOCK), tl.float32)
    stride = tl.num_programs(0) * ROWS
    for first in tl.range(tl.program_id(0) * ROWS, M, stride, num_stages=STAGES):
        row = first + rows
        mask = (row < M) & (columns < N)
        start = tl.cast(first, tl.int64) * N
        tile = rows * N + columns  # (ROWS, BLOCK)
        x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + start + tile, mask, other=0.0).to(tl.float32)
        inv_rms = tl.load(inv_rms_ptr + row, row < M, other=0.0)
        x_hat = x * inv_rms
        g = dy * weight
        # One direction was erased, x_hat; the mean was kept, so nothing is subtracted for it.
        dx = inv_rms * (g - x_hat * (tl.sum(g * x_hat, 1, keep_dims=True) / N))
        dx += load_or(dsum_ptr, start + tile, mask, 0.0)
        tl.store(dx_ptr + start + tile, dx, mask)
        dweight += dy * x_hat
    if dweight_ptr is not None:
        partial = tl.program_id(0) * N + columns  # this program's own row: no atomics, one order
        tl.store(dweight_ptr + partial, tl.sum(dweight, 0, keep_dims=True), columns < N)


def rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> tuple[Tensor, RMSNormSaved]:
    """Divide each example of `x` by the root mean square over its trailing axes.

    Arguments and shapes are those of `course_lib.numpy_layers.rms_norm`, errors those of
    `course_lib.triton_kernels.layer_norm`; eps None is 2⁻²³, float32's.

    Returns
    -------
    y : shape and dtype of `x`, contiguous
    saved : RMSNormSaved
    """
    y, _, saved = _normalize(x, None, tuple(normalized_shape), weight, eps)
    return y, saved


def add_rms_norm(
    x: Tensor, residual: Tensor, weight: Tensor | None = None, eps: float | None = None
) -> tuple[Tensor, Tensor, RMSNormSaved]:
    """Add `residual` to `x` and normalize the sum: one pass in the place of two.

    Arguments, results and errors are those of `course_lib.numpy_layers.add_rms_norm`, with
    RMSNormSaved as the cache; precisions and devices are those of `rms_norm`.
    """
    return _normalize(x, residual, require_sum(x, residual, weight), weight, eps)


@launches
def _normalize(
    x: Tensor, residual: Tensor | None, shape: tuple[int, ...], weight: Tensor | None,
    eps: float | None,
) -> tuple[Tensor, Tensor, RMSNormSaved]:  # fmt: skip
    """Return y, the sum that was normalized, and what the backward pass needs."""
    require_trailing(x, shape, {"weight": weight}, "rms_norm")
    eps = torch.finfo(torch.float32).eps if eps is None else eps
    require_eps(eps)
    require_kernel_inputs(rms_norm_kernel, x, weight)
    x, weight = x.contiguous(), None if weight is None else weight.contiguous()
    batch, n = x.shape[: -len(shape)], math.prod(shape)
    inv_rms = torch.empty(batch, dtype=torch.float32, device=x.device)
    y, m = torch.empty_like(x), inv_rms.numel()
    if not fits_forward(n) and m:
        total = x if residual is None else x + residual
        statistics = (None, None, inv_rms)
        wide_kernel[(m,)](total, weight, None, y, *statistics, eps, n, CENTER=False, **chunked())
        return y, total, RMSNormSaved(total, weight, inv_rms)
    residual = None if residual is None else residual.contiguous()
    total = None if residual is None else torch.empty_like(x)
    if m:
        tile = forward_tile(x, m, n, 1 if residual is None else 2)
        rms_norm_kernel[(tile.programs,)](
            *(x, residual, weight, total, y, inv_rms, m, eps, n),
            *(tile.rows, tile.block, tile.stages),
            num_warps=tile.warps,
        )
    total = x if residual is None else total
    return y, total, RMSNormSaved(total, weight, inv_rms)


def rms_norm_backward(dy: Tensor, saved: RMSNormSaved) -> RMSNormGrads:
    """Pull `dy`, of the shape of `x`, back through RMS norm: dy and x are read once.

    Rows of more than `tiles.WIDEST_BACKWARD` values are read three times.
    """
    return add_rms_norm_backward(dy, None, saved)


@launches
def add_rms_norm_backward(dy: Tensor, dsum: Tensor | None, saved: RMSNormSaved) -> RMSNormGrads:
    """Pull `dy` and the gradient of the sum, or None, back; `dx` is the residual's gradient too."""
    x, weight, inv_rms = saved
    dy, dsum = dy.contiguous(), None if dsum is None else dsum.contiguous()
    dx, m = torch.empty_like(x), inv_rms.numel()
    n = math.prod(x.shape[inv_rms.ndim :])
    if not fits_backward(n) and m:
        dweight, _ = wide_backward(dy, x, weight, None, (None, None, inv_rms), dsum, dx)
        return RMSNormGrads(dx, dweight)
    tile = backward_tile(x, m, n, 2 if dsum is None else 3)
    parts = partial_rows(tile.programs, n, (weight, None))
    if m:
        rms_norm_backward_kernel[(tile.programs,)](
            *(dy, x, weight, inv_rms, dsum, dx, parts[0], m, n),
            *(tile.rows, tile.block, tile.stages),
            num_warps=tile.warps,
        )
    return RMSNormGrads(dx, sum_rows(parts, (weight, None))[0])
