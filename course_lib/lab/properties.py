"""What a layer does, found by running it: what its output depends on, and what leaves it alone."""

import copy
import math
from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.numpy_layers.moments import Array

# With inputs of standard deviation 2, ε = 1e-5 moves an output by up to some parts in 100,000; what
# is not the same moves by percents.
ROUNDING = 1e-4
_REDUCTIONS = {"sum", "mean", "var", "std", "norm", "linalg_vector_norm", "amax", "amin"}


class OneInput(nn.Module):
    """A function, or a module of several inputs, as a layer whose other inputs are fixed."""

    def __init__(self, function: Callable, *rest: Tensor) -> None:
        super().__init__()
        self.function, self.rest = function, rest

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to `x` and the fixed inputs."""
        return self.function(x, *self.rest)


def example(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Return a random input whose watched value is above 0, where no threshold cuts it off."""
    generator = torch.Generator().manual_seed(seed)
    x = 3 + 2 * torch.randn(shape, dtype=torch.float64, generator=generator)
    x[watched(x)] = 4.0
    return x


def channel_axis(x: Any) -> int:
    """Return where the channels stand: axis 1 of images (n, c, h, w), else the last axis."""
    return 1 if x.ndim == 4 else x.ndim - 1


def watched(x: Any) -> tuple[int, ...]:
    """Return the place of the output that is watched: channel 1 of the first example."""
    return tuple(int(axis == channel_axis(x)) for axis in range(x.ndim))


@torch.no_grad()
def output(layer: nn.Module, x: Tensor, training: bool = True) -> Tensor:
    """Return what the layer makes of `x`; its buffers stay as they were."""
    kept = [(buffer, buffer.clone()) for buffer in layer.buffers()]
    y = layer.train(training)(x)
    for buffer, before in kept:
        buffer.copy_(before)
    return y


def same(a: Tensor, b: Tensor) -> bool:
    """Say whether two outputs are equal up to rounding and ε."""
    return bool((a - b).abs().max() <= ROUNDING * b.abs().max())


def read(
    layer: nn.Module,
    x: Tensor,
    training: bool = True,
    step: float = 1.0,
) -> Array:
    """Return which inputs the watched output depends on: a mask of the shape of `x`.

    Each input in turn is moved up and down by `step`.
    """
    at, mask = watched(x), np.zeros(tuple(x.shape), dtype=bool)
    start = output(layer, x, training)[at]
    for place, sign in product(np.ndindex(mask.shape), (1, -1)):
        if not mask[place]:
            moved = x.clone()
            moved[place] += sign * step
            change = output(layer, moved, training)[at] - start
            mask[place] = change.abs() > 1e-9 * start.abs()
    return mask


def blocks(mask: Array) -> list[tuple[tuple[int, ...], list[Array]]]:
    """Return the largest blocks of the mask around the watched place, as axes and indices."""
    at, found = watched(mask), []
    one = [np.array([place]) for place in at]
    lines = [np.flatnonzero(np.moveaxis(mask, a, 0)[(slice(None), *at[:a], *at[a + 1 :])])
             for a in range(mask.ndim)]  # fmt: skip
    active = [axis for axis, line in enumerate(lines) if line.size > 1]
    for size in range(len(active), 0, -1):
        for axes in combinations(active, size):
            index = [lines[a] if a in axes else one[a] for a in range(mask.ndim)]
            inside_another = any(set(axes) <= set(other) for other, _ in found)
            if mask[np.ix_(*index)].all() and not inside_another:
                found.append((axes, index))
    return found


def axes_in_words(mask: Array, names: Sequence[str]) -> str:
    """Say which axes a mask spans, such as ``n, h, w`` or ``c (2 of 8), h, w``."""
    covered, parts = np.zeros_like(mask), []
    covered[watched(mask)] = True
    for axes, index in blocks(mask):
        covered[np.ix_(*index)] = True
        sizes = [(names[a], index[a].size, mask.shape[a]) for a in axes]
        parts.append(", ".join(n if k == all_ else f"{n} ({k} of {all_})" for n, k, all_ in sizes))
    return " + ".join(parts or ["itself"]) + ("" if (covered == mask).all() else " + others")


def formula(layer: nn.Module, x: Tensor, mask: Array) -> str:
    """Name the formula that gives the watched output of training; gains of one value are set to 1.

    The statistics are those of the inputs in the mask; the memory holds a mean of 1 and a
    standard deviation of 1.5.
    """
    layer = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        if parameter.numel() == 1 and name not in ("alpha", "shift"):  # those are inside a curve
            nn.init.ones_(parameter)
    for name, buffer in layer.named_buffers():
        memory = {"running_mean": 1.0, "running_var": 1.5**2, "running_std": 1.5}
        buffer.fill_(memory[name]) if name in memory else None
    y = output(layer, x)
    for words, value in _candidates(layer, x.numpy(), mask):
        if abs(y[watched(x)].item() - value) <= ROUNDING * abs(value):
            return words
    if y.ndim == 2 and same(torch.cov(y.T, correction=0), torch.eye(len(y.T), dtype=y.dtype)):
        return "columns with covariance 1"
    return "another function"


def _candidates(layer: nn.Module, x: Array, mask: Array) -> list[tuple[str, float]]:
    value, shared = x[watched(x)], x[mask]
    mean, std, length = shared.mean(), shared.std(), np.linalg.norm(shared)
    found = [("x", value), ("(x − running mean) / running std", (value - 1.0) / 1.5)]
    if shared.size == 1 and hasattr(layer, "alpha"):
        inside = layer.alpha.item() * value
        shift = layer.shift.item() if hasattr(layer, "shift") else 0.0
        found += [("tanh(α·x)", math.tanh(inside)), ("erf(α·x + s)", math.erf(inside + shift))]
    if shared.size == 1:
        return found
    low, middle, high = np.percentile(shared, [25, 50, 75])
    found += [
        ("(x − mean) / std", (value - mean) / std),
        ("(x − mean) / unbiased std", (value - mean) / shared.std(ddof=1)),
        ("(x − mean) / (√m · std)", (value - mean) / std / shared.size**0.5),
        ("x − mean", value - mean),
        ("x / RMS", value / length * shared.size**0.5),
        ("x / length", value / length),
        ("x / largest", value / abs(shared).max()),
        ("(x − min) / range", (value - shared.min()) / np.ptp(shared)),
        ("(x − median) / IQR", (value - middle) / (high - low)),
        ("x / largest singular value", value / np.linalg.norm(x.reshape(len(x), -1), 2)),
    ]
    if hasattr(layer, "beta"):
        size = layer.k + layer.alpha * (shared**2).mean()
        found.append(("x / (k + α · mean square)^β", value / size**layer.beta))
    parts = [x[np.ix_(*index)] for _, index in blocks(mask)]
    if len(parts) == 2:
        parts.append(x[mask & np.logical_and(*(_filled(mask, i) for _, i in blocks(mask)))])
        var = np.mean([part.var() for part in parts])
        mixed = (value - np.mean([part.mean() for part in parts])) / var**0.5
        found.append(("(x − mean of 3 means) / √ mean of 3 variances", mixed))
    return found


def _filled(mask: Array, index: list[Array]) -> Array:
    block = np.zeros_like(mask)
    block[np.ix_(*index)] = True
    return block


def changes(x: Tensor, axis: int) -> dict[str, Tensor]:
    """Return `x` changed in ways that a norm may not notice; `axis` counts the channels."""
    along = {a: [-1 if a == other else 1 for other in range(x.ndim)] for a in (0, axis)}
    c, n = (torch.linspace(0.5, 3, x.shape[a], dtype=x.dtype).reshape(along[a]) for a in (axis, 0))
    return {"a·x": 10 * x, "aᶜ·x": c * x, "aⁿ·x": n * x, "x+b": x + 5, "x+bᶜ": x + 5 * c}


def unnoticed(layer: nn.Module, x: Tensor, axis: int) -> dict[str, str]:
    """Say for each change whether the output is the same: yes, in training alone, or – for no.

    The last entry, ``odd``, asks whether −x gives −y.
    """
    found = {}
    for name, changed in [*changes(x, axis).items(), ("odd", -x)]:
        sign = -1 if name == "odd" else 1
        train, evaluation = (
            same(sign * output(layer, changed, mode), output(layer, x, mode))
            for mode in (True, False)
        )
        found[name] = "yes" if train and evaluation else "training" if train else "–"
    return found


def heeds_neighbours(layer: nn.Module, x: Tensor, training: bool) -> bool:
    """Say whether the first example's output moves when all others change."""
    moved = torch.cat([x[:1], x[1:].flip(0) ** 2])
    return not same(output(layer, moved, training)[:1], output(layer, x, training)[:1])


def reads(layer: nn.Module, x: Tensor, training: bool) -> float:
    """Return how many values sums, means and norms read in one forward pass, per value of input.

    What is already reduced, to less than a third of `x`, is not counted when it is read again.
    """
    layer = copy.deepcopy(layer).train(training)
    with _Reads(x.numel() / 3) as counted, torch.no_grad():
        layer(x)
    rest = [other for other in getattr(layer, "rest", ()) if other.is_floating_point()]
    return counted.total / sum(inputs.numel() for inputs in (x, *rest))


class _Reads(TorchDispatchMode):
    def __init__(self, least: float) -> None:
        super().__init__()
        self.least, self.total = least, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in _REDUCTIONS:
            read = args[0].numel()
            self.total += read if max(self.least, result.numel() + 1) <= read else 0
        return result
