"""Who is measured: ours and every peer, each with the cases that it can run."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from course_lib import torch_layers
from course_lib.bench import peers, staged
from course_lib.bench.cases import EPS, Case
from course_lib.bench.inputs import Inputs
from course_lib.bench.operations import (
    CannotRun,
    Operation,
    composed,
    differentiated,
    fused_add,
    paired,
)
from course_lib.bench.timing import Runner


class Implementation(NamedTuple):
    """A name in the table and how to get its two passes."""

    name: str
    load: Callable[[Case], Operation]  # raises CannotRun
    kind: str  # what it takes: "numpy" arrays, tensors with "autograd", or bare "tensors"
    devices: tuple[str, ...]


def bind(implementation: Implementation, case: Case, inputs: Inputs) -> Runner:
    """Give an implementation its inputs, in the memory that all share.

    Raises
    ------
    CannotRun
        If it has no such operation, or cannot hold the dtype.
    """
    operation = implementation.load(case)
    convert = {"numpy": _as_array, "autograd": _as_leaf, "tensors": lambda tensor: tensor}
    active = convert[implementation.kind]
    passive = _as_array if implementation.kind == "numpy" else convert["tensors"]
    return Runner(
        operation,
        [tuple(active(tensor) for tensor in buffer) for buffer in inputs.activations],
        {name: active(tensor) for name, tensor in inputs.parameters.items()},
        [tuple(passive(tensor) for tensor in buffer) for buffer in inputs.upstreams],
    )


def _as_array(tensor: Tensor) -> Any:
    if tensor.dtype == torch.bfloat16:
        raise CannotRun("NumPy has no bfloat16")
    return tensor.numpy()


def _as_leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()


def _numpy(package: str) -> Callable[[Case], Operation]:
    """Load a pair of functions from `numpy_layers` or the like."""

    def load(case: Case) -> Operation:
        name = _norm(case.op)
        try:
            module = importlib.import_module(f"course_lib.{package}.{name}")
        except ModuleNotFoundError as error:
            raise CannotRun(f"{package} has no {name}") from error
        if hasattr(module, case.op) and case.op == "add_rms_norm":
            return fused_add(module.add_rms_norm, module.add_rms_norm_backward)
        return paired(case.op, getattr(module, name), getattr(module, f"{name}_backward"))

    return load


def _staged(case: Case) -> Operation:
    name = _norm(case.op)
    return paired(case.op, getattr(staged, name), getattr(staged, f"{name}_backward"))


def _norm(op: str) -> str:
    return "rms_norm" if op == "add_rms_norm" else op


def _our_torch(case: Case) -> Operation:
    if case.op == "add_rms_norm":
        return differentiated(lambda xs, p: torch_layers.add_rms_norm(*xs, p["weight"], EPS))
    return differentiated(composed(case.op, getattr(torch_layers, case.op)))


def _torch(case: Case) -> Operation:
    if case.op == "dynamic_tanh":
        return differentiated(composed(case.op, _eager_dynamic_tanh))
    return differentiated(composed(case.op, getattr(functional, _norm(case.op))))


def _eager_dynamic_tanh(x: Tensor, alpha: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Write it as its paper does: torch has no layer for it."""
    return weight * torch.tanh(alpha * x) + bias


EVERYWHERE, CPU, GPU = ("cpu", "cuda"), ("cpu",), ("cuda",)
IMPLEMENTATIONS = (
    Implementation("textbook NumPy", _numpy("numpy_layers"), "numpy", CPU),
    Implementation("fast NumPy", _numpy("numpy_fast"), "numpy", CPU),
    Implementation("staged NumPy", _staged, "numpy", CPU),
    Implementation("our torch", _our_torch, "autograd", EVERYWHERE),
    Implementation("our numba", peers.our_kernels("numba_kernels"), "tensors", CPU),
    Implementation("our Triton", peers.our_kernels("triton_kernels"), "tensors", GPU),
    Implementation("torch", _torch, "autograd", EVERYWHERE),
    Implementation("torch.compile", peers.compiled, "autograd", EVERYWHERE),
    Implementation("Liger-Kernel", peers.liger, "autograd", GPU),
)
