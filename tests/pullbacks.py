"""Gradients of a function of arrays, or of a module: by autograd, and by the slope they predict."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from outcomes import assert_near


def autograd(
    function: Callable, arrays: Sequence[np.ndarray], dy: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the output of a function of tensors, and the gradient of each of its arguments."""
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    y = function(*leaves)
    assert y.requires_grad, "the output is cut off from the graph"
    y.backward(torch.tensor(dy))
    return y.detach().numpy(), [leaf.grad.numpy() for leaf in leaves]


def assert_same(got, wanted, rtol: float) -> None:
    """Compare (output, gradients) pairs, each array by its own largest magnitude."""
    assert_near(got[0], wanted[0], rtol)
    assert len(got[1]) == len(wanted[1])
    for gradient, expected in zip(got[1], wanted[1], strict=True):
        assert_near(gradient, expected, rtol)


def assert_predicts_slope(
    value: Callable[..., float], arrays: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
) -> None:
    """Assert that `gradients` predict how `value` changes along a random direction.

    The step and the tolerance are those of `outcomes.assert_slope`, for their reasons.
    """
    rng = np.random.default_rng(7)
    along = [rng.normal(size=np.shape(array)) for array in arrays]
    step = 1e-5

    def moved(sign: int) -> float:
        return value(*(a + sign * step * d for a, d in zip(arrays, along, strict=True)))

    measured = (moved(1) - moved(-1)) / (2 * step)
    parts = [float(np.sum(g * d)) for g, d in zip(gradients, along, strict=True)]
    error = abs(measured - sum(parts))
    assert error <= 1e-7 * max(map(abs, parts)), f"slope {measured:.9g}, predicted {sum(parts):.9g}"


def step(module: torch.nn.Module, x: torch.Tensor, dy: torch.Tensor) -> list[torch.Tensor]:
    """Run a module forward and backward; return the output and every gradient."""
    x = x.clone().requires_grad_()
    module.zero_grad()
    y = module(x)
    y.backward(dy)
    return [y.detach(), x.grad, *(parameter.grad for parameter in module.parameters())]


def channels_last(image: np.ndarray) -> np.ndarray:
    """Return the same (n, c, h, w) with the channels of a pixel side by side in memory."""
    return np.ascontiguousarray(image.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
