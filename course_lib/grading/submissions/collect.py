"""Find the submissions in a folder or a zip file, whatever its form.

A form is recognized name by name, not for the whole: one stray file spoils nothing. Nobody is lost
silently, and nobody's files are read in the place of another's: what is doubtful is reported.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.grading.submissions.archive import Archive
from course_lib.grading.submissions.claims import claims_in
from course_lib.grading.submissions.folder import Folder, Unusable
from course_lib.grading.submissions.lateness import Deadlines, read_time
from course_lib.grading.submissions.names import cleaned, listed
from course_lib.grading.submissions.plan import UNKNOWN, Plan, plans

__all__ = ["UNKNOWN", "Found", "Submissions", "collect"]


class Found(NamedTuple):
    """One student's submission of one assignment."""

    student: str  # a safe id: may name a folder
    assignment: str  # a known one, or UNKNOWN
    raw: bytes | None  # what was submitted, None where `problem` says why not
    problem: str
    late: bool | None = None  # None where nobody knows for certain
    submitted: datetime | None = None  # in UTC, where it is known


class Submissions(Iterator[Found]):
    """What `collect` returns: each submission is read when it is asked for, and not kept.

    Attributes
    ----------
    assignments : frozenset of str
        Those of the course that somebody handed in.
    deadlines : Deadlines
        To be set before reading; without a date only Canvas knows who was late.
    """

    def __init__(self, place: Folder | Archive, planned: list[Plan]):
        self.assignments = frozenset(plan.assignment for plan in planned) - {UNKNOWN}
        self.deadlines = Deadlines()
        self._place = place
        self._plans = planned[::-1]

    def __len__(self) -> int:
        """Return how many are still to come."""
        return len(self._plans)

    def __next__(self) -> Found:
        """Read the next one."""
        if not self._plans:
            raise StopIteration
        student, assignment, key, problem, late, stamp = self._plans.pop()
        raw = None
        if not problem:
            try:
                raw = self._place.read(key)
            except Unusable as error:
                problem = str(error)
        submitted = self._time(stamp)
        if late is None:
            late = self.deadlines.late(student, assignment, submitted)
        return Found(student, assignment, raw, problem, late, submitted)

    def _time(self, stamp: Any) -> datetime | None:
        try:
            return None if stamp is None else read_time(self._place.read(stamp))
        except Unusable:
            return None


def collect(
    source: Path, assignments: Sequence[str], *, assignment: str | None = None
) -> Submissions:
    """Find the submissions in `source` and return them sorted by student and assignment.

    Parameters
    ----------
    source : Path
        A folder or a zip file: nbgrader's `STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb` (or a folder with
        that in `submitted/`), notebooks `STUDENT_ASSIGNMENT.ipynb` or `STUDENT-ASSIGNMENT.ipynb`,
        or what Canvas or Moodle lets an instructor download, packed or unpacked.
    assignments : sequence of str
        The names of all assignments of the course.
    assignment : str, optional
        Which one the files belong to whose names do not say. A Canvas or Moodle download is of
        one assignment: there it holds for all files.

    Returns
    -------
    Submissions
        An iterator of `Found` with a length. No two have the same student and assignment, also
        not for a file system that ignores case.

    Raises
    ------
    ValueError
        If there is no such folder or zip, nothing in it looks like a submission, or `assignment`
        is none of `assignments`.
    """
    if assignment is not None and assignment not in assignments:
        raise ValueError(
            f"expected one of the assignments {listed(assignments)}, got {cleaned(assignment)}; "
            "correct the name"
        )
    place = _place(Path(source))
    try:
        claims = list(claims_in(place, tuple(assignments), assignment))
    except Unusable as error:
        raise ValueError(
            f"expected submissions in {source}, got a folder that cannot be listed: {error}"
        ) from None
    if not claims:
        raise ValueError(
            f"expected submissions in {source}, got nothing that looks like one; name a folder or "
            "zip with STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb, with STUDENT_ASSIGNMENT.ipynb, or a "
            "download of Canvas or Moodle"
        )
    return Submissions(place, plans(claims, assignments))


def _place(source: Path) -> Folder | Archive:
    expected = f"expected a folder or a zip file of submissions, got {source}"
    try:
        if source.is_dir():
            return Folder(source)
        if source.exists():
            return Archive(source)
    except OSError as error:
        raise ValueError(f"{expected}, which cannot be read: {error.strerror}") from None
    raise ValueError(f"{expected}, which does not exist; correct the path")
