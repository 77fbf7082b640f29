"""Who may be missing: compilers, kernels of others, and our own kernels."""

import importlib
import shutil
from collections.abc import Callable

import torch

from course_lib.bench import expressions
from course_lib.bench.cases import EPS, NUM_GROUPS, Case
from course_lib.bench.operations import CannotRun, Operation, differentiated, fused_add, paired

COMPILERS = ("c++", "g++", "clang++")
LLAMA = (0.0, "llama", False)  # offset, casting; and do not write dx into the gradient given


def compiled(case: Case) -> Operation:
    """Compile the textbook's expression, forward and backward."""
    if not any(shutil.which(name) for name in COMPILERS):
        raise CannotRun("no C++ compiler is installed, and torch.compile needs one")
    torch.compiler.reset()  # it stops compiling one function again after eight shapes
    # Threads are then counted when it runs: one compilation serves one thread and all.
    options = {"cpp.dynamic_threads": True}
    function = getattr(expressions, case.op)
    return differentiated(torch.compile(function, dynamic=False, options=options))


def liger(case: Case) -> Operation:
    """Call Liger-Kernel's functions."""
    _require("liger_kernel")
    kernels = importlib.import_module("liger_kernel.transformers.functional")

    def function(xs, p):
        weight, bias = p["weight"], p.get("bias")
        match case.op:
            case "layer_norm":
                return (kernels.liger_layer_norm(*xs, weight, bias, EPS),)
            case "rms_norm":
                return (kernels.liger_rms_norm(*xs, weight, EPS, *LLAMA),)
            case "add_rms_norm":
                return kernels.liger_fused_add_rms_norm(*xs, weight, EPS, *LLAMA)
            case "group_norm":
                channels = xs[0].shape[1]
                y = kernels.liger_group_norm(*xs, weight, bias, channels, NUM_GROUPS, EPS)
                return (y,)
        return (kernels.liger_dyt(*xs, p["alpha"], weight, bias),)

    if case.op == "batch_norm":
        raise CannotRun("Liger-Kernel has no batch_norm")
    return differentiated(function)


def our_kernels(package: str) -> Callable[[Case], Operation]:
    """Call our kernels as they are, without autograd around them."""

    def load(case: Case) -> Operation:
        _require(package.removesuffix("_kernels"))
        try:
            kernels = importlib.import_module(
                f"course_lib.{package}.{case.op.removeprefix('add_')}"
            )
        except ModuleNotFoundError as error:
            raise CannotRun(f"{package} has no {case.op}") from error
        if case.op == "add_rms_norm":
            return fused_add(kernels.add_rms_norm, kernels.add_rms_norm_backward)
        layer = getattr(kernels, case.op)
        if case.op == "batch_norm":  # the kernel is for training only and takes no flag for it

            def layer(x, mean, var, weight, bias, training, momentum, eps):
                return kernels.batch_norm(x, mean, var, weight, bias, momentum, eps)

        return paired(case.op, layer, getattr(kernels, f"{case.op}_backward"))

    return load


def _require(package: str) -> None:
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise CannotRun(f"{package} is not installed") from error
