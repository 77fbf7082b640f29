"""Tensors as the loops take them: arrays without gaps, in float32 or float64."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray
PRECISIONS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


class Saved(NamedTuple):
    """What the backward pass of layer, group and batch norm needs: tensors, or None."""

    x: Tensor
    weight: Tensor | None
    bias: Tensor | None
    mean: Tensor  # of each row, group or channel, as x's precision holds it
    correction: Tensor  # the mean is mean + correction
    inv_std: Tensor


def require_loop_inputs(x: Tensor, *others: Tensor | None) -> None:
    """Refuse what a loop cannot read."""
    if x.numel() == 0:
        raise ValueError(f"expected at least one value, got x of shape {tuple(x.shape)}; skip it")
    for tensor in (x, *others):
        if tensor is not None and tensor.device.type != "cpu":
            raise RuntimeError(
                f"expected a tensor on the CPU, got one on {tensor.device}; move it with .cpu(), "
                "or use course_lib.triton_kernels"
            )
        if tensor is not None and tensor.dtype not in PRECISIONS:
            raise TypeError(f"expected a floating-point tensor, got {tensor.dtype}; convert it")


def widened(x: Tensor) -> torch.dtype:
    """Return the precision that the loops work in: half precision is none."""
    return torch.promote_types(x.dtype, torch.float32)


def array(x: Tensor, dtype: torch.dtype, *shape: int) -> Array:
    """View a tensor as an array of this shape; copy it where it has gaps or another dtype."""
    return x.detach().resolve_neg().to(dtype).contiguous().numpy().reshape(shape)


def vector(parameter: Tensor | None, absent: float, dtype: torch.dtype, length: int) -> Array:
    """Return a parameter as one flat array, or the number that stands for None in each place."""
    if parameter is None:
        return torch.full((length,), absent, dtype=dtype).numpy()
    return array(parameter, dtype, length)


def empty(x: Tensor, *shape: int) -> Array:
    """Return room for results, in the precision that the loops work in."""
    return torch.empty(shape, dtype=widened(x)).numpy()


def tensor(values: Array, like: Tensor) -> Tensor:
    """Return an array in the shape and precision of a tensor."""
    return torch.from_numpy(values.reshape(like.shape)).to(like.dtype)


def gradient(values: Array, parameter: Tensor | None) -> Tensor | None:
    """Return a parameter's gradient, None for one that is None."""
    return None if parameter is None else tensor(values, parameter)
