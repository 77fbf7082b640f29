"""The real judge in jobs: the same points in this process and in others."""

from pathlib import Path

import pytest
from stand_in_judge import Found

from course_lib.grading.assignment import load_assignment
from course_lib.grading.jobs.jobs import run_jobs

ROOT = Path(__file__).parent.parent
NAME = "batch_norm"


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Grade solution, unsolved exercise and a file that is none, by number of processes.

    It is the course's own code, which needs no sandbox.
    """
    assignment = load_assignment(ROOT, NAME)
    found = [
        Found(folder, NAME, (ROOT / folder / NAME / f"{NAME}.ipynb").read_bytes())
        for folder in ("solutions", "exercises")
    ]
    found.append(Found("torn", NAME, found[0].raw[:-100]))
    return {
        workers: {
            result["student"]: result | {"seconds": 0}
            for result in run_jobs(
                found,
                {NAME: assignment},
                tmp_path_factory.mktemp("judge"),
                seed=b"secret",
                sandbox=False,
                workers=workers,
            )
        }
        for workers in (1, 2)
    }


def test_judge_gives_the_same_in_other_processes(scores):
    assert scores[2] == scores[1]


@pytest.mark.parametrize(
    ("student", "status", "share"),
    [("solutions", "GRADED", 1.0), ("exercises", "GRADED", 0.0), ("torn", "INVALID", None)],
)
def test_judge_gives_what_is_deserved(scores, student, status, share):
    result = scores[2][student]
    deserved = None if share is None else share * result["max_score"]
    assert (result["status"], result["score"]) == (status, deserved)
