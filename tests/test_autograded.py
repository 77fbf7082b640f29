"""The notebooks that formgrader shows: the judge's score, and nothing forged."""

import nbformat
import pytest
from judged import invalid, result
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.api import BaseCell, Gradebook, GradeCell, SourceCell
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import determine_grade, is_grade, is_solution
from notebooks import ROOT, SOLUTIONS, read
from sqlalchemy import make_url, select
from submissions import assignment, notebook, submission, unsolved
from traitlets.config import Config, PyFileConfigLoader

from course_lib.grading.gradebook.autograded import write_autograded, write_settings
from course_lib.grading.gradebook.cells import save_cells
from course_lib.grading.gradebook.database import open_gradebook

EXERCISE = assignment("batch_norm")


@pytest.fixture
def autograded(tmp_path):
    """Return a function that writes the notebook of a submission and reads it back."""

    def run(raw=None, exercise=EXERCISE, **scores):
        raw = submission("batch_norm") if raw is None else raw
        path = write_autograded(result(exercise, **scores), raw, exercise, ROOT, tmp_path)
        assert path == tmp_path / "autograded/ada/batch_norm/batch_norm.ipynb"
        nbformat.validate(nbformat.read(path, as_version=4))
        return read(path)

    return run


def points(notebook):
    """Return what nbgrader reads from the outputs."""
    return {
        cell.metadata.nbgrader.grade_id: determine_grade(cell)
        for cell in notebook.cells
        if is_grade(cell)
    }


def test_nbgrader_reads_exactly_the_judges_scores(autograded):
    scores = {"check_normalize": 0.0, "check_evaluate": 1 / 3, "check_batch_norm": 2.5}
    found = points(autograded(**scores))
    assert found == {
        test.grade_id: (scores.get(test.grade_id, test.points), test.points)
        for test in EXERCISE.questions
    }


def test_it_holds_the_instructors_text_and_tests_and_the_learners_code(autograded):
    work = autograded(submission("batch_norm", {"normalize": "def normalize(): ..."}))
    source = read(ROOT / "solutions/batch_norm/batch_norm.ipynb")
    texts = [cell.source for cell in source.cells if cell.cell_type == "markdown"]
    assert [cell.source for cell in work.cells if cell.cell_type == "markdown"] == texts
    assert len(work.cells) == len(source.cells)
    for cell, wanted in zip(work.cells, source.cells, strict=True):
        if not is_solution(wanted):
            assert cell.source == wanted.source  # hidden tests too: this is the instructor's copy
    assert [c.source for c in work.cells if is_solution(c)][1] == "def normalize(): ..."


def test_of_a_forged_notebook_it_keeps_code_alone(autograded):
    work = notebook("batch_norm")
    forged = {
        "outputs": [new_output("display_data", {"text/html": "<script>forged()</script>"})],
        "metadata": {"tags": ["forged"], "nbgrader": {"points": 1000, "grade_id": "forged"}},
    }
    work.cells.insert(2, new_markdown_cell("forged", attachments={"a.svg": {"image/svg+xml": "x"}}))
    work.cells.insert(3, new_code_cell("helper = 1", **forged))
    for cell in work.cells:
        if is_grade(cell):
            cell.source = "forged"
            cell.outputs = forged["outputs"]
    work.metadata.title = "forged"
    found = autograded(nbformat.writes(work).encode())
    assert "forged" not in nbformat.writes(found)
    assert [cell.source for cell in found.cells].count("helper = 1") == 1


def test_a_deleted_answer_is_shown_as_such_in_its_place(autograded):
    work = notebook("batch_norm")
    work.cells = [c for c in work.cells if c.id not in ("normalize", "batch-norm")]
    found = [cell for cell in autograded(nbformat.writes(work).encode()).cells if is_solution(cell)]
    missing = [c.metadata.nbgrader.grade_id for c in found if "not handed in" in c.source]
    assert missing == ["normalize", "batch_norm"]
    assert len(found) == len(EXERCISE.questions)


def test_a_question_of_the_overlay_stands_at_the_end(autograded, tmp_path):
    source = "from course_lib.grading.checks.batch_norm import normalize\n"
    (tmp_path / "batch_norm.py").write_text(source, encoding="utf-8")
    more = assignment("batch_norm", tmp_path)
    found = autograded(exercise=more, overlay_normalize=1.5)
    assert found.cells[-1].metadata.nbgrader.grade_id == "overlay_normalize"
    assert points(found)["overlay_normalize"] == (1.5, 4.0)


def test_without_a_score_there_is_no_notebook(autograded, tmp_path):
    autograded()
    left = write_autograded(invalid(EXERCISE), b"", EXERCISE, ROOT, tmp_path)
    assert left is None
    assert not list(tmp_path.rglob("*.ipynb"))


@pytest.mark.parametrize("student", ["..", "../eve", "a/b", ""])
def test_no_student_writes_outside_the_folder(tmp_path, student):
    one = result(EXERCISE, student)
    with pytest.raises(ValueError, match="expected names"):
        write_autograded(one, unsolved("batch_norm"), EXERCISE, ROOT, tmp_path / "a")


def test_a_second_time_writes_nothing(autograded, tmp_path):
    autograded()
    (path,) = tmp_path.rglob("*.ipynb")
    before = path.stat()
    autograded()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("name", [path.stem for path in SOLUTIONS])
def test_the_gradebook_has_the_cells_that_nbgraders_release_gives_it(tmp_path, name):
    ours, theirs = (f"sqlite:///{tmp_path / who}.db" for who in ("ours", "theirs"))
    with open_gradebook(ours) as book:
        save_cells(book, assignment(name))
    with open_gradebook(theirs):
        pass  # nbgrader asks a program for the version where there are no tables yet
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    config.CourseDirectory.update(
        root=str(ROOT), assignment_id=name, release_directory=str(tmp_path), db_url=theirs
    )
    GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    assert cells(ours) == cells(theirs)


def cells(url):
    """Return what a gradebook knows of an exercise, without the ids that are drawn by lot."""
    with Gradebook(url) as book:
        (kernel,) = (one.kernelspec for a in book.assignments for one in a.notebooks)
        graded = [(c.name, c.max_score, c.cell_type) for c in book.db.scalars(select(GradeCell))]
        kinds = [(cell.name, cell.type) for cell in book.db.scalars(select(BaseCell))]
        sources = [
            (cell.name, cell.cell_type, cell.locked, cell.source, cell.checksum)
            for cell in book.db.scalars(select(SourceCell))
        ]
        return kernel, sorted(graded), sorted(kinds), sorted(sources)


def settings(directory):
    """Return the settings as nbgrader loads them."""
    return PyFileConfigLoader("nbgrader_config.py", path=str(directory)).load_config()


def test_the_settings_hold_no_password(tmp_path):
    path = write_settings(tmp_path, ROOT, db="postgresql://ann:hunter2@h/course")
    assert "hunter2" not in path.read_text(encoding="utf-8")
    url = make_url(settings(tmp_path).CourseDirectory.db_url)
    assert (url.username, url.password, url.host) == ("ann", None, "h")


def test_the_settings_follow_the_folder(tmp_path):
    write_settings(tmp_path / "old", ROOT)
    (tmp_path / "old").rename(tmp_path / "new")
    found = settings(tmp_path / "new")
    assert found.CourseDirectory.db_url == f"sqlite:///{tmp_path / 'new' / 'gradebook.db'}"
    assert found.Judge.seed_file == str(tmp_path / "new" / "seed")
