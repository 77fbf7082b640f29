"""A judge that does what the submission says, so that the jobs around it can be tested.

A submission is JSON: `score`, and what to do before it is given: `seconds` to take, `die` for the
process to be killed, `die_once` and `wait_for` naming files in `folder`, `fault` for an exception.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from course_lib.grading.judge.sandbox import NoSandbox

SEED = b"the instructor's secret"


LONGEST_WAIT = 30
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows the latter kills at once
FAULTS = {
    "error": ZeroDivisionError,
    "exit": SystemExit,
    "no sandbox": NoSandbox,
    "ctrl-c": KeyboardInterrupt,
}


class Question(NamedTuple):
    """A cell of an assignment, as far as jobs look at it."""

    grade_id: str
    points: float


class Assignment(NamedTuple):
    """An assignment, as far as jobs look at it; the real one imports all of nbgrader."""

    name: str
    digest: str
    questions: tuple[Question, ...] = (Question("check_one", 4.0),)
    max_score: float = 4.0


ASSIGNMENT = Assignment("layer", "digest")


class Found(NamedTuple):
    """What `collect` yields."""

    student: str
    assignment: str
    raw: bytes | None
    problem: str = ""
    late: bool = False


class Pool:
    """Tells in the folder when it is opened and closed."""

    def __init__(self, *, sandbox, limits):
        self.sandbox, self.folder = sandbox, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.folder:
            tell(self.folder, "closed")


def submission(folder, **what):
    return json.dumps({"folder": str(folder), "score": 1.0, **what}).encode()


def class_of(folder, size, **what):
    """Return the submissions of so many students, each of its own score."""
    return [
        Found(f"student{number}", "layer", submission(folder, score=number / 8, **what))
        for number in range(size)
    ]


def grade(assignment, raw, seed, pool):
    """Obey the submission."""
    todo = json.loads(raw)
    folder = Path(todo["folder"])
    if pool.folder is None:
        tell(folder, "opened")
        pool.folder = folder
    tell(folder, f"graded {todo['score']}")
    start = time.monotonic()
    if "wait_for" in todo:
        tell(folder, f"waits {os.getpid()}")
    while "wait_for" in todo and not (folder / todo["wait_for"]).exists():
        if time.monotonic() > start + LONGEST_WAIT:  # the test has failed and is gone
            break
        time.sleep(0.01)
    time.sleep(todo.get("seconds", 0))
    once = folder / todo.get("die_once", "nothing")
    if "die" in todo or ("die_once" in todo and not once.exists()):
        once.touch()
        os.kill(os.getpid(), KILL)
    if "fault" in todo:
        raise FAULTS[todo["fault"]]
    return {
        "assignment": assignment.name,
        "status": "GRADED",
        "reason": "" if seed == SEED else "another seed",
        "score": float("nan") if todo.get("nan") else todo["score"],
        "max_score": assignment.max_score,
        "seconds": time.monotonic() - start,
        "sandbox": pool.sandbox,
        "questions": [],
    }


def tell(folder, line):
    with open(Path(folder) / "told", "ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


def told(folder, start):
    """Return what was told that begins so, in order."""
    path = Path(folder) / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.removeprefix(f"{start} ") for line in lines if line.startswith(start)]
