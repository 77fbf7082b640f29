"""The exercises: derived from the solutions, whole, and gradable by nbgrader itself."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps import NbGraderAPI
from nbgrader.validator import Validator
from notebooks import EXERCISES, ROOT, SOLUTIONS, answered, answers, checks, read, write
from traitlets.config import Config, PyFileConfigLoader

from course_lib.grading.check import CheckFailed, check
from course_lib.grading.examine import Criterion, total
from course_lib.grading.release import UnfinishedWork, drift, has_answers, release

NAMES = [path.stem for path in SOLUTIONS]


@pytest.fixture
def course(tmp_path):
    """A copy of what release and nbgrader need, in a folder of its own."""
    for folder in ("solutions", "exercises"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    return tmp_path


def test_exercises_are_what_the_solutions_give_now():
    assert NAMES
    assert drift(ROOT) == [], "run `make exercises`"


def test_release_writes_the_same_bytes_twice(course):
    shutil.rmtree(course / "exercises")
    first = {path: path.read_bytes() for path in release(course)}
    assert len(first) == len(NAMES)
    shutil.rmtree(course / "exercises")
    assert {path: path.read_bytes() for path in release(course)} == first


def test_release_keeps_a_learners_answers(course):
    path = write(answered("batch_norm"), course / "exercises/batch_norm/batch_norm.ipynb")
    before = path.read_bytes()
    with pytest.raises(UnfinishedWork, match=r"batch_norm\.ipynb.*--force"):
        release(course)
    assert path.read_bytes() == before
    assert release(course, force=True) == [path]
    assert not has_answers(path)


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_exercise_shows_no_answer_and_no_hidden_test(path):
    text = path.read_text(encoding="utf-8")
    assert "YOUR CODE HERE" in text
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)|hidden=True", text)


@pytest.mark.parametrize("name", NAMES)
def test_each_question_has_one_check_with_its_points(name):
    module = importlib.import_module(f"course_lib.grading.checks.{name}")
    questions = {
        question: total(value)
        for question, value in vars(module).items()
        if isinstance(value, tuple) and value and isinstance(value[0], Criterion)
    }
    cells = checks(read(ROOT / "exercises" / name / f"{name}.ipynb"))
    stated = {
        cell.metadata.nbgrader.grade_id.removeprefix("check_"): cell.metadata.nbgrader.points
        for cell in cells
    }
    assert stated == questions
    assert len(cells) == len(stated) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_hidden_test_repeats_the_visible_one(name):
    for cell in checks(read(ROOT / "solutions" / name / f"{name}.ipynb")):
        visible, begin, hidden, end = cell.source.splitlines()
        assert (begin, end) == ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
        assert hidden == visible.removesuffix(")") + ", hidden=True)"


@pytest.mark.parametrize("name", NAMES)
def test_exercise_and_solution_have_titles_of_their_own(name):
    titles = [
        read(ROOT / folder / name / f"{name}.ipynb").cells[0].source.splitlines()[0]
        for folder in ("exercises", "solutions")
    ]
    assert titles[0].startswith("# Exercise: ")
    assert titles[1] == titles[0].replace("Exercise", "Solution")


@pytest.mark.parametrize("name", NAMES)
def test_unsolved_check_lets_run_all_go_on(name):
    for cell in checks(read(ROOT / "exercises" / name / f"{name}.ipynb")):
        assert cell.metadata.tags == ["raises-exception"]


@pytest.mark.parametrize(
    ("folder", "solved", "words"),
    [
        ("exercises", True, "expected CheckFailed, since the task is unsolved"),
        ("solutions", False, "points for the solution"),
    ],
)
def test_nbval_refuses_a_check_that_breaks_its_folders_promise(tmp_path, folder, solved, words):
    notebook = answered("batch_norm", None if solved else {})
    write(notebook, tmp_path / folder / "batch_norm" / "batch_norm.ipynb")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [*command, folder], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    failed = len(checks(notebook))
    assert run.returncode == 1
    assert words in run.stdout
    assert f"{failed} failed" in run.stdout


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
def test_nbgrader_releases_validates_and_grades(course, monkeypatch):
    monkeypatch.chdir(course)
    # nbgrader calls its database tool by name, as in an activated environment.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    api = NbGraderAPI(config=config)
    assert api.generate_assignment("batch_norm", force=True)["success"]
    assert drift(course) == []

    solution = answers(read(ROOT / "solutions/batch_norm/batch_norm.ipynb"))
    biased = solution["update_running"].replace("* m / (m - 1)", "")
    half = {**solution, "normalize": "def normalize(x, weight, bias, eps):\n    return x"}
    given = {
        "solved": None,
        "blank": {},
        "biased": {**solution, "update_running": biased},
        "half": half,
    }
    for student, cells in given.items():
        folder = course / "submitted" / student / "batch_norm"
        write(answered("batch_norm", cells), folder / "batch_norm.ipynb")
        assert api.autograde("batch_norm", student)["success"]
    scores = {s["student"]: s["score"] for s in api.get_submissions("batch_norm")}
    # Without Bessel's factor the memory is wrong in tasks 3, 5 and in training in 7.
    assert scores == {"solved": 18, "blank": 0, "biased": 18 - 2 - 2 - 1, "half": 18 - 4 - 1}


@pytest.mark.parametrize("solved", [True, False])
def test_nbgrader_validates_a_submission(tmp_path, solved):
    path = write(answered("batch_norm", None if solved else {}), tmp_path / "batch_norm.ipynb")
    found = Validator().validate(str(path))
    assert len(found.get("failed", [])) == (0 if solved else 7)


def test_run_page_shows_a_report_that_a_check_prints(capsys):
    shown = re.search(
        r"```text\n(batch_norm\.update_running.*?)```",
        (ROOT / "book/run.md").read_text(encoding="utf-8"),
        re.S,
    )

    def batch_alone(running_mean, running_var, x, momentum):
        axes, m = (0, *range(2, x.ndim)), len(x)
        running_mean += momentum * (x.mean(axes) - running_mean)
        running_var += momentum * (x.var(axes) * m / (m - 1) - running_var)

    try:
        check("batch_norm.update_running", batch_alone)
    except CheckFailed as error:
        pytest.fail(f"expected partial credit, got {error}")
    assert capsys.readouterr().out == shown[1]


def test_solution_notebooks_are_valid():
    for path in SOLUTIONS:
        nbformat.validate(read(path))
    assert SOLUTIONS
