"""What runs in the process that looks at launches: of which variant of a kernel, on which device.

Nothing is compiled and nothing runs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import torch
from triton_compiler import AbsentGPU, Case, arguments_of, forward_and_back


def variants(cases: Sequence[Case]) -> Counter:
    """Count the variants of each kernel that Triton would compile for these cases."""
    from triton import knobs
    from triton.runtime import driver

    seen = set()

    def refuse(*, key, fn, **_):
        """Note the key under which Triton would keep what it is about to compile."""
        seen.add((fn.name, key))
        return True

    driver.set_active(AbsentGPU(90, device=0))
    with many_multiprocessors(), knobs.runtime.scope():
        knobs.runtime.jit_cache_hook = refuse
        for case in cases:
            forward_and_back(case)(**arguments_of(case))
    return Counter(name for name, _ in seen)


def devices(case: Case) -> tuple[set[int], int]:
    """Return which devices are current at the launches for tensors on cuda:1, and which after."""
    import triton

    found = set()
    with many_multiprocessors(), on_fake_gpus() as current:

        def note(kernel, *args, **options):
            found.add(current[0])

        with mock.patch.object(triton.JITFunction, "run", note):
            forward_and_back(case)(**arguments_of(case, "cuda:1"))
    return found, current[0]


def apart(case: Case, name: str, device: str) -> None:
    """Call with everything on cuda:0 but the named tensor of one number."""
    with on_fake_gpus():
        arguments = {**arguments_of(case, "cuda:0"), name: torch.empty((), device=device)}
        forward_and_back(case)(**arguments)


@contextmanager
def on_fake_gpus() -> Iterator[list[int]]:
    """Let tensors be on GPUs that are not there; give the number of the current one."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    current = [0]

    def exchange(index: int) -> int:
        before, current[0] = current[0], index
        return before

    fakes = {"_exchange_device": exchange, "_maybe_exchange_device": exchange}
    with FakeTensorMode(), mock.patch.multiple(torch.cuda, **fakes):
        yield current


@contextmanager
def many_multiprocessors() -> Iterator[None]:
    """Let the absent GPU have some."""
    from course_lib.triton_kernels import tiles

    with mock.patch.object(tiles, "multiprocessors", return_value=100):
        yield
