"""One small instance of every torch module of the course, with the shape of its input."""

from collections.abc import Callable
from types import SimpleNamespace

import conformance
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from course_lib import torch_layers

PUBLIC = conformance.public(torch_layers)
L = SimpleNamespace(**PUBLIC)
LINEAR, CONV = (5, 3), (2, 3, 5, 4)  # the inputs of the layers whose weight is normalized
STYLES = torch.tensor([1, 0])


def parametrized(layer: nn.Module, parametrization: nn.Module) -> nn.Module:
    """Let `parametrization` compute the weight of `layer`."""
    return parametrize.register_parametrization(layer, "weight", parametrization)


# The label starts with the class, or with the function that changes a module of torch's. Inputs
# are shapes to be drawn, or tensors as they are.
ROWS: dict[str, tuple[Callable[[], nn.Module], tuple]] = {
    "AdaptiveInstanceNorm2d": (lambda: L.AdaptiveInstanceNorm2d(), ((2, 3, 4, 4), (2, 3, 2, 5))),
    "BatchNorm1d": (lambda: L.BatchNorm1d(3), ((6, 3),)),
    "BatchNorm1d of a sequence": (lambda: L.BatchNorm1d(3), ((4, 3, 5),)),
    "BatchNorm2d": (lambda: L.BatchNorm2d(3), ((2, 3, 4, 5),)),
    "BatchNorm2d cumulative": (lambda: L.BatchNorm2d(3, momentum=None), ((2, 3, 4, 5),)),
    "BatchNorm2d without memory": (
        lambda: L.BatchNorm2d(3, track_running_stats=False), ((2, 3, 4, 5),),
    ),
    "BatchNorm2d without affine": (lambda: L.BatchNorm2d(3, affine=False), ((2, 3, 4, 5),)),
    "BatchNorm3d": (lambda: L.BatchNorm3d(3), ((2, 3, 2, 3, 2),)),
    "BatchRenorm1d": (lambda: L.BatchRenorm1d(3), ((6, 3),)),
    "BatchRenorm2d": (lambda: L.BatchRenorm2d(3), ((2, 3, 4, 5),)),
    "BatchRenorm3d": (lambda: L.BatchRenorm3d(3), ((2, 3, 2, 3, 2),)),
    "ConditionalInstanceNorm2d": (
        lambda: L.ConditionalInstanceNorm2d(3, 2), ((2, 3, 4, 4), STYLES),
    ),
    "DeepNorm": (lambda: L.DeepNorm(nn.Linear(6, 6), L.LayerNorm(6), 1.5), ((3, 6),)),
    "DynamicErf": (lambda: L.DynamicErf(6), ((3, 4, 6),)),
    "DynamicTanh": (lambda: L.DynamicTanh((4, 6)), ((3, 4, 6),)),
    "FilterResponseNorm2d": (lambda: L.FilterResponseNorm2d(3), ((2, 3, 4, 5),)),
    "FilterResponseNorm2d with learned eps": (
        lambda: L.FilterResponseNorm2d(3, learnable_eps=True), ((2, 3, 4, 5),),
    ),
    "Fixup": (lambda: L.Fixup([nn.Linear(6, 6), nn.Linear(6, 6)], 8), ((3, 6),)),
    "GhostBatchNorm": (lambda: L.GhostBatchNorm(3, 2), ((4, 3, 4, 5),)),
    "GroupNorm": (lambda: L.GroupNorm(2, 6), ((2, 6, 4, 4),)),
    "GroupNorm without positions": (lambda: L.GroupNorm(2, 6), ((3, 6),)),
    "InstanceNorm1d": (lambda: L.InstanceNorm1d(3, affine=True), ((2, 3, 5),)),
    "InstanceNorm2d": (lambda: L.InstanceNorm2d(3, affine=True), ((2, 3, 4, 4),)),
    "InstanceNorm2d with memory": (
        lambda: L.InstanceNorm2d(3, affine=True, track_running_stats=True), ((2, 3, 4, 4),),
    ),
    "InstanceNorm3d": (lambda: L.InstanceNorm3d(3), ((2, 3, 2, 3, 2),)),
    "LayerNorm": (lambda: L.LayerNorm(6), ((3, 4, 6),)),
    "LayerNorm of images": (lambda: L.LayerNorm((3, 4, 4)), ((2, 3, 4, 4),)),
    "LayerNorm without affine": (lambda: L.LayerNorm(6, elementwise_affine=False), ((3, 6),)),
    "LayerScale": (lambda: L.LayerScale(6), ((3, 6),)),
    "LayerScale of images": (lambda: L.LayerScale(3, dim=1), ((2, 3, 4, 4),)),
    "LocalResponseNorm": (lambda: L.LocalResponseNorm(3, alpha=0.5), ((2, 6, 4, 4),)),
    "PartialRMSNorm": (lambda: L.PartialRMSNorm(6, 0.5), ((3, 6),)),
    "PostNorm": (lambda: L.PostNorm(nn.Linear(6, 6), L.LayerNorm(6)), ((3, 6),)),
    "PreNorm": (lambda: L.PreNorm(nn.Linear(6, 6), L.LayerNorm(6)), ((3, 6),)),
    "QueryKeyNorm": (lambda: L.QueryKeyNorm(10), ((2, 4, 6), (2, 5, 6))),
    "RMSNorm": (lambda: L.RMSNorm(6), ((3, 4, 6),)),
    "RMSNorm of images": (lambda: L.RMSNorm((3, 4, 4)), ((2, 3, 4, 4),)),
    "ReZero": (lambda: L.ReZero(nn.Linear(6, 6)), ((3, 6),)),
    "SandwichNorm": (
        lambda: L.SandwichNorm(nn.Linear(6, 6), L.LayerNorm(6), L.RMSNorm(6)), ((3, 6),),
    ),
    "ScaleNorm": (lambda: L.ScaleNorm(6), ((3, 6),)),
    "ScaledWeightStandardization": (lambda: L.ScaledWeightStandardization(4), ((4, 3, 2, 2),)),
    "ScaledWeightStandardization of Conv2d": (
        lambda: parametrized(nn.Conv2d(3, 4, 3), L.ScaledWeightStandardization(4)), (CONV,),
    ),
    "ScaledWeightStandardizedConv2d": (
        lambda: L.ScaledWeightStandardizedConv2d(3, 4, 3), (CONV,),
    ),
    "SwitchableNorm2d": (lambda: L.SwitchableNorm2d(3), ((2, 3, 4, 5),)),
    "SyncBatchNorm": (lambda: L.SyncBatchNorm(3), ((2, 3, 4, 5),)),
    "WeightStandardization": (lambda: L.WeightStandardization(), ((4, 3, 2, 2),)),
    "WeightStandardization of Linear": (
        lambda: parametrized(nn.Linear(3, 4), L.WeightStandardization()), (LINEAR,),
    ),
    "WeightStandardizedConv2d": (lambda: L.WeightStandardizedConv2d(3, 4, 3), (CONV,)),
    "spectral_norm of Linear": (lambda: L.spectral_norm(nn.Linear(3, 4)), (LINEAR,)),
    "spectral_norm of Conv2d": (lambda: L.spectral_norm(nn.Conv2d(3, 4, 3)), (CONV,)),
    "weight_norm of Linear": (lambda: L.weight_norm(nn.Linear(3, 4)), (LINEAR,)),
    "weight_norm of Conv2d": (lambda: L.weight_norm(nn.Conv2d(3, 4, 3)), (CONV,)),
}  # fmt: skip


def name(label: str) -> str:
    """Return the public name that a row is about."""
    return label.partition(" ")[0]


LABELS = [label for label in ROWS if name(label) in PUBLIC]
FLOAT64 = {"rtol": 1e-11, "atol": 1e-11}  # float64 keeps 16 digits; few operations stand between
all_modules = pytest.mark.parametrize("label", LABELS)
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def modes(label: str) -> list[bool]:
    """Return the values of `training` that differ: without a memory a module has one mode."""
    return [True, False] if any(True for _ in ROWS[label][0]().buffers()) else [True]


def is_parametrized(label: str) -> bool:
    """Tell whether the row is a module of torch's with a computed weight."""
    return parametrize.is_parametrized(ROWS[label][0]())


def multiplies(label: str) -> bool:
    """Tell whether a matrix product or a convolution, which autocast narrows, is part of it."""
    layers = (nn.Linear, nn.Conv2d, PUBLIC.get("QueryKeyNorm", nn.Linear))
    return any(isinstance(part, layers) for part in ROWS[label][0]().modules())


def named_by_rows() -> set[str]:
    """Return the public names that have a row."""
    return {name(label) for label in ROWS}


def in_need_of_a_row() -> set[str]:
    """Return every public module, and every function that takes a module and returns it."""
    changing = {
        name
        for name, function in conformance.functions(torch_layers).items()
        if {"module", "return"} <= {*function.__annotations__}
        and function.__annotations__["return"] is nn.Module
    }
    return changing | {*conformance.modules(torch_layers)}


def module(label: str, training: bool = True, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Build the module of a row with parameters that are neither equal nor near 0 or 1."""
    torch.manual_seed(4)
    built = ROWS[label][0]().to(dtype)
    for parameter in built.parameters():
        nn.init.uniform_(parameter, 0.5, 2.0)
    return built.train(training)


def inputs(label: str, dtype: torch.dtype = torch.float64, offset: float = 1.0) -> list[Tensor]:
    """Draw the inputs of a row; those of floats want a gradient."""
    generator = torch.Generator().manual_seed(5)
    return [
        value if isinstance(value, Tensor) else _draw(value, offset, dtype, generator)
        for value in ROWS[label][1]
    ]


def _draw(shape, offset, dtype, generator) -> Tensor:
    values = offset + 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return values.to(dtype).requires_grad_()


def upstream(y):
    """Draw the gradient that comes from above: never ones, whose pullback is often 0."""
    return torch.randn(y.shape, generator=torch.Generator().manual_seed(6), dtype=y.dtype)


def outcome(module, inputs, state=None):
    """Return the output, all gradients, and the state afterwards: `module`'s or another's."""
    state = state or module
    wanted = [value for value in (*inputs, *state.parameters()) if value.requires_grad]
    y = module(*inputs)
    gradients = torch.autograd.grad(y, wanted, upstream(y))
    return [y.detach(), *gradients, *state.state_dict().values()]
