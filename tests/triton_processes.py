"""Processes for Triton: when it is imported it decides, once, whether it interprets kernels.

A worker of pytest may have imported it already, so what runs a kernel runs elsewhere.
"""

import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pytest

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton has no wheel for this system"
)


@contextmanager
def triton_process(*, interpret: bool, cache: str | None = None) -> Iterator[ProcessPoolExecutor]:
    """Give a process that interprets kernels, or one that compiles them into the folder `cache`."""
    settings = {"TRITON_INTERPRET": "1"} if interpret else {"TRITON_CACHE_DIR": cache}
    context = get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_set, initargs=(settings,)) as process:
        yield process


def _set(settings: dict[str, str]) -> None:
    """Settle the environment before anything imports triton."""
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ.update(settings)
