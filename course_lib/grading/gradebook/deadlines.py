"""Due dates and extensions as nbgrader keeps them: in the gradebook, in UTC without saying so."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Assignment, SubmittedAssignment
from sqlalchemy import select
from sqlalchemy.orm import Session

from course_lib.grading.gradebook.database import database_url, open_gradebook
from course_lib.grading.submissions.lateness import Deadlines


def set_deadlines(
    directory: Path, db: str | None = None, due: Mapping[str, datetime] | None = None
) -> Deadlines:
    """Write due dates into the gradebook, and return all that stand there.

    Parameters
    ----------
    directory : Path
        ``DIR``: the gradebook is ``DIR/gradebook.db`` unless `db` says otherwise.
    db : str, optional
        Any URL of SQLAlchemy's.
    due : mapping of assignment to datetime, optional
        Dates with a time zone.

    Raises
    ------
    GradebookError
        If the database cannot be had, with the reason and the repair.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with open_gradebook(database_url(directory, db)) as book:
        for name, date in (due or {}).items():
            book.update_or_create_assignment(name, duedate=date)
        return read_deadlines(book.db)


def read_deadlines(session: Session) -> Deadlines:
    """Return the due dates and extensions of an open gradebook."""
    one = SubmittedAssignment
    columns = one.student_id, Assignment.name, one.extension
    dates = session.execute(select(Assignment.name, Assignment.duedate))
    given = session.execute(select(*columns).join(one.assignment).where(one.extension.is_not(None)))
    return Deadlines(
        {name: in_utc(date) for name, date in dates if date is not None},
        {(student, name): time for student, name, time in given},
    )


def in_utc(time: datetime | None) -> datetime | None:
    """Return a time of the gradebook's with its zone."""
    return time and time.replace(tzinfo=UTC)
