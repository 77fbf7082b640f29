"""Which layers exist, read from the files: a new one is tested before it is exported."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import nn

# Rounding of sums of up to 640 values, in either order; both results carry it.
TOLERANCE = {
    torch.float64: {"rtol": 1e-10, "atol": 1e-10, "equal_nan": True},
    torch.float32: {"rtol": 1e-4, "atol": 5e-5, "equal_nan": True},
}
both_dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def public(package: ModuleType) -> dict[str, object]:
    """Return the public functions and classes that the package's files define, by name."""
    found = {}
    for file in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{file.name}")
        found |= {
            name: thing
            for name, thing in vars(module).items()
            if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        }
    return found


def functions(package: ModuleType) -> dict[str, Callable]:
    """Return the public functions of the package's files."""
    return {name: thing for name, thing in public(package).items() if inspect.isfunction(thing)}


def modules(package: ModuleType) -> dict[str, type[nn.Module]]:
    """Return the public torch modules of the package's files."""
    return {
        name: thing
        for name, thing in public(package).items()
        if inspect.isclass(thing) and issubclass(thing, nn.Module)
    }


def outcome(function, inputs):
    """Return the output, the gradient of each input that wants one, and the inputs afterwards."""
    y = function()
    dy = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(3))
    wanted = [value for value in inputs if value.requires_grad]
    gradients = torch.autograd.grad(y, wanted, dy)
    return [y.detach(), *gradients, *(value.detach() for value in inputs)]
