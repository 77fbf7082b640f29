"""A norm as one node of autograd's graph, whose forward and backward pass are written out.

Autograd keeps every intermediate result of the plain operations and reads it again. Where nothing
but plain eager mode is going on, a layer hands its tensors to `fused` instead: on a CPU its passes
are the compiled loops of `course_lib.numba_kernels`, on a GPU the kernels of
`course_lib.triton_kernels`. Under torch.compile, torch.func, forward AD and tracing, for tensors of
other kinds and in a second derivative the layer's plain operations run.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
DENSE = torch._C.DispatchKey.Dense
SMALLEST = 2**16  # values; below, all that the plain operations make stays in the cache too
SHORTEST = 16  # positions, or channels where these are last; a loop works along them
IN_ROWS = ("layer_norm", "rms_norm", "add_rms_norm")
IN_GROUPS = ("group_norm", "batch_norm")


class Passes(NamedTuple):
    """The two passes of a norm, without autograd.

    `forward` returns the outputs, then a NamedTuple of tensors or None; `backward` takes the
    gradients of the outputs, then this tuple, and returns the gradients of the tensors.
    """

    forward: Callable
    backward: Callable


def passes_of(name: str, eps: float, x: Tensor, *others: Tensor | None) -> Passes | None:
    """Return the written passes of a norm, or None where its plain operations must do.

    Parameters
    ----------
    name : str
        Of the function, in a file of `numba_kernels` or of `triton_kernels`.
    eps : float
        Drop-ins take what torch's take; the kernels do not.
    x, *others : tensors, or None
        All that the norm reads or moves.
    """
    tensors = [x, *(value for value in others if value is not None)]
    if not is_plain_eager(tensors) or not 0 <= eps < math.inf or x.numel() == 0:
        return None
    package = "triton_kernels" if _on_gpu(x) else "numba_kernels"
    take = _kernels_take if _on_gpu(x) else _loops_take
    if not take(name, tensors) or not (module := _imported(package, name.removeprefix("add_"))):
        return None
    backward = getattr(module, f"{name}_backward")
    return Passes(getattr(module, name), _of_sum(backward) if name == "add_rms_norm" else backward)


def _on_gpu(x: Tensor) -> bool:
    """Tell whether kernels run on the device of `x`; a test lets Triton's interpreter say yes."""
    return x.is_cuda


def _of_sum(backward: Callable) -> Callable:
    """Return a backward pass that hands the gradient of a sum to both of its parts."""

    def of_both(*arguments: Any) -> tuple[Tensor | None, ...]:
        dx, *others = backward(*arguments)
        return dx, dx, *others

    return of_both


def is_plain_eager(tensors: Sequence[Tensor]) -> bool:
    """Tell whether these are tensors as such, and nobody watches what is done to them."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if torch._C._are_functorch_transforms_active() or torch._C._len_torch_dispatch_stack():
        return False
    device, dual = tensors[0].device, forward_ad._current_level >= 0
    for value in tensors:
        if type(value) not in (Tensor, nn.Parameter) or value.dtype not in FLOATS:
            return False
        if value.device != device or not torch._C._dispatch_keys(value).has(DENSE):
            return False  # the second are batched gradients
        if dual and forward_ad.unpack_dual(value).tangent is not None:
            return False
    return True


def _loops_take(name: str, tensors: list[Tensor]) -> bool:
    """Tell whether loops on the CPU are right, and faster than the plain operations."""
    x, *others = tensors
    wide = torch.promote_types(x.dtype, torch.float32)
    return (
        x.device.type == "cpu"
        and x.numel() >= SMALLEST
        and name in IN_ROWS + IN_GROUPS
        and _has_no_gaps(name, x)
        and (name in IN_ROWS or _innermost(x) >= SHORTEST)
        and all(torch.promote_types(value.dtype, wide) == wide for value in others)
    )


def _innermost(x: Tensor) -> int:
    """Return how many values of x (n, c, *s) stand side by side: positions, or channels."""
    channels_first = x.ndim > 2 and x.is_contiguous()
    return math.prod(x.shape[2:]) if channels_first else x.shape[1]


def _kernels_take(name: str, tensors: list[Tensor]) -> bool:
    """Tell whether the kernels know these precisions, and keep the layout of the memory."""
    known = all(value.dtype != torch.float64 for value in tensors)
    return known and _has_no_gaps(name, tensors[0])


def _has_no_gaps(name: str, x: Tensor) -> bool:
    """Tell whether x fills its memory, with channels first or, in groups of them, last."""
    layouts = [torch.contiguous_format]
    if name in IN_GROUPS:
        layouts += {4: [torch.channels_last], 5: [torch.channels_last_3d]}.get(x.ndim, [])
    return any(x.is_contiguous(memory_format=layout) for layout in layouts)


@cache
def _imported(package: str, file: str) -> ModuleType | None:
    """Return the file of a kernel, or None where Triton or numba is not installed."""
    try:
        return import_module(f"course_lib.{package}.{file}")
    except ImportError:
        return None


def fused(
    passes: Passes, plain: Callable, options: dict[str, Any], **tensors: Tensor | None
) -> Tensor | tuple[Tensor, ...]:
    """Return the outputs of `passes.forward`, called with the named tensors and options.

    `plain`, which takes the tensors in this order, computes the same by operations that autograd
    knows: a second derivative goes through it.
    """
    return _Fused.apply(passes, plain, options, tuple(tensors), *tensors.values())


class _Fused(torch.autograd.Function):
    """A norm by its `Passes`."""

    @staticmethod
    def forward(
        ctx: Any,
        passes: Passes,
        plain: Callable,
        options: dict[str, Any],
        names: tuple[str, ...],
        *tensors: Tensor | None,
    ) -> Tensor | tuple[Tensor, ...]:
        *outputs, saved = passes.forward(**dict(zip(names, tensors, strict=True)), **options)
        ctx.save_for_backward(*tensors, *saved)
        ctx.passes, ctx.plain, ctx.kind, ctx.count = passes, plain, type(saved), len(tensors)
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        everything = ctx.saved_tensors  # once: a checkpoint computes them anew each time
        tensors, saved = everything[: ctx.count], everything[ctx.count :]
        if torch.is_grad_enabled() or not is_plain_eager(gradients):
            return *(None,) * 4, *_plain_backward(ctx, tensors, gradients)
        return *(None,) * 4, *ctx.passes.backward(*gradients, ctx.kind(*saved))


def _plain_backward(ctx: Any, tensors: tuple, gradients: tuple) -> list[Tensor | None]:
    """Return gradients that can themselves be differentiated, or mapped over by vmap."""
    create_graph, needed = torch.is_grad_enabled(), ctx.needs_input_grad[4:]
    wanted = [value for value, need in zip(tensors, needed, strict=True) if need]
    with torch.enable_grad():
        outputs = ctx.plain(*tensors)
    found = iter(torch.autograd.grad(outputs, wanted, gradients, create_graph=create_graph))
    return [next(found) if need else None for need in needed]
