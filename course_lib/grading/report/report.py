"""What the instructor reads after grading: tables, statistics, one page, one summary."""

import statistics
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from course_lib.grading.report.item_statistics import (
    Answer,
    QuestionStatistics,
    question_statistics,
)
from course_lib.grading.report.page import page
from course_lib.grading.results import (
    BY_HAND,
    NO_MARKS,
    WAITS,
    Marks,
    one_line,
    percent,
    read_results,
    replace,
    write_table,
)

STATUSES = ("GRADED", "INVALID", "TIMEOUT", "CRASH")
LISTED = 10  # submissions that the terminal names
GRADES = (
    *("student", "assignment", "status", "reason", "score", "max_score", "percent", "grading"),
    *("seconds", "submitted", "late", "sandbox"),
)
QUESTIONS = (
    *("student", "assignment", "question", "status", "score", "max_score", "percent", "grading"),
    "hint",
)
STATISTICS = (
    *("assignment", "question", "max_score", "number", "not_graded", "mean_share", "share_full"),
    *("share_zero", "discrimination"),
    *(f"{name}_{rank}" for rank in (1, 2, 3) for name in ("hint", "count")),
)


class Grade(NamedTuple):
    """One row of ``grades.csv``."""

    student: str
    assignment: str
    status: str
    reason: str
    score: float | None
    max_score: float
    percent: float | None
    grading: str
    seconds: float
    submitted: str | None
    late: bool | None
    sandbox: bool

    @property
    def needs_a_person(self) -> bool:
        """Whether it was not graded in full, and no person has seen to that."""
        lost = self.status != "GRADED" or self.score is None
        return self.grading == WAITS or (lost and self.grading != BY_HAND)


class AssignmentSummary(NamedTuple):
    """One assignment over all submissions; its numbers are in percent of the points."""

    name: str
    submissions: int
    counts: dict[str, int]  # by status
    percents: tuple[float, ...]  # of those with a score

    @property
    def mean(self) -> float | None:
        """The mean of those with a score."""
        return statistics.fmean(self.percents) if self.percents else None

    @property
    def median(self) -> float | None:
        """The median of those with a score."""
        return statistics.median(self.percents) if self.percents else None


class Report(NamedTuple):
    """What was found and written.

    `attention` lists what a person must look at: each submission that was not graded in full.
    """

    directory: Path
    grades: tuple[Grade, ...]
    assignments: tuple[AssignmentSummary, ...]
    questions: tuple[QuestionStatistics, ...]
    attention: tuple[Grade, ...]
    unlocked: int  # submissions whose code ran without a sandbox
    files: tuple[Path, ...]


def write_report(directory: Path, marks: Marks = NO_MARKS) -> Report:
    """Write ``grades.csv`` and ``report/``: ``index.html``, ``questions.csv``, ``statistics.csv``.

    Ungraded is empty, never 0; a submission of any status has its row.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it.
    marks : Marks, optional
        From the gradebook, whose scores then count in the place of the judge's.

    Raises
    ------
    ValueError
        If ``DIR/results`` holds no result, or a file that is none.
    """
    grades, submissions = [], []
    for _, result in read_results(directory, "reading results", marks):
        grades.append(_grade(result))
        submissions.append(_answers(result))
    questions = question_statistics(submissions)
    report = Report(
        directory,
        tuple(grades),
        tuple(_assignments(grades)),
        tuple(questions),
        tuple(grade for grade in grades if grade.needs_a_person),
        sum(not grade.sandbox for grade in grades),
        (),
    )
    folder = directory / "report"
    answers = (_question_row(answer) for submission in submissions for answer in submission)
    files = (
        write_table(directory / "grades.csv", GRADES, grades),
        write_table(folder / "questions.csv", QUESTIONS, answers),
        write_table(folder / "statistics.csv", STATISTICS, map(_statistics_row, questions)),
        replace(folder / "index.html", page(report)),
    )
    return report._replace(files=files)


def _grade(result: dict) -> Grade:
    score, points = result["score"], result["max_score"]
    return Grade(
        result["student"],
        result["assignment"],
        result["status"],
        one_line(result["reason"]),
        score,
        points,
        percent(score, points),
        result["grading"],
        result["seconds"],
        result.get("submitted"),
        result["late"],
        result["sandbox"],
    )


def _answers(result: dict) -> list[Answer]:
    names = (result["student"], result["assignment"])
    fields = ("id", "status", "score", "max_score")
    return [
        Answer(*names, *(q[field] for field in fields), one_line(q["hint"]), q["grading"])
        for q in result["questions"]
    ]


def _question_row(answer: Answer) -> tuple:
    *start, hint, grading = answer
    return (*start, percent(answer.score, answer.max_score), grading, hint)


def _statistics_row(question: QuestionStatistics) -> list:
    *numbers, hints = question
    return [*numbers, *(cell for hint in hints for cell in hint), *[""] * (6 - 2 * len(hints))]


def _assignments(grades: list[Grade]) -> list[AssignmentSummary]:
    found = []
    for name in sorted({grade.assignment for grade in grades}):
        own = [grade for grade in grades if grade.assignment == name]
        percents = tuple(grade.percent for grade in own if grade.percent is not None)
        counts = Counter(dict.fromkeys(STATUSES, 0))
        counts.update(grade.status for grade in own)
        found.append(AssignmentSummary(name, len(own), dict(counts), percents))
    return found


def summary(report: Report) -> str:
    """Return the summary for a terminal: a table, what needs a person, and where to read on."""
    lines = [*_table(report), ""]
    if report.unlocked:
        lines += [
            f"WARNING: {report.unlocked} of {len(report.grades)} submissions were graded without "
            "a sandbox.",
            "Their code could read and change everything that you can; trust these grades only for "
            "your own files.",
            "",
        ]
    if report.attention:
        lines.append(f"{len(report.attention)} need a person:")
        for grade in report.attention[:LISTED]:
            start = f"  {grade.status:<8}{grade.student}/{grade.assignment}"
            lines.append(f"{start}: {one_line(grade.reason or grade.grading, 100)}")
        if len(report.attention) > LISTED:
            lines.append(f"  and {len(report.attention) - LISTED} more, all in report/index.html")
        lines.append("")
    return "\n".join([*lines, *(f"wrote {path}" for path in report.files)])


def _table(report: Report) -> list[str]:
    """Return the table by assignment as aligned lines."""
    statuses = [
        *STATUSES,
        *sorted({grade.status for grade in report.grades} - set(STATUSES)),
    ]
    rows = [["assignment", "handed in", *statuses, "mean %", "median %"]]
    for item in report.assignments:
        counts = [str(item.counts.get(status, 0)) for status in statuses]
        values = ["–" if v is None else f"{v:.1f}" for v in (item.mean, item.median)]
        rows.append([item.name, str(item.submissions), *counts, *values])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return [lines[0], "─" * len(lines[0]), *lines[1:]]
