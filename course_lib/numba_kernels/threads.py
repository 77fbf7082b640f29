"""Rows are shared among as many threads as torch has been given."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

LEAST = 2**17  # values a thread; fewer are done before another thread has woken up


def shares(rows: int, values: int) -> list[tuple[int, int]]:
    """Cut `rows` rows of `values` values in all into a first and a last row for each thread."""
    threads = max(1, min(torch.get_num_threads(), values // LEAST, rows))
    return [(rows * i // threads, rows * (i + 1) // threads) for i in range(threads)]


def run(loop: Callable, parts: list[tuple]) -> None:
    """Call the loop with the arguments of each part, all at the same time."""
    waiting = [_pool(os.getpid(), len(parts)).submit(loop, *part) for part in parts[1:]]
    loop(*parts[0])
    for future in waiting:
        future.result()


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Return the threads of this process: a fork has none of its parent's."""
    return ThreadPoolExecutor(threads, "course_lib")
