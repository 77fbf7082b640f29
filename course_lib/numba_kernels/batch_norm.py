"""Batch norm in training on a CPU: a channel is a row of every example, or a column."""

from torch import Tensor

from course_lib.numba_kernels.arrays import Saved, require_loop_inputs
from course_lib.numba_kernels.groups import normalize, normalize_backward
from course_lib.numpy_layers.shapes import (
    require_channels,
    require_eps,
    require_momentum,
    require_statistics,
)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> tuple[Tensor, Saved]:
    """Normalize each channel of `x` by its batch; move the running statistics.

    Arguments and shapes are those of `course_lib.triton_kernels.batch_norm`, errors those of
    `course_lib.numba_kernels.layer_norm`.

    Returns
    -------
    y : shape and dtype of `x`
    saved : Saved
    """
    running = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**running, "weight": weight, "bias": bias}, "batch_norm")
    require_statistics(x, running_mean, running_var, training=True)
    require_eps(eps)
    require_momentum(momentum)
    require_loop_inputs(x, weight, bias, *running.values())
    y, var, saved = normalize(x, weight, bias, x.shape[1], over_batch=True, eps=eps)
    m = x.numel() // x.shape[1]
    moved = (running_mean, saved.mean + saved.correction), (running_var, var * (m / (m - 1)))
    for memory, new in moved:
        if memory is not None:
            memory.lerp_(new.to(memory.dtype), momentum)
    return y, saved


def batch_norm_backward(dy: Tensor, saved: Saved) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Pull `dy`, of the shape of `x`, back through batch norm; return dx, dweight and dbias."""
    return normalize_backward(dy, saved, over_batch=True)
