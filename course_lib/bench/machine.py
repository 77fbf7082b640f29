"""What a record must say of its machine, and the memory policy that is the same for all."""

import ctypes
import datetime
import importlib.metadata
import platform
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

PACKAGES = ("numpy", "torch", "triton", "numba", "liger-kernel")
_MMAP_MAX, _TRIM_THRESHOLD, _ARENA_MAX = -4, -1, -8  # glibc's malloc.h
_ADVISE_HUGE_PAGES = 14  # Linux's MADV_HUGEPAGE
KEPT = (
    "NumPy and torch take memory from one heap that malloc never gives back (no mmap, no trim, "
    "one arena), advised to huge pages and touched before the first sample: no sample pays for "
    "fresh pages, and both get the same pages"
)
SYSTEM = "the system's own: fresh pages cost NumPy and torch what they cost each by default"


def keep_memory(megabytes: int) -> str:
    """Give NumPy and torch one allocator for the rest of this process; return what was done.

    NumPy asks for huge pages and torch does not, and blocks past 32 MB go back to the system
    after each call: by default a comparison of the two compares page faults. Elsewhere than on
    glibc nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return SYSTEM
    libc = ctypes.CDLL(None, use_errno=True)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_ARENA_MAX, 1))
    if not all(libc.mallopt(name, value) for name, value in options):
        return SYSTEM
    size = megabytes << 20
    block = libc.malloc(size)
    if not block:
        return SYSTEM
    page = 1 << 21
    start = (block + page - 1) // page * page
    libc.madvise(start, size - page, _ADVISE_HUGE_PAGES)
    ctypes.memset(block, 0, size)
    libc.free(block)
    return KEPT


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Let torch and NumPy's matrix products use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


def cache_bytes(device: str) -> int:
    """Return the size of the largest cache, 32 MiB where the system does not say."""
    if device == "cuda":
        return torch.cuda.get_device_properties(0).L2_cache_size
    sizes = [32 << 20]
    for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        number, unit = re.fullmatch(r"(\d+)([KM])", file.read_text().strip()).groups()
        sizes.append(int(number) << {"K": 10, "M": 20}[unit])
    return max(sizes)


def describe(device: str, threads: tuple[int, ...], allocator: str) -> dict:
    """Return the header of a record: no path and no host name."""
    return {
        "device": torch.cuda.get_device_name(0) if device == "cuda" else _processor(),
        "kind": device,
        "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        if device == "cuda"
        else None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | _versions(),
        "commit": _output("git", "describe", "--always", "--dirty", "--exclude=*"),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "threads": list(threads),
        "cache_bytes": cache_bytes(device),
        "allocator": allocator if device == "cpu" else "torch's caching allocator, for all",
    }


def _versions() -> dict[str, str | None]:
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = None
    return installed


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return name[1] if name else platform.machine()


def _output(*command: str) -> str | None:
    try:
        run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    except OSError:
        return None
    return run.stdout.strip() or None
