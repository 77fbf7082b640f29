"""Put results into nbgrader's gradebook: one writer, and no work of a person is lost."""

from collections.abc import Iterable, Mapping
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from nbgrader.api import (
    Comment,
    Grade,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.utils import parse_utc
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from course_lib.grading.assignment import Assignment
from course_lib.grading.gradebook.cells import SavedCells, save_cells
from course_lib.grading.gradebook.database import database_url, open_gradebook

BATCH = 500  # submissions a transaction; the number of values that SQLite takes is 64 times that


class Imported(NamedTuple):
    """What became of the results.

    `left_out` has a line for each submission that has no score, and so is not in the gradebook:
    nbgrader would export it as 0. `warnings` names what a person should look at.
    """

    submissions: int
    changed: int
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


def import_results(
    results: Iterable[dict],
    assignments: Mapping[str, Assignment],
    directory: Path,
    db: str | None = None,
) -> Imported:
    """Write the scores into nbgrader's gradebook; a second time changes nothing.

    What a person gave there stays: scores, extra credit, comments. Where the judge's score changes
    under one of his, nbgrader's mark "needs manual grade" asks him to look again.

    Parameters
    ----------
    results : iterable of dict
        As in ``DIR/results``; of two for the same student and assignment the later one counts.
    assignments : mapping of name to Assignment
    directory : Path
        ``DIR``: the gradebook is ``DIR/gradebook.db`` unless `db` says otherwise.
    db : str, optional
        Any URL of SQLAlchemy's, such as ``"postgresql://ann@grades.example.org/course"``.

    Raises
    ------
    GradebookError
        If the database cannot be had, with the reason and the repair.
    """
    submissions, changed = 0, 0
    left_out: list[str] = []
    warnings: list[str] = []
    saved: dict[str, SavedCells] = {}
    results = iter(results)
    with open_gradebook(database_url(directory, db)) as book:
        while batch := list(islice(results, BATCH)):
            for name, group in groupby(sorted(batch, key=_assignment), key=_assignment):
                latest = {result["student"]: result for result in group}
                if name in assignments and name not in saved:
                    saved[name] = save_cells(book, assignments[name])
                    warnings += saved[name].warnings
                graded = {s: r for s, r in latest.items() if not _obstacle(r, saved.get(name))}
                changed += _record(book.db, saved[name], graded) if graded else 0
                submissions += len(graded)
                for student in latest.keys() - graded.keys():
                    reason = _obstacle(latest[student], saved.get(name))
                    left_out.append(f"{student}/{name}: {reason}")
                if name in saved:
                    warnings += _take_out(book.db, saved[name], latest.keys() - graded.keys())
            book.db.commit()
    return Imported(submissions, changed, tuple(sorted(left_out)), tuple(warnings))


def _assignment(result: dict) -> str:
    return result["assignment"]


def _obstacle(result: dict, cells: SavedCells | None) -> str:
    """Say why a result cannot stand in the gradebook; empty if it can."""
    if result["score"] is None:
        return f"{result['status']}, no score: {result['reason']}"
    if cells is None:
        return f"expected an exercise of this course, got {result['assignment']!r}"
    asked = {question["id"] for question in result["questions"]}
    if asked != set(cells.questions):
        differing = ", ".join(sorted(asked ^ set(cells.questions)))
        return f"its questions are not the exercise's ({differing}); grade it again"
    return ""


def _record(session: Session, cells: SavedCells, results: Mapping[str, dict]) -> int:
    """Write scores; return how many submissions have changed."""
    notebooks = _submitted_notebooks(session, cells, list(results))
    ids = list(notebooks.values())
    columns = Grade.notebook_id, Grade.cell_id, Grade.id, Grade.auto_score, Grade.manual_score
    known = {row[:2]: row for row in session.execute(select(*columns).where(_of(Grade, ids)))}
    added, moved, changed = [], [], set()
    for student, result in results.items():
        for question in result["questions"]:
            place = notebooks[student], cells.questions[question["id"]]
            score, row = question["score"], known.get(place)
            asks = score is None or question["status"] == "CRASH"  # a person should look
            if row is None:
                added.append(_grade(place, score, asks))
            elif row.auto_score != score:
                asks = asks or row.manual_score is not None
                moved.append({"id": row.id, "auto_score": score, "needs_manual_grade": asks})
            else:
                continue
            changed.add(student)
    _insert(session, Grade, added)
    if moved:
        session.execute(update(Grade), moved)
    _add_comments(session, cells, ids)
    _note_times(session, _submissions(session, cells, list(results)), results)
    return len(changed)


def _note_times(session: Session, submissions: dict[str, str], results: Mapping[str, dict]) -> None:
    """Write when each was handed in, where that is known; nbgrader wants UTC without a zone."""
    times = {s: r["submitted"] for s, r in results.items() if r.get("submitted")}
    rows = [{"id": submissions[s], "timestamp": parse_utc(time)} for s, time in times.items()]
    if rows:
        session.execute(update(SubmittedAssignment), rows)


def _grade(place: tuple[str, str], score: float | None, asks: bool) -> dict:
    return {
        "id": new_uuid(),
        "notebook_id": place[0],
        "cell_id": place[1],
        "auto_score": score,
        "needs_manual_grade": asks,
    }


def _of(table, notebooks: list[str]):
    return table.notebook_id.in_(notebooks)


def _insert(session: Session, table, rows: list[dict]) -> None:
    if rows:
        session.execute(insert(table), rows)


def _add_comments(session: Session, cells: SavedCells, notebooks: list[str]) -> None:
    """Give each answer the empty comment that formgrader fills in."""
    columns = Comment.notebook_id, Comment.cell_id
    known = {tuple(row) for row in session.execute(select(*columns).where(_of(Comment, notebooks)))}
    wanted = [(notebook, cell) for notebook in notebooks for cell in cells.answers.values()]
    missing = [
        {"id": new_uuid(), "notebook_id": notebook, "cell_id": cell}
        for notebook, cell in wanted
        if (notebook, cell) not in known
    ]
    _insert(session, Comment, missing)


def _submitted_notebooks(
    session: Session, cells: SavedCells, students: list[str]
) -> dict[str, str]:
    """Return the id of each student's submitted notebook, made where there is none."""
    enrolled = set(session.scalars(select(Student.id).where(Student.id.in_(students))))
    _insert(session, Student, [{"id": name} for name in students if name not in enrolled])
    submissions = _submissions(session, cells, students)
    new = [
        {"id": new_uuid(), "assignment_id": cells.assignment_id, "student_id": student}
        for student in students
        if student not in submissions
    ]
    _insert(session, SubmittedAssignment, new)
    submissions |= {row["student_id"]: row["id"] for row in new}
    columns = SubmittedNotebook.assignment_id, SubmittedNotebook.id
    ours = SubmittedNotebook.notebook_id == cells.notebook_id
    rows = session.execute(
        select(*columns).where(ours, SubmittedNotebook.assignment_id.in_(submissions.values()))
    )
    notebooks = dict(map(tuple, rows))
    missing = [
        {"id": new_uuid(), "notebook_id": cells.notebook_id, "assignment_id": submission}
        for submission in submissions.values()
        if submission not in notebooks
    ]
    _insert(session, SubmittedNotebook, missing)
    notebooks |= {row["assignment_id"]: row["id"] for row in missing}
    return {student: notebooks[submission] for student, submission in submissions.items()}


def _submissions(session: Session, cells: SavedCells, students: Iterable[str]) -> dict[str, str]:
    rows = session.execute(
        select(SubmittedAssignment.student_id, SubmittedAssignment.id).where(
            SubmittedAssignment.assignment_id == cells.assignment_id,
            SubmittedAssignment.student_id.in_(students),
        )
    )
    return dict(map(tuple, rows))


def _take_out(session: Session, cells: SavedCells, students: Iterable[str]) -> list[str]:
    """Remove submissions that have no score any more, but nothing that a person wrote."""
    warnings = []
    for student, submission in sorted(_submissions(session, cells, students).items()):
        mine = SubmittedNotebook.assignment_id == submission
        notebooks = list(session.scalars(select(SubmittedNotebook.id).where(mine)))
        if _touched(session, submission, notebooks):
            blank = {"auto_score": None, "needs_manual_grade": True}
            session.execute(update(Grade).where(_of(Grade, notebooks)).values(blank))
            warnings.append(
                f"{student}/{cells.name} has no score by the judge any more; what a person gave it "
                "stands in the gradebook, which counts the rest as 0 until he grades it"
            )
            continue
        for table in (Grade, Comment):
            session.execute(delete(table).where(_of(table, notebooks)))
        session.execute(delete(SubmittedNotebook).where(mine))
        session.execute(delete(SubmittedAssignment).where(SubmittedAssignment.id == submission))
    return warnings


def _touched(session: Session, submission: str, notebooks: list[str]) -> bool:
    """Tell whether a person has graded, commented, flagged or extended a submission."""
    by_hand = or_(Grade.manual_score.is_not(None), Grade.extra_credit.is_not(None))
    flagged = SubmittedNotebook.id.in_(notebooks), SubmittedNotebook.flagged
    extended = SubmittedAssignment.id == submission, SubmittedAssignment.extension.is_not(None)
    found = (
        select(Grade.id).where(_of(Grade, notebooks), by_hand),
        select(Comment.id).where(_of(Comment, notebooks), Comment.manual_comment.is_not(None)),
        select(SubmittedNotebook.id).where(*flagged),
        select(SubmittedAssignment.id).where(*extended),
    )
    return any(session.execute(query).first() for query in found)
