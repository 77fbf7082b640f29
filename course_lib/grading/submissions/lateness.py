"""When a submission came in, and whether that was late; what nobody knows for certain is None."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from course_lib.grading.submissions.names import cleaned, listed

LONGEST = 100  # bytes of a time
EXAMPLE = "2026-12-01T23:59+01:00"


class Deadlines(NamedTuple):
    """When each exercise is due, and what single students were given beyond that."""

    due: Mapping[str, datetime] = {}  # in UTC, by assignment
    extensions: Mapping[tuple[str, str], timedelta] = {}  # by student and assignment

    def late(self, student: str, assignment: str, submitted: datetime | None) -> bool | None:
        """Tell whether a submission was late; None where one of the two times is unknown."""
        due = self.due.get(assignment)
        if due is None or submitted is None:
            return None
        return submitted > due + self.extensions.get((student, assignment), timedelta())


def read_time(raw: bytes) -> datetime | None:
    """Return what nbgrader wrote into ``timestamp.txt``, in UTC.

    None where it names no zone, or one by letters other than UTC: CST is the name of three.
    """
    text = raw[: LONGEST + 1].decode("ascii", "replace").strip()
    text = re.sub(r"\s*(UTC|Z)$", "+00:00", text)
    text = re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", text)
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo and len(raw) <= LONGEST else None
    except (ValueError, OverflowError):
        return None


def due_dates(
    options: Iterable[str], handed_in: Collection[str], known: Collection[str]
) -> dict[str, datetime]:
    """Return the due date of each assignment that the options name, in UTC.

    Parameters
    ----------
    options : iterable of str
        Each ``DATE``, where one assignment was handed in, or ``ASSIGNMENT=DATE``.
    handed_in : collection of str
        The assignments of which there are submissions.
    known : collection of str
        Those of the course.

    Raises
    ------
    ValueError
        If a date has no time zone, or it is not clear which assignment it is of.
    """
    found = {}
    for option in options:
        name, named, date = option.rpartition("=")
        names = {name} if named else set(handed_in)
        if len(names) != 1 or not names <= set(known):
            raise ValueError(
                f"expected a due date of one exercise of this course, got {cleaned(option)} for "
                f"{listed(names) or 'none'}; write --due ASSIGNMENT={EXAMPLE}"
            )
        found[names.pop()] = _date(date)
    return found


def _date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
        if date.tzinfo is not None:
            return date.astimezone(UTC)
        problem = "which has no time zone"
    except (ValueError, OverflowError):
        problem = "which is no such date"
    raise ValueError(
        f"expected a due date with its time zone, such as {EXAMPLE}, got {cleaned(text)}, {problem}"
    )
