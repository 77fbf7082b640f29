"""What runs in the process that compiles kernels: for GPUs that are not there, to look at the code.

The launch functions run as they are, on tensors without memory; each kernel is specialized and
compiled as for a launch, and the launch left out.
"""

import importlib
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch


@dataclass(frozen=True)
class Case:
    """A layer to run forward and back on tensors of these shapes."""

    layer: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.bfloat16
    parameter_dtype: torch.dtype = torch.float32
    channels_last: bool = False
    parameters: bool = True
    vectors: bool = True  # whether 16 bytes divide the rows
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Code:
    """A compiled kernel."""

    case: Case
    kernel: str
    shared: int  # bytes of shared memory
    stack: int  # bytes of local memory a thread: registers that were spilled
    accesses: (
        Counter  # of global memory: "load 16" is a load of 16 bytes, "copy 16" an asynchronous
    )


class AbsentGPU:
    """Stand in for Triton's driver."""

    def __init__(self, capability: int, device: int | None = None) -> None:
        self.capability = capability
        self.device = capability if device is None else device  # kernels are kept by device

    def get_current_target(self) -> Any:
        """Say what to compile for."""
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        """Return its number: one of its own for each target, unless another was asked for."""
        return self.device

    def get_current_stream(self, device: int) -> int:
        """Return the only stream."""
        return 0


def compiled(cases: Sequence[Case], capability: int, sizes: Mapping[str, int]) -> list[Code]:
    """Compile every kernel that the cases launch, each once, with the tiles that `sizes` give."""
    import triton
    from triton.runtime import driver

    from course_lib.triton_kernels import tiles

    driver.set_active(AbsentGPU(capability))
    found, launch = {}, triton.JITFunction.run
    with mock.patch.multiple(tiles, **sizes, multiprocessors=lambda device: 100):
        for case in cases:

            def note(kernel, *args, case=case, **options):
                binary = launch(kernel, *args, **{**options, "warmup": True})
                found.setdefault(binary.hash, (case, binary))
                return binary

            with mock.patch.object(triton.JITFunction, "run", note):
                forward_and_back(case)(**arguments_of(case))
    return [code_of(case, binary) for case, binary in found.values()]


def forward_and_back(case: Case) -> Callable:
    """Return a function that calls the launch functions of a layer on what it is given."""
    module = importlib.import_module(f"course_lib.triton_kernels.{case.layer.removeprefix('add_')}")
    forward, backward = getattr(module, case.layer), getattr(module, f"{case.layer}_backward")

    def both(**arguments):
        *outputs, saved = forward(**arguments)
        return outputs, backward(*outputs, saved)

    return both


def arguments_of(case: Case, device: str = "meta") -> dict[str, Any]:
    """Return the arguments of a layer, by default without memory."""
    images = case.layer in ("batch_norm", "group_norm")
    features = case.shape[1:2] if images else case.shape[-1:]
    x = torch.empty(case.shape, dtype=case.dtype, device=device)
    if case.channels_last:
        x = x.to(memory_format=torch.channels_last)
    like = {"dtype": case.parameter_dtype, "device": device}
    names = ("weight",) if "rms" in case.layer else ("weight", "bias")
    arguments = {name: torch.empty(features, **like) for name in names if case.parameters}
    if case.layer == "batch_norm":
        memory = ("running_mean", "running_var")
        arguments |= {n: torch.empty(features, **like) if case.parameters else None for n in memory}
    elif case.layer == "dynamic_tanh":
        arguments["alpha"] = torch.empty(1, **like)
    elif case.layer in ("layer_norm", "rms_norm"):
        arguments["normalized_shape"] = features
    elif case.layer == "add_rms_norm":
        arguments["residual"] = x
    return {"x": x, **arguments, **case.options}


def captured(case: Case) -> list[str]:
    """Return the calls in the one graph that torch.compile makes of a layer, forward and back."""
    from torch.utils import _triton
    from triton.runtime import driver

    driver.set_active(AbsentGPU(90))
    torch._dynamo.reset()  # every case is another call of the same code
    graphs = []

    def keep(graph, inputs):
        graphs.append([node.target for node in graph.graph.nodes if node.op == "call_function"])
        raise NotImplementedError  # there is nothing to run it on

    with mock.patch.object(_triton, "has_triton", return_value=True):
        try:
            layer = torch.compile(forward_and_back(case), backend=keep, fullgraph=True)
            layer(**arguments_of(case))
        except torch._dynamo.exc.BackendCompilerFailed as error:
            if not isinstance(error.inner_exception, NotImplementedError):
                raise
    return [str(call) for call in graphs[0]]


def code_of(case: Case, binary: Any) -> Code:
    """Read the assembly, and what the assembler says of the kernel's memory."""
    import triton

    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary.asm["cubin"])
        file.flush()
        command = [tool, "-res-usage", file.name]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stack = int(re.search(r"STACK:(\d+)", usage)[1])
    metadata = binary.metadata
    return Code(case, metadata.name, metadata.shared, stack, accesses(binary.asm["ptx"]))


def accesses(ptx: str) -> Counter:
    """Count the accesses to global memory by kind and bytes."""
    plain = re.findall(r"\b(ld|st)\.global(?:\.[a-z]\w*)*?(?:\.v(\d))?\.[bufs](\d+)\b", ptx)
    copies = re.findall(r"\bcp\.async\.c[ag]\.shared\.global .*?, 0x([0-9a-f]+)[,;]", ptx)
    kinds = {"ld": "load", "st": "store"}
    found = [f"{kinds[kind]} {int(n or 1) * int(bits) // 8}" for kind, n, bits in plain]
    return Counter(found + [f"copy {int(size, 16)}" for size in copies])
