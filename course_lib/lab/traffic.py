"""How many bytes a computation asks of the memory: each torch operation, or a Triton kernel."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Traffic(NamedTuple):
    """What one operation or kernel reads and writes, in bytes."""

    name: str
    read: int
    written: int


def operation_traffic(compute: Callable[[], Any]) -> list[Traffic]:
    """Return what each torch operation of `compute()` reads and writes, views left out.

    An operand counts once however often it is used, and a broadcast one at its own size; an
    operation is taken to find nothing in a cache and to write its whole result.
    """
    with _Counter() as counter:
        compute()
    return counter.found


class _Counter(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.found: list[Traffic] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        returned = operation._schema.returns
        if any(value.alias_info and not value.alias_info.is_write for value in returned):
            return result  # a view: nothing is moved
        read = {_place(value) for value in args if isinstance(value, Tensor)}
        results = result if isinstance(result, tuple | list) else (result,)
        written = {_place(value) for value in results if isinstance(value, Tensor)}
        name = operation._schema.name.removeprefix("aten::").removesuffix("_")
        self.found.append(Traffic(name, *(sum(b for *_, b in side) for side in (read, written))))
        return result


def _place(value: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
    """Return where a tensor lies, and the bytes of it that are there."""
    kept = (size for size, stride in zip(value.shape, value.stride(), strict=True) if stride)
    return (
        value.data_ptr(),
        tuple(value.shape),
        value.stride(),
        math.prod(kept) * value.element_size(),
    )


def kernel_traffic(launch: Callable[[], Any], name: str = "kernel") -> Traffic:
    """Return what the programs that `launch()` runs in Triton's interpreter load and store.

    Lanes that a mask switches off move nothing.

    Raises
    ------
    ImportError
        Where triton is not installed.
    ValueError
        If no program ran in the interpreter, as without TRITON_INTERPRET=1.
    """
    from triton.runtime.interpreter import InterpreterBuilder as Builder

    load, store, moved = Builder.create_masked_load, Builder.create_masked_store, [0, 0]

    def counted_load(self, pointers, mask, *rest):
        result = load(self, pointers, mask, *rest)
        moved[0] += int(mask.data.sum()) * result.data.itemsize
        return result

    def counted_store(self, pointers, value, mask, *rest):
        moved[1] += int(mask.data.sum()) * value.data.itemsize
        return store(self, pointers, value, mask, *rest)

    Builder.create_masked_load, Builder.create_masked_store = counted_load, counted_store
    try:
        launch()
    finally:
        Builder.create_masked_load, Builder.create_masked_store = load, store
    if moved == [0, 0]:
        raise ValueError(
            "expected a launch that runs in the interpreter, got none; set TRITON_INTERPRET=1 "
            "before triton is imported"
        )
    return Traffic(name, *moved)
