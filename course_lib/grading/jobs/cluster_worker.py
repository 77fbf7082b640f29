"""What runs in the workers of a cluster: the pool that each keeps, and one job after another."""

import platform
import signal
import threading
from contextlib import ExitStack
from typing import Any

from distributed import WorkerPlugin

import course_lib
from course_lib.grading.jobs.process import Job, Outcome, Task, watched
from course_lib.grading.own_source import own_source

_pools: dict[str, tuple[ExitStack, Any]] = {}  # of a worker's process, by run
_one_at_a_time = threading.Lock()


class WrongVersion(RuntimeError):
    """A worker would grade by other code than the grader's."""


class Pools(WorkerPlugin):
    """Close a run's pool where the run or the worker ends."""

    def __init__(self, run: str, local: bool):
        self.name, self.run, self.local = self.name_of(run), run, local

    @staticmethod
    def name_of(run: str) -> str:
        """Return the plugin's name."""
        return f"course-pools-{run}"

    def setup(self, worker) -> None:
        """Leave Ctrl-C to the grader: the terminal sends it to all processes."""
        if self.local:
            signal.signal(signal.SIGINT, lambda *_: None)

    def teardown(self, worker) -> None:
        """Close the pool."""
        stack, _ = _pools.pop(self.run, (ExitStack(), None))
        stack.close()


def graded(task: Task, job: Job, run: str, expected: str | None) -> Outcome:
    """Grade a submission in a worker, with the pool that its process keeps for the run."""
    if expected not in (None, fingerprint()):  # it may have come after the grader looked
        raise WrongVersion(other_code(expected, fingerprint(), platform.node()))
    with _one_at_a_time:
        if run not in _pools:
            stack = ExitStack()
            _pools[run] = stack, stack.enter_context(task.make_pool())
        return watched(task, job, _pools[run][1])


def fingerprint() -> str:
    """Return version and digest of the package that this process grades by."""
    return f"course_lib {course_lib.__version__} ({own_source()[:16]})"


def other_code(expected: str, answer: Any, worker: str) -> str:
    """Say that a worker has another package than the grader."""
    if isinstance(answer, Exception):
        answer = f"{type(answer).__name__}: {answer}"
    return (
        f"expected {expected} on the worker {worker}, got {answer}; install the grader's version "
        "of course_lib there and start the worker again"
    )
