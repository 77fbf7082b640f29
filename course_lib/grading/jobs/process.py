"""Run one job in this process, or in a process apart that may die of it."""

import faulthandler
import json
import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from course_lib.grading.judge.sandbox import NoSandbox

if TYPE_CHECKING:  # it needs nbgrader, whose import takes a worker longer than many jobs
    from course_lib.grading.assignment import Assignment

JUDGE_DIED = (
    "The judge died each time it graded this submission, so it has no score; the instructor must "
    "look at it."
)
JUDGE_FAILED = (
    "The judge itself failed on this submission ({error}), so it has no score; that is a fault of "
    "the course, and the instructor must look at it."
)
MAIN_GUARD = (
    "expected a process for the jobs to start, got none; a script that grades must do so below "
    "`if __name__ == '__main__':`, since each such process imports it again"
)


class ClusterError(RuntimeError):
    """The processes that should grade cannot be had, or are not fit for it."""


class Job(NamedTuple):
    """One submission to grade; the key names all that the result depends on."""

    key: str
    assignment: "Assignment"
    raw: bytes


class Outcome(NamedTuple):
    """What came of a job; `fault` is the traceback where the judge itself failed."""

    result: dict
    fault: str = ""


class Done(NamedTuple):
    """A job at its end; without an outcome its process died."""

    key: str
    outcome: Outcome | None


class Task(NamedTuple):
    """What all jobs of a run share.

    `grade` gets assignment, submission, seed and what `make_pool` entered: a context manager that
    each process opens once and keeps. After `limit` seconds on one job a process that was started
    for the jobs kills itself, whatever it waits for.
    """

    grade: Callable[["Assignment", bytes, bytes, Any], dict]
    make_pool: Callable[[], AbstractContextManager]
    seed: bytes
    sandbox: bool
    limit: float


class Here:
    """Jobs in this process, one at a time, and those apart that may have killed one before."""

    place = "here"
    capacity = 1

    def __init__(self, task: Task):
        self._task, self._done = task, deque[Done]()
        self._stack, self._pool = ExitStack(), None

    def submit(self, job: Job, apart: bool) -> None:
        """Grade."""
        if apart:
            outcome = judged_apart(self._task, job)
        else:
            self._pool = self._pool or self._stack.enter_context(self._task.make_pool())
            outcome = judged(self._task, job, self._pool)
        self._done.append(Done(job.key, outcome))

    def collect(self, below: int) -> Iterator[Done]:
        """Yield what is graded."""
        while self._done:
            yield self._done.popleft()

    def close(self) -> None:
        """End the pool."""
        self._stack.close()


def judged(task: Task, job: Job, pool: Any) -> Outcome:
    """Grade one submission; what goes wrong with the judge becomes the result CRASH."""
    try:
        result = task.grade(job.assignment, job.raw, task.seed, pool)
        return Outcome(json.loads(json.dumps(result, allow_nan=False)))
    except (KeyboardInterrupt, NoSandbox):
        raise
    except BaseException as error:  # SystemExit too: one submission must not end the batch
        reason = JUDGE_FAILED.format(error=type(error).__name__)
        return Outcome(ungraded(task, job.assignment, "CRASH", reason), traceback.format_exc())


def watched(task: Task, job: Job, pool: Any) -> Outcome:
    """Grade in a process that was started for it: one that hangs ends."""
    faulthandler.dump_traceback_later(task.limit, exit=True)
    try:
        return judged(task, job, pool)
    finally:
        faulthandler.cancel_dump_traceback_later()


def ungraded(task: Task, assignment: "Assignment | None", status: str, reason: str) -> dict:
    """Return the result of a submission that nobody could judge: no score, which is not 0."""
    crashed = assignment.questions if assignment is not None and status == "CRASH" else []
    return {
        "status": status,
        "reason": reason,
        "score": None,
        "max_score": None if assignment is None else assignment.max_score,
        "seconds": 0.0,
        "sandbox": task.sandbox,
        "questions": [
            {"id": test.grade_id, "score": None, "max_score": test.points, "status": status,
             "hint": "", "report": ""}
            for test in crashed
        ],
    }  # fmt: skip


def judged_apart(task: Task, job: Job) -> Outcome | None:
    """Grade in a fresh process; return None if that dies."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_apart, args=(theirs, task, job))
    child.start()
    theirs.close()
    started = False
    try:
        started = ours.recv()
        answer = ours.recv()
    except (EOFError, ConnectionResetError):
        if not started:
            raise ClusterError(MAIN_GUARD) from None
        return None
    finally:
        ours.close()
        child.kill()  # its pool is closed before it answers
        child.join()
    if isinstance(answer, NoSandbox):
        raise answer
    return answer


def _apart(connection: Connection, task: Task, job: Job) -> None:
    """Be the process apart: say that it runs, then what came of the job."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the grader, which kills this one
    connection.send(True)
    try:
        with task.make_pool() as pool:
            answer = watched(task, job, pool)
    except NoSandbox as error:
        answer = error
    connection.send(answer)
