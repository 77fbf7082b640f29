"""What runs in the process that interprets kernels: torch layers that take it for a GPU."""

from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib import torch_layers as L

fusing = import_module("course_lib.torch_layers.fused")
FEATURES, CHANNELS = ((5, 7), (7,)), ((3, 4, 2, 3), (4,))
# Calls with x and two parameters, and the shapes of both.
CALLS = {
    "layer_norm": (lambda x, w, b: L.layer_norm(x, (7,), w, b, 0.1), *FEATURES),
    "rms_norm": (lambda x, w, _: L.rms_norm(x, (7,), w, 0.1), *FEATURES),
    "rms_norm by its own eps": (lambda x, w, _: L.rms_norm(x, (7,), w), *FEATURES),
    "add_rms_norm": (lambda x, w, _: L.add_rms_norm(x, x.detach().flip(0), w, 0.1), *FEATURES),
    "dynamic_tanh": (lambda x, w, b: L.dynamic_tanh(x, torch.tensor([0.7]), w, b), *FEATURES),
    "group_norm": (lambda x, w, b: L.group_norm(x, 2, w, b, 0.1), *CHANNELS),
    "batch_norm": (lambda x, w, b: L.batch_norm(x, None, None, w, b, True, 0.1, 0.1), *CHANNELS),
}  # fmt: skip


class Found(NamedTuple):
    """What came out of one call."""

    fused: bool
    values: list[Tensor]
    strides: list[tuple[int, ...]]


def leaves(label: str, dtype: torch.dtype, affine: bool, last: bool) -> list[Tensor | None]:
    """Draw x, perhaps with channels last in memory, and the parameters, or None."""
    _, shape, parameters = CALLS[label]
    generator = torch.Generator().manual_seed(0)
    x, w, b = (1 + torch.randn(s, generator=generator) for s in (shape, parameters, parameters))
    x = x.to(memory_format=torch.channels_last) if last else x
    given = [x.to(dtype), w, b] if affine else [x.to(dtype), None, None]
    return [value if value is None else value.requires_grad_() for value in given]


def run(label: str, kernels: bool, dtype=torch.float32, affine=True, last=False, autocast=False):
    """Run forward, back and back again, by the kernels or by the plain operations."""
    fusing._on_gpu = lambda x: kernels
    own = leaves(label, dtype, affine, last)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        outputs = CALLS[label][0](*own)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    generator = torch.Generator().manual_seed(1)
    dys = [torch.randn(y.shape, generator=generator).to(y.dtype) for y in outputs]
    wanted = [v for v in (own[:2] if "rms" in label else own) if v is not None]
    first = torch.autograd.grad(outputs, wanted, dys, retain_graph=True)
    (dx,) = torch.autograd.grad(outputs, own[0], dys, create_graph=True)
    second = torch.autograd.grad(dx.float().square().sum(), wanted, allow_unused=True)
    values = [*outputs, *first, *(value for value in second if value is not None)]
    is_fused = type(outputs[0].grad_fn).__name__ == "_FusedBackward"
    return Found(is_fused, [v.detach().contiguous() for v in values], [y.stride() for y in outputs])


def train(kernels: bool, momentum: float | None, steps: int = 2) -> list[Tensor]:
    """Train a module of batch norm; return its state."""
    fusing._on_gpu = lambda x: kernels
    module = L.BatchNorm2d(4, momentum=momentum)
    x = leaves("batch_norm", torch.float32, False, False)[0]
    for step in range(steps):
        module(x + step).square().sum().backward()
    return [value.detach() for value in (*module.state_dict().values(), module.weight.grad)]


def refused(name: str) -> bool:
    """Tell whether a call that no kernel takes comes out as the plain operations make it."""
    fusing._on_gpu = lambda x: True
    x = torch.randn(6, 4, requires_grad=True)
    calls = {
        "float64": lambda: L.layer_norm(x.double(), (4,)),
        "empty": lambda: L.layer_norm(x[:0], (4,)),
        "transposed": lambda: L.layer_norm(x.T, (6,)),
        "negative eps": lambda: L.layer_norm(x, (4,), eps=-0.01),
        "wide buffers": lambda: L.batch_norm(
            x, torch.zeros(4).double(), torch.ones(4).double(), training=True
        ),
        "momentum beyond 1": lambda: L.batch_norm(
            x, torch.zeros(4), torch.ones(4), training=True, momentum=1.5
        ),
        "evaluation": lambda: L.batch_norm(x, torch.zeros(4), torch.ones(4)),
    }
    return type(calls[name]().grad_fn).__name__ != "_FusedBackward"
