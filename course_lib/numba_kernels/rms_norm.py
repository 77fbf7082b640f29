"""RMS norm on a CPU, alone or behind a residual addition: one compiled loop over the rows."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.numba_kernels import row_loops
from course_lib.numba_kernels.arrays import (
    Array,
    array,
    empty,
    gradient,
    require_loop_inputs,
    tensor,
    vector,
    widened,
)
from course_lib.numba_kernels.threads import run, shares
from course_lib.numpy_layers.rms_norm import require_sum
from course_lib.numpy_layers.shapes import require_eps, require_trailing


class RMSNormSaved(NamedTuple):
    """What the backward pass of RMS norm needs."""

    x: Tensor  # what was normalized: with a residual, the sum
    weight: Tensor | None
    inv_rms: Tensor  # (b,)


def rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> tuple[Tensor, RMSNormSaved]:
    """Divide each example of `x` by the root mean square over its trailing axes.

    Arguments and shapes are those of `course_lib.numpy_layers.rms_norm`, errors those of
    `course_lib.numba_kernels.layer_norm`.

    Returns
    -------
    y : shape and dtype of `x`
    saved : RMSNormSaved
    """
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight}, "rms_norm")
    eps = _eps(eps, x)
    require_loop_inputs(x, weight)
    d = math.prod(shape)
    b = x.numel() // d
    y, inv_rms = empty(x, b, d), empty(x, b)
    common = array(x, widened(x), b, d), _gain(weight, x, d), eps, y, inv_rms
    run(row_loops.rms_norm, [(*common, *share) for share in shares(b, b * d)])
    return tensor(y, x), RMSNormSaved(x, weight, torch.from_numpy(inv_rms))


def rms_norm_backward(dy: Tensor, saved: RMSNormSaved) -> tuple[Tensor, Tensor | None]:
    """Pull `dy`, of the shape of `x`, back through RMS norm; return dx and dweight."""
    x, weight, inv_rms = saved
    b = len(inv_rms)
    d = x.numel() // b
    dx, parts = empty(x, b, d), shares(b, b * d)
    sums = np.zeros((len(parts), d))
    common = array(dy, widened(x), b, d), array(x, widened(x), b, d), _gain(weight, x, d)
    common = *common, inv_rms.numpy(), dx
    run(
        row_loops.rms_norm_backward,
        [(*common, sums[i], *share) for i, share in enumerate(parts)],
    )
    return tensor(dx, x), gradient(sums.sum(0), weight)


def add_rms_norm(
    x: Tensor, residual: Tensor, weight: Tensor | None = None, eps: float | None = None
) -> tuple[Tensor, Tensor, RMSNormSaved]:
    """Add `residual` to `x` and normalize the sum.

    Arguments and shapes are those of `course_lib.numpy_layers.add_rms_norm`, errors those of
    `course_lib.numba_kernels.layer_norm`.

    Returns
    -------
    y, added : shape and dtype of `x`
    saved : RMSNormSaved
    """
    shape = require_sum(x, residual, weight)
    eps = _eps(eps, x)
    require_loop_inputs(x, residual, weight)
    if x.dtype != widened(x):  # the sum is rounded to half precision before it is normalized
        added = x + residual
        y, saved = rms_norm(added, shape, weight, eps)
        return y, added, saved
    d = math.prod(shape)
    b = x.numel() // d
    y, added, inv_rms = empty(x, b, d), empty(x, b, d), empty(x, b)
    terms = (array(values, x.dtype, b, d) for values in (x, residual))
    common = *terms, _gain(weight, x, d), eps, y, added, inv_rms
    run(row_loops.add_rms_norm, [(*common, *share) for share in shares(b, b * d)])
    added = tensor(added, x)
    return tensor(y, x), added, RMSNormSaved(added, weight, torch.from_numpy(inv_rms))


def add_rms_norm_backward(
    dy: Tensor, dsum: Tensor | None, saved: RMSNormSaved
) -> tuple[Tensor, Tensor | None]:
    """Pull the gradients of both outputs back to `x`, whose gradient is the residual's too."""
    dx, dweight = rms_norm_backward(dy, saved)
    return dx if dsum is None else dx + dsum, dweight


def _gain(weight: Tensor | None, x: Tensor, d: int) -> Array:
    return vector(weight, 1, widened(x), d)


def _eps(eps: float | None, x: Tensor) -> float:
    """Return eps, or where it is None the spacing of numbers next to one."""
    require_eps(0.0 if eps is None else eps)
    return torch.finfo(widened(x)).eps if eps is None else eps
