"""Bound the judge's own memory: what a learner returns must not make it take the machine's."""

import contextlib
from collections.abc import Iterator

MORE = 2 << 30  # bytes beyond what the process holds at the start; a right answer takes a hundredth


@contextlib.contextmanager
def limited_memory(more: int = MORE) -> Iterator[None]:
    """Let the process take at most `more` bytes of data; beyond, Python raises MemoryError.

    Where the system has no such limit, nothing happens.
    """
    try:
        import resource

        with open("/proc/self/statm") as file:
            held = int(file.read().split()[5]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    # Data, not address space: CUDA's libraries alone take many gigabytes of that.
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held + more
    if soft != resource.RLIM_INFINITY:
        wanted = min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
