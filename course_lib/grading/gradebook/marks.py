"""What stands in the gradebook beside the judge's results: people's scores, and who was late."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import (
    Assignment,
    Grade,
    GradeCell,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from sqlalchemy import select
from sqlalchemy.orm import Session
from traitlets.config import PyFileConfigLoader

from course_lib.grading.gradebook.database import open_gradebook
from course_lib.grading.gradebook.deadlines import in_utc, read_deadlines
from course_lib.grading.results import AUTOMATIC, BY_HAND, WAITS, Mark, Marks


def read_marks(directory: Path, db: str | None = None) -> Marks:
    """Return what formgrader shows of each submission, by student and assignment.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it; ``DIR/nbgrader_config.py`` says where the gradebook is.
    db : str, optional
        Where it is instead.

    Raises
    ------
    GradebookError
        If the database cannot be had, with the reason and the repair.
    """
    url = db or _configured(directory)
    if not url:
        return {}
    with open_gradebook(url) as book:
        dates, marks = read_deadlines(book.db), {}
        one = SubmittedAssignment
        columns = one.student_id, Assignment.name, one.timestamp
        for student, name, time in book.db.execute(select(*columns).join(one.assignment)):
            marks[student, name] = Mark(dates.late(student, name, in_utc(time)), [])
        for key, question in _questions(book.db):
            marks[key].questions.append(question)
    return marks


def _configured(directory: Path) -> str | None:
    settings = directory / "nbgrader_config.py"
    if not settings.is_file():
        return None
    return PyFileConfigLoader(settings.name, str(directory)).load_config().CourseDirectory.db_url


def _questions(session: Session) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield whose each question is, and what it counts in formgrader."""
    cells = {}
    for table in (GradeCell, TaskCell):
        rows = session.execute(select(table.id, table.name, table.max_score))
        cells |= {cell: (name, points) for cell, name, points in rows}
    columns = Grade.cell_id, Grade.auto_score, Grade.manual_score, Grade.extra_credit
    rows = session.execute(
        select(SubmittedAssignment.student_id, Assignment.name, Grade.needs_manual_grade, *columns)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
    )
    for student, assignment, waits, cell, auto, manual, extra in rows:
        name, points = cells[cell]
        yield (student, assignment), _question(name, points, waits, auto, manual, extra)


def _question(
    name: str,
    points: float,
    waits: bool,
    auto: float | None,
    manual: float | None,
    extra: float | None,
) -> dict[str, Any]:
    """Count as nbgrader does, extra credit alone for nothing too; but no score is not 0."""
    score = auto if manual is None else manual
    by_hand = manual is not None or extra is not None
    grading = WAITS if waits or score is None else BY_HAND if by_hand else AUTOMATIC
    score = score if score is None or extra is None else score + extra
    return {"id": name, "score": score, "max_score": points, "grading": grading}
