"""A NumPy layer and its torch twin, run on the same arrays: values, gradients, slopes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from outcomes import assert_near


class Layer(NamedTuple):
    """The functions of one layer; the first `leaves` of their arguments have gradients."""

    forward: Callable
    backward: Callable
    twin: Callable


def draw(*shapes: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """Draw one array a shape, with unlike means and spreads."""
    rng = np.random.default_rng(seed)
    return [rng.normal(rng.normal(), rng.uniform(0.5, 2), shape) for shape in shapes]


def run_numpy(layer: Layer, arrays: list[np.ndarray], dy: np.ndarray, **options: Any) -> list:
    """Return the output and the gradients of the arrays."""
    y, cache = layer.forward(*arrays, **options)
    return [y, *(gradient for gradient in layer.backward(dy, cache) if gradient is not None)]


def run_twin(layer: Layer, arrays: list[np.ndarray], dy: np.ndarray, **options: Any) -> list:
    """Return the output and the gradients of the arrays, by autograd."""
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    y = layer.twin(*leaves, **options)
    y.backward(torch.from_numpy(dy.copy()))
    return [y.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


def assert_twins_agree(layer: Layer, arrays: list, dy: np.ndarray, rtol: float, **options) -> None:
    """Assert that values and gradients are the same, and of the dtype of their array."""
    got, wanted = (run(layer, arrays, dy, **options) for run in (run_numpy, run_twin))
    for ours, twins, array in zip(got, wanted, [arrays[0], *arrays], strict=True):
        assert_near(ours, twins, rtol)
        assert ours.dtype == twins.dtype == array.dtype, (ours.dtype, twins.dtype, array.dtype)


def assert_slope(layer: Layer, arrays: list, dy: np.ndarray, **options) -> None:
    """Assert that the NumPy gradients predict the change along one random direction."""
    _, *gradients = run_numpy(layer, arrays, dy, **options)
    along = draw(*(array.shape for array in arrays), seed=7)

    def value(step: float) -> float:
        moved = [array + step * a for array, a in zip(arrays, along, strict=True)]
        return float(np.sum(dy * layer.forward(*moved, **options)[0]))

    # The step 1e-5 leaves errors below 1e-9; 1e-7 leaves room for the curvature.
    measured = (value(1e-5) - value(-1e-5)) / 2e-5
    parts = [np.sum(g * a) for g, a in zip(gradients, along, strict=True)]
    assert abs(measured - sum(parts)) <= 1e-7 * max(map(abs, parts)), (measured, sum(parts))


def assert_twin_is_smooth(layer: Layer, arrays: list, **options) -> None:
    """Assert that autograd's first and second derivatives of the twin are right."""
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda *leaves: layer.twin(*leaves, **options), leaves, fast_mode=True)


def assert_arguments_stay(layer: Layer, arrays: list, dy: np.ndarray, **options) -> None:
    """Assert that neither forward nor backward writes into what it was given."""
    for run in (run_numpy, run_twin):
        handed_over = [array.copy() for array in (*arrays, dy)]
        run(layer, handed_over[:-1], handed_over[-1], **options)
        for got, wanted in zip(handed_over, (*arrays, dy), strict=True):
            np.testing.assert_array_equal(got, wanted)
