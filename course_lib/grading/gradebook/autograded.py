"""Write the notebooks that formgrader shows, and its settings."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from sqlalchemy.engine import make_url

from course_lib.grading.assignment import Assignment, Cell
from course_lib.grading.gradebook.cells import KERNEL, code_cell, nbgrader_cell
from course_lib.grading.gradebook.database import without_password
from course_lib.grading.jobs.store import require_plain_name
from course_lib.grading.submissions.intake import read_submission

MISSING = "# This answer was not handed in."
SETTINGS = '''"""Let nbgrader show these results: `jupyter lab` in this folder, then Formgrader."""

import os

from nbgrader.preprocessors import AssignLatePenalties, CheckCellMetadata, SaveAutoGrades

c = get_config()  # noqa: F821, given by the loader of this file
here = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.root = here
c.CourseDirectory.source_directory = {source!r}
c.CourseDirectory.submitted_directory = {submitted!r}
c.CourseDirectory.db_url = {db}
# The judge reads the submitted file itself; nothing of a submission is executed here.
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "course_lib.grading.gradebook.nbgrader_judge.Judge",
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.Judge.course = {course!r}
c.Judge.seed_file = {seed_file}
c.Judge.overlay = {overlay!r}
c.Judge.sandbox = {sandbox!r}
'''


def write_autograded(
    result: dict, raw: bytes, assignment: Assignment, course: Path, directory: Path
) -> Path | None:
    """Write ``DIR/autograded/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb``.

    Parameters
    ----------
    result : dict
        Without a score no notebook is written, and an older one removed.
    raw : bytes
        What was handed in.
    assignment : Assignment
    course : Path
        The folder with ``solutions/``, for the text between the cells.
    directory : Path
        ``DIR``.
    """
    student, name = result["student"], assignment.name
    require_plain_name(student)
    path = directory / "autograded" / student / name / f"{name}.ipynb"
    if result["score"] is None:
        path.unlink(missing_ok=True)
        return None
    notebook = autograded_notebook(assignment, raw, result, course)
    text = nbformat.v4.writes(notebook) + "\n"  # nbformat's own would validate, for 5 ms
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    return path


def autograded_notebook(
    assignment: Assignment, raw: bytes, result: dict, course: Path
) -> NotebookNode:
    """Return the instructor's notebook with the learner's code and the judge's words.

    Of the learner's file it holds code alone: his text, outputs, attachments and metadata could
    pretend anything to whoever opens it.
    """
    questions = {question["id"]: question for question in result["questions"]}
    pristine = {cell.grade_id: cell for cell in assignment.cells if cell.grade_id}
    texts = _texts(course, assignment.name, assignment.digest)
    cells = []
    for number, cell in enumerate(_ordered(assignment, raw, texts)):
        if isinstance(cell, Cell) and cell.grade_id:
            node = nbgrader_cell(pristine[cell.grade_id])
            node.source = cell.source
            if cell.kind == "test":
                node.metadata.update(deletable=False, editable=False)
                node.outputs = _outputs(questions[cell.grade_id])
        elif isinstance(cell, Cell):
            node = code_cell(cell.source, f"{cell.kind}-{number}")
        else:
            node = cell
        cells.append(node)
    whole = {"cells": cells, "metadata": {"kernelspec": KERNEL}, "nbformat": 4}
    return nbformat.from_dict(whole | {"nbformat_minor": 5})


def write_settings(
    directory: Path,
    course: Path,
    *,
    db: str | None = None,
    submitted: Path | None = None,
    seed_file: Path | None = None,
    overlay: Path | None = None,
    sandbox: bool = True,
) -> Path:
    """Write ``DIR/nbgrader_config.py``, with which `jupyter lab` in ``DIR`` shows formgrader.

    A password in `db` is not written: PostgreSQL reads it from PGPASSFILE or ``~/.pgpass``.
    """
    # nbgrader matches paths as texts that begin with the root: others must be relative to it.
    source = os.path.relpath(course / "solutions", directory)
    path = directory / "nbgrader_config.py"
    text = SETTINGS.format(
        source=source,
        submitted="submitted" if submitted is None else os.path.relpath(submitted, directory),
        db=_database(db),
        course=str(course.absolute()),
        seed_file='os.path.join(here, "seed")' if seed_file is None else _absolute(seed_file),
        overlay="" if overlay is None else str(overlay.absolute()),
        sandbox=sandbox,
    )
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _absolute(path: Path) -> str:
    return repr(str(path.absolute()))


def _database(db: str | None) -> str:
    """Return an expression for the settings: where the gradebook is."""
    if db is None:
        return '"sqlite:///" + os.path.join(here, "gradebook.db")'
    url = without_password(db)
    if make_url(db).get_backend_name() == "sqlite" and url.database:
        url = url.set(database=os.path.abspath(url.database))
    return repr(url.render_as_string())


@cache
def _texts(course: Path, name: str, digest: str) -> tuple[tuple[NotebookNode, ...], ...]:
    """Return the text cells before each code cell of the source, and after the last.

    The digest keeps a server that runs for days from showing the text of yesterday.
    """
    notebook = nbformat.read(course / "solutions" / name / f"{name}.ipynb", as_version=4)
    groups: list[list[NotebookNode]] = [[]]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            groups.append([])
        else:
            groups[-1].append(cell)
    return tuple(tuple(group) for group in groups)


def _ordered(assignment: Assignment, raw: bytes, texts) -> Iterator[Cell | NotebookNode]:
    """Yield the instructor's cells in their order, with the learner's in their places."""
    place = 0
    for cell in read_submission(raw, assignment).cells:
        if cell.kind != "extra":
            while not _same(assignment.cells[place], cell):  # answers that he deleted
                yield from _at(texts, place)
                yield assignment.cells[place]._replace(source=MISSING)
                place += 1
            yield from _at(texts, place)
            place += 1
        yield cell
    for rest in range(place, len(assignment.cells)):
        yield from _at(texts, rest)
        yield assignment.cells[rest]._replace(source=MISSING)
    if len(assignment.cells) < len(texts):
        yield from texts[-1]


def _at(texts, place: int) -> tuple[NotebookNode, ...]:
    return texts[place] if place < len(texts) else ()  # the overlay's questions come last


def _same(pristine: Cell, cell: Cell) -> bool:
    return (pristine.kind, pristine.grade_id) == (cell.kind, cell.grade_id)


def _outputs(question: dict) -> list[dict]:
    """Return outputs from which nbgrader reads exactly the judge's score."""
    lost = question["status"] != "GRADED"
    words = [f"{question['status']}: {question['hint']}"] if lost else []
    words += [question["report"]] if question["report"] else []
    text = "\n".join(words) + "\n"
    found = [{"output_type": "stream", "name": "stdout", "text": text}]
    data = {"text/plain": repr(float(question["score"]))}
    more = {"data": data, "metadata": {}, "execution_count": None}
    return [*found, {"output_type": "execute_result", **more}]
