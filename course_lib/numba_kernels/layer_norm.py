"""Layer norm on a CPU: one compiled loop over the rows."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from course_lib.numba_kernels import row_loops
from course_lib.numba_kernels.arrays import (
    Saved,
    array,
    empty,
    gradient,
    require_loop_inputs,
    tensor,
    vector,
    widened,
)
from course_lib.numba_kernels.threads import run, shares
from course_lib.numpy_layers.shapes import require_eps, require_trailing


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, Saved]:
    """Normalize each example of `x` over its trailing axes.

    Arguments and shapes are those of `course_lib.numpy_layers.layer_norm`.

    Returns
    -------
    y : shape and dtype of `x`
    saved : Saved

    Raises
    ------
    ValueError
        If shapes disagree, x is empty, or eps is negative.
    TypeError, RuntimeError
        If a tensor is not floating-point, or not on the CPU.
    """
    shape, dtype = tuple(normalized_shape), widened(x)
    require_trailing(x, shape, {"weight": weight, "bias": bias}, "layer_norm")
    require_eps(eps)
    require_loop_inputs(x, weight, bias)
    d = math.prod(shape)
    b = x.numel() // d
    y, statistics = empty(x, b, d), empty(x, 3, b)
    parameters = vector(weight, 1, dtype, d), vector(bias, 0, dtype, d)
    common = array(x, dtype, b, d), *parameters, eps, y, *statistics
    run(row_loops.layer_norm, [(*common, *share) for share in shares(b, b * d)])
    return tensor(y, x), Saved(x, weight, bias, *torch.from_numpy(statistics))


def layer_norm_backward(dy: Tensor, saved: Saved) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Pull `dy`, of the shape of `x`, back through layer norm; return dx, dweight and dbias."""
    x, weight, bias, *statistics = saved
    b, dtype = len(saved.mean), widened(x)
    d = x.numel() // b
    dx, parts = empty(x, b, d), shares(b, b * d)
    sums = np.zeros((2, len(parts), d))
    common = array(dy, dtype, b, d), array(x, dtype, b, d), vector(weight, 1, dtype, d)
    common = *common, *(values.numpy() for values in statistics), dx
    run(
        row_loops.layer_norm_backward,
        [(*common, *sums[:, i], *share) for i, share in enumerate(parts)],
    )
    dweight, dbias = sums.sum(1)
    return tensor(dx, x), gradient(dweight, weight), gradient(dbias, bias)
