"""Submissions for tests: what a learner would hand in, honest or not."""

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from notebooks import ROOT, answered, answers, read

from course_lib.grading.assignment import Assignment, load_assignment
from course_lib.grading.judge.pool import Limits, Pool
from course_lib.grading.judge.sandbox import NoSandbox, Zygote

SEED = b"the instructor's"
LIMITS = Limits(cell=2.0, notebook=40.0)  # a starved worker gets five times as much


@functools.cache
def assignment(name: str, overlay: Path | None = None) -> Assignment:
    return load_assignment(ROOT, name, overlay)


def solution(name: str) -> dict[str, str]:
    """Return the right answers by id."""
    return answers(read(ROOT / "solutions" / name / f"{name}.ipynb"))


def notebook(
    name: str, given: Mapping[str, str] | None = None, extra: Sequence[str] = ()
) -> NotebookNode:
    """Return a solved exercise with some answers replaced, and cells of one's own at its top."""
    work = answered(name, solution(name) | dict(given or {}))
    work.cells[1:1] = [new_code_cell(source) for source in extra]
    return work


def submission(
    name: str, given: Mapping[str, str] | None = None, extra: Sequence[str] = ()
) -> bytes:
    """Return the bytes of such a notebook."""
    return nbformat.writes(notebook(name, given, extra)).encode()


def unsolved(name: str) -> bytes:
    return (ROOT / "exercises" / name / f"{name}.ipynb").read_bytes()


def locked_pool() -> Iterator[Pool]:
    """Yield warm workers behind a sandbox; without one, skip here and fail in CI."""
    pool = Pool(limits=LIMITS)
    try:
        pool.zygotes["numpy",] = Zygote(("numpy",))
    except NoSandbox as error:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"no sandbox (see apt.txt): {error}")
    with pool:
        yield pool


def scores(result: dict) -> dict[str, float]:
    """Return the points of each question, by its id without the prefix."""
    return {q["id"].removeprefix("check_"): q["score"] for q in result["questions"]}


__all__ = [
    "SEED", "assignment", "locked_pool", "notebook", "scores", "solution",
    "submission", "unsolved",
]  # fmt: skip
