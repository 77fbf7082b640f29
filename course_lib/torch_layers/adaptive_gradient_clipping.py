"""Adaptive gradient clipping on tensors; the twin of the NumPy file of this name."""

from collections.abc import Iterable

import torch
from torch import Tensor

from course_lib.numpy_layers.adaptive_gradient_clipping import require_pair
from course_lib.torch_layers.moments import as_statistics_dtype


def adaptive_gradient_clipping(
    gradient: Tensor, weight: Tensor, clipping: float = 0.01, eps: float = 1e-3
) -> Tensor:
    """Shorten the gradient of each unit to ``clipping`` times the length of its weights.

    Arguments, shapes and errors are those of `numpy_layers.adaptive_gradient_clipping`.
    """
    require_pair(gradient, weight, clipping, eps)
    longest = clipping * _unit_length(weight).clamp(min=eps)
    length = _unit_length(gradient)
    too_long = length > longest
    factor = torch.where(too_long, longest / torch.where(too_long, length, 1.0), 1.0)
    return (as_statistics_dtype(gradient) * factor).to(gradient.dtype)


def _unit_length(values: Tensor) -> Tensor:
    squares = as_statistics_dtype(values).square()
    axes = tuple(range(1, values.ndim)) or None
    return (squares.sum(axes, keepdim=True) if values.ndim else squares).sqrt()


@torch.no_grad()
def adaptive_gradient_clipping_(
    parameters: Iterable[Tensor], clipping: float = 0.01, eps: float = 1e-3
) -> None:
    """Clip the gradients of `parameters` in place, between the backward pass and the step.

    Leave the parameters of the classifier out; those without a gradient are passed over.
    """
    for parameter in parameters:
        if parameter.grad is not None:
            clipped = adaptive_gradient_clipping(parameter.grad, parameter, clipping, eps)
            parameter.grad.copy_(clipped)
