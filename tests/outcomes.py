"""One way to run a layer forward and backward, whichever package it comes from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional as F

from course_lib import numpy_layers, torch_layers


@dataclass
class Case:
    """Inputs of one run; the upstream gradient and the parameters are random, never ones."""

    x: np.ndarray
    dy: np.ndarray
    weight: np.ndarray | None
    bias: np.ndarray | None
    running_mean: np.ndarray | None = None
    running_var: np.ndarray | None = None

    def __iter__(self) -> Iterator[np.ndarray | None]:
        return iter(vars(self).values())

    def copy(self) -> "Case":
        """Return arrays of its own, so that a later comparison sees what a layer changed."""
        return Case(*(value if value is None else value.copy() for value in self))

    def to(self, dtype) -> "Case":
        """Return the case in another dtype."""
        return Case(*(value if value is None else value.astype(dtype) for value in self))

    def plain(self) -> "Case":
        """Return the case without weight and bias."""
        return replace(self, weight=None, bias=None)


@dataclass
class Outcome:
    """What a run returned, and its running statistics afterwards."""

    y: np.ndarray
    dx: np.ndarray
    dweight: np.ndarray | None
    dbias: np.ndarray | None
    running_mean: np.ndarray | None = None
    running_var: np.ndarray | None = None


def draw(shape, parameters, *, seed=0, offset=0.0, spread=(0.5, 3.0)) -> Case:
    """Draw a case in which no two examples and no two channels have the same mean or spread."""
    rng = np.random.default_rng(seed)
    own = (*shape[:2], *(1,) * (len(shape) - 2))
    x = offset + rng.normal(size=own) + rng.uniform(*spread, own) * rng.normal(size=shape)
    dy = rng.normal(size=shape)
    weight, bias, mean = rng.normal(size=(3, *parameters))
    return Case(x, dy, weight, bias, mean, rng.uniform(0.5, 2.0, parameters))


def numpy_batch_norm(case: Case, training=True, momentum=0.1, eps=1e-5) -> Outcome:
    """Run the NumPy layer on the case's own arrays."""
    memory = (case.running_mean, case.running_var)
    y, cache = numpy_layers.batch_norm(
        case.x, *memory, case.weight, case.bias, training, momentum, eps
    )
    return Outcome(y, *numpy_layers.batch_norm_backward(case.dy, cache), *memory)


def numpy_layer_norm(case: Case, shape, eps=1e-5) -> Outcome:
    """Run the NumPy layer on the case's own arrays."""
    y, cache = numpy_layers.layer_norm(case.x, shape, case.weight, case.bias, eps)
    return Outcome(y, *numpy_layers.layer_norm_backward(case.dy, cache))


def twin_batch_norm(case: Case, training=True, momentum=0.1, eps=1e-5) -> Outcome:
    """Run this project's torch layer under autograd."""
    return _batch_norm(torch_layers.batch_norm, case, training, momentum, eps)


def torch_batch_norm(case: Case, training=True, momentum=0.1, eps=1e-5) -> Outcome:
    """Run torch's own layer under autograd."""
    return _batch_norm(F.batch_norm, case, training, momentum, eps)


def twin_layer_norm(case: Case, shape, eps=1e-5) -> Outcome:
    """Run this project's torch layer under autograd."""
    return _layer_norm(torch_layers.layer_norm, case, shape, eps)


def torch_layer_norm(case: Case, shape, eps=1e-5) -> Outcome:
    """Run torch's own layer under autograd."""
    return _layer_norm(F.layer_norm, case, shape, eps)


def _batch_norm(function: Callable, case: Case, training, momentum, eps) -> Outcome:
    x, dy, weight, bias, *memory = _tensors(case)
    y = function(x, *memory, weight, bias, training, momentum, eps)
    return Outcome(*_backward(y, dy, x, weight, bias), *(_array(value) for value in memory))


def _layer_norm(function: Callable, case: Case, shape, eps) -> Outcome:
    x, dy, weight, bias, *_ = _tensors(case)
    return Outcome(*_backward(function(x, shape, weight, bias, eps), dy, x, weight, bias))


def _tensors(case: Case) -> list[torch.Tensor | None]:
    """Return tensors that share the case's memory: a change in place is seen in the case."""
    tensors = [None if value is None else torch.from_numpy(value) for value in case]
    for index in (0, 2, 3):
        if tensors[index] is not None and tensors[index].is_floating_point():
            tensors[index].requires_grad_()
    return tensors


def _backward(y: torch.Tensor, dy: torch.Tensor, *leaves: torch.Tensor | None):
    assert y.requires_grad, "the output is cut off from the graph"
    y.backward(dy)
    return [_array(y), *(None if leaf is None else _array(leaf.grad) for leaf in leaves)]


def _array(tensor: torch.Tensor | None) -> np.ndarray | None:
    return None if tensor is None else tensor.detach().numpy()


def assert_near(got, wanted, rtol: float) -> None:
    """Assert that no element is off by more than `rtol` times the largest wanted magnitude."""
    assert (got is None) == (wanted is None), f"expected {wanted}, got {got}"
    if wanted is None:
        return
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    assert got.shape == wanted.shape, f"expected shape {wanted.shape}, got {got.shape}"
    assert np.isfinite(got).all(), f"expected finite values, got {got}"
    scale = np.abs(wanted).max(initial=0.0)
    error = np.abs(got - wanted).max(initial=0.0)
    assert error <= rtol * scale, f"off by {error:.3g}, allowed {rtol:.1g} of {scale:.3g}"


def assert_same_gradients(got: Outcome, wanted: Outcome, rtol: float) -> None:
    """Compare all three gradients."""
    for name in ("dx", "dweight", "dbias"):
        assert_near(getattr(got, name), getattr(wanted, name), rtol)


def assert_slope(value: Callable[[Case], float], case: Case, gradients: Outcome) -> None:
    """Assert that the gradients predict how `value` changes along a random direction.

    One random direction mixes every element, so that each wrong element shows. The step 1e-5
    leaves a truncation error near its square and a rounding error near 1e-16 / 1e-5, both of them
    below 1e-9; 1e-7 leaves room for the curvature.
    """
    rng = np.random.default_rng(7)
    names = [name for name in ("x", "weight", "bias") if getattr(case, name) is not None]
    along = {name: rng.normal(size=getattr(case, name).shape) for name in names}

    def moved(step: float) -> Case:
        return replace(
            case.copy(), **{name: getattr(case, name) + step * along[name] for name in names}
        )

    step = 1e-5
    measured = (value(moved(step)) - value(moved(-step))) / (2 * step)
    parts = [np.sum(getattr(gradients, f"d{name}") * along[name]) for name in names]
    scale = max(map(abs, parts))
    error = abs(measured - sum(parts))
    assert error <= 1e-7 * scale, f"slope {measured:.9g}, gradients say {sum(parts):.9g}"
