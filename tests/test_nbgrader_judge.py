"""nbgrader's own autograde, with our judge in the place of its execute step."""

import json
import os

import nbformat
import pytest
from judged import result
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from notebooks import ROOT, answers
from submissions import SEED, assignment, locked_pool, submission, unsolved
from traitlets.config import PyFileConfigLoader

from course_lib.grading.gradebook import nbgrader_judge
from course_lib.grading.gradebook.autograded import write_settings
from course_lib.grading.gradebook.gradebook import import_results
from course_lib.grading.judge.judge import grade

# nbgrader's own add_submission makes SQLAlchemy 2 warn; the row is added all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning")
EXERCISE = assignment("batch_norm")
HALF = ("channel_statistics", "normalize", "update_running")  # 3, 4 and 2 of 18 points
FORGERY = """
import builtins, sys
from course_lib import grading
grading.check = check = lambda *_, **__: 18.0
sys.modules["course_lib.grading.check"].check = check
builtins.AssertionError = type("Kind", (Exception,), {})
get_ipython().input_transformers_cleanup.append(lambda lines: ["18.0"])
"""
pool = pytest.fixture(scope="module")(locked_pool)


@pytest.fixture
def course(tmp_path, monkeypatch, pool):
    """A folder of results whose gradebook knows the exercise; no kernel may start."""
    monkeypatch.setattr(nbgrader_judge, "_pool", lambda sandbox: pool)
    monkeypatch.setattr(Execute, "preprocess", lambda *_: pytest.fail("a kernel would start"))
    (tmp_path / "seed").write_bytes(SEED)
    write_settings(tmp_path, ROOT)
    import_results([result(EXERCISE, "someone")], {"batch_norm": EXERCISE}, tmp_path)
    return tmp_path


@pytest.fixture
def autograde(course):
    """Return a function that hands in a notebook and calls what formgrader's button calls."""

    def run(raw, student="ada"):
        path = course / "submitted" / student / "batch_norm/batch_norm.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        return api.autograde("batch_norm", student)

    return run


def submitted(course, student="ada"):
    """Return a student's row in the gradebook."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        rows = book.submission_dicts("batch_norm")
    return next((row for row in rows if row["student"] == student), None)


def half_solved():
    rest = answers(nbformat.reads(unsolved("batch_norm"), as_version=4))
    return submission("batch_norm", {key: rest[key] for key in rest.keys() - set(HALF)})


def forged():
    work = nbformat.reads(unsolved("batch_norm"), as_version=4)
    work.cells[1:1] = [nbformat.v4.new_code_cell(FORGERY)]
    for cell in work.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "18.0"
            cell.metadata.nbgrader.points = 1000
            cell.metadata.tags = ["skip-execution"]
    return nbformat.writes(work).encode()


@pytest.mark.parametrize(
    ("make", "score"),
    [(lambda: submission("batch_norm"), 18.0), (half_solved, 9.0), (forged, 0.0)],
    ids=["solved", "half solved", "forged"],
)
def test_nbgraders_autograde_gives_the_judges_score(course, autograde, pool, make, score):
    done = autograde(make())
    assert done["success"], done.get("log")
    judged = grade(EXERCISE, make(), SEED, pool)
    assert submitted(course)["score"] == judged["score"] == score
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        (work,) = book.find_submission("batch_norm", "ada").notebooks
        found = {one.name: one.auto_score for one in work.grades}
    assert found == {question["id"]: question["score"] for question in judged["questions"]}
    assert (course / "autograded/ada/batch_norm/batch_norm.ipynb").exists()


def test_metadata_on_which_nbgrader_stumbles_costs_nothing(course, autograde):
    work = nbformat.reads(submission("batch_norm"), as_version=4)
    work.cells[0].metadata.nbgrader = "forged"
    assert autograde(nbformat.writes(work).encode())["success"]
    assert submitted(course)["score"] == 18.0


def test_what_is_no_notebook_is_reported_and_gets_no_zero(course, autograde):
    done = autograde(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    )
    assert not done["success"]
    assert "INVALID, no score: expected answers to batch_norm" in done["log"]
    assert submitted(course) is None


def test_a_file_that_nbgrader_cannot_read_gets_no_score(course, autograde):
    assert not autograde(b"{")["success"]
    row = submitted(course)
    assert row is None or row["needs_manual_grade"]


def test_a_manual_score_survives_nbgraders_regrade(course, autograde):
    autograde(half_solved())
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        one = book.find_grade("check_evaluate", "batch_norm", "batch_norm", "ada")
        one.manual_score = 1.5
        book.db.commit()
    assert autograde(submission("batch_norm"))["success"]
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        one = book.find_grade("check_evaluate", "batch_norm", "batch_norm", "ada")
        assert (one.auto_score, one.manual_score, one.score) == (2.0, 1.5, 1.5)
        assert one.needs_manual_grade


def test_the_files_for_machines_say_the_same(course, autograde):
    path = course / "results/ada/batch_norm.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result(EXERCISE) | {"late": True}), encoding="utf-8")
    autograde(half_solved())
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["score"], found["student"], found["late"]) == (9.0, "ada", True)


def test_without_the_secret_nothing_is_graded(course, autograde):
    os.remove(course / "seed")
    done = autograde(submission("batch_norm"))
    assert not done["success"]
    assert "expected the secret of `course grade`" in done["log"]
