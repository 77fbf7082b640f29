"""What runs in the process that runs kernels, by interpreting them where there is no GPU.

Each tensor stands between guards of NaN: a program that reads beyond a tensor brings NaN along, one
that writes there leaves a trace.
"""

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from mutants import replace_once
from triton_calls import MEMORY, Answer, Call

import course_lib.triton_kernels as right

GUARD = 8192  # values before and after; no tile of the tests reaches farther
EMPTY, EMPTY_LIKE = torch.empty, torch.empty_like
PATCHED: set[str] = set()  # modules whose functions the interpreter has called


class Guards:
    """Make tensors between guards, and look at the guards afterwards."""

    def __init__(self) -> None:
        self.made: list[tuple[str, torch.Tensor, int]] = []

    def around(self, tensor: torch.Tensor, name: str) -> torch.Tensor:
        """Return a copy with the same strides, and NaN on either side and in the gaps."""
        if not tensor.is_floating_point():
            return tensor
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        span = 1 + sum((n - 1) * step for n, step in steps) if tensor.numel() else 0
        padded = torch.full(
            (span + 2 * GUARD,), torch.nan, dtype=tensor.dtype, device=tensor.device
        )
        copy = torch.as_strided(padded, tensor.shape, tensor.stride(), GUARD)
        self.made.append((name, padded, span))
        return copy.copy_(tensor)

    def empty(self, *shape, **options) -> torch.Tensor:
        """Stand in for torch.empty."""
        return self.around(torch.full_like(EMPTY(*shape, **options), torch.nan), "empty")

    def empty_like(self, tensor: torch.Tensor, **options) -> torch.Tensor:
        """Stand in for torch.empty_like."""
        like = EMPTY_LIKE(tensor, **options)
        return self.around(torch.full_like(like, torch.nan), "empty_like")

    def overrun(self) -> list[str]:
        """Name the tensors beyond whose ends something was written."""
        return [
            f"{name} of {span} values"
            for name, padded, span in self.made
            if not (padded[:GUARD].isnan().all() and padded[GUARD + span :].isnan().all())
        ]


def run(call: Call) -> Answer:
    """Run forward and back."""
    guards, package = Guards(), package_with(call.bug)
    arguments = {
        name: guards.around(laid_out(value, call.dtype_of(name), call.layout).to(call.device), name)
        if isinstance(value, np.ndarray) else value
        for name, value in call.arguments.items()
    }  # fmt: skip
    upstream = [
        None
        if dy is None
        else guards.around(laid_out(dy, call.dtype, call.upstream_layout).to(call.device), "dy")
        for dy in call.upstream
    ]
    module = importlib.import_module(f"{package}.{call.layer.removeprefix('add_')}")
    made = mock.patch.multiple(torch, empty=guards.empty, empty_like=guards.empty_like)
    with sizes(package, call), made, once_patched(), np.errstate(all="ignore"):
        *outputs, saved = getattr(module, call.layer)(**arguments)
        gradients = getattr(module, f"{call.layer}_backward")(*upstream, saved)
    everything = [*outputs, *gradients]
    return Answer(
        [array(output) for output in outputs],
        [array(gradient) for gradient in gradients],
        [array(arguments[name]) for name in MEMORY if arguments.get(name) is not None],
        [
            None if value is None else str(value.dtype).removeprefix("torch.")
            for value in everything
        ],
        [outputs[0].stride(), gradients[0].stride()],
        guards.overrun(),
    )


def array(tensor: torch.Tensor | None) -> np.ndarray | None:
    """Return the values in float64."""
    return None if tensor is None else tensor.cpu().double().numpy()


def laid_out(values: np.ndarray, dtype: str, layout: str) -> torch.Tensor:
    """Return a tensor; the layout is that of what has more than one axis."""
    tensor = torch.as_tensor(values).to(getattr(torch, dtype))
    if tensor.ndim > 1 and layout == "channels_last":
        return tensor.movedim(1, -1).contiguous().movedim(-1, 1)
    if tensor.ndim > 1 and layout == "gaps":
        return tensor.repeat_interleave(2, -1)[..., ::2]
    return tensor


@contextmanager
def sizes(package: str, call: Call) -> Iterator[None]:
    """Set what the tiles are computed from."""
    values = dict(call.sizes)
    if call.device == "cpu":
        values["multiprocessors"] = lambda device: call.multiprocessors
    with ExitStack() as stack:
        for name in ("tiles", "channel_tiles"):
            module = importlib.import_module(f"{package}.{name}")
            for key in values.keys() & vars(module).keys():
                stack.enter_context(mock.patch.object(module, key, values[key]))
        yield


@contextmanager
def once_patched() -> Iterator[None]:
    """Let Triton replace its language by NumPy's once a module: a third of the interpreter's time.

    It does so at each call of a function by a kernel, and never takes that back.
    """
    from triton.runtime.interpreter import InterpretedFunction

    slow = InterpretedFunction.__call__

    def call(function, *args, **options):
        if function.fn.__module__ in PATCHED:
            return function.rewrite()(*args, **options)
        PATCHED.add(function.fn.__module__)
        return slow(function, *args, **options)

    with mock.patch.object(InterpretedFunction, "__call__", call):
        yield


@cache
def package_with(bug: tuple[str, str, str] | None) -> str:
    """Return the name of the kernels' package, or of a copy of it with the bug planted."""
    if bug is None:
        return right.__name__
    where, old, new = bug
    folder, name = Path(tempfile.mkdtemp()), f"kernels_with_bug_{package_with.cache_info().misses}"
    (folder / name).mkdir()
    for path in Path(right.__path__[0]).glob("*.py"):
        code = path.read_text(encoding="utf-8")
        code = replace_once(code, old, new, where) if path.stem == where else code
        (folder / name / path.name).write_text(code.replace(right.__name__, name), encoding="utf-8")
    sys.path.append(str(folder))
    return name
