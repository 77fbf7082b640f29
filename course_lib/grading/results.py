"""Read what `course grade` left in ``DIR/results``, and write tables of it."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.lab.progress import progress

FIELDS = {
    "student": str,
    "assignment": str,
    "status": str,
    "reason": str,
    "score": (int, float, type(None)),
    "max_score": (int, float),
    "seconds": (int, float),
    "sandbox": bool,
    "late": (bool, type(None)),  # nobody knows
    "questions": list,
}
QUESTION = {"id": str, "score": (int, float, type(None)), "max_score": (int, float)}
QUESTION |= dict.fromkeys(("status", "hint", "report"), str)
AUTOMATIC, BY_HAND, WAITS = "automatic", "manual", "needs manual grade"
STARTS_A_FORMULA = tuple("=+-@＝＋－＠")  # Excel takes the full-width ones too


class Stored(NamedTuple):
    """A result, and where it lies: its path names what is written for it."""

    path: Path  # STUDENT/ASSIGNMENT, relative to DIR/results
    result: dict[str, Any]


class Mark(NamedTuple):
    """What the gradebook holds of one submission; questions have id, score, points, grading."""

    late: bool | None
    questions: list[dict[str, Any]]


Marks = Mapping[tuple[str, str], Mark]  # by student and assignment
NO_MARKS: Marks = {}


def read_results(directory: Path, label: str, marks: Marks = NO_MARKS) -> Iterator[Stored]:
    """Yield every result in ``DIR/results``, by student and assignment.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it.
    label : str
        What to call the work in a progress bar.
    marks : Marks, optional
        From the gradebook, whose scores then count in the place of the judge's.

    Raises
    ------
    ValueError
        If there is no result, or a file that is none.
    """
    folder = directory / "results"
    paths = sorted(folder.glob("*/*.json"))
    if not paths:
        raise ValueError(
            f"expected results in {folder}, got none; run `course grade SUBMISSIONS --out "
            f"{directory}` first"
        )
    for path in progress(paths, label):
        yield Stored(path.relative_to(folder).with_suffix(""), _marked(_read(path), marks))


def _marked(result: dict[str, Any], marks: Marks) -> dict[str, Any]:
    """Say who graded a result, and put in what stands in the gradebook."""
    mark = marks.get((result["student"], result["assignment"]))
    judged = [q | {"grading": _grading([q["score"]])} for q in result["questions"]]
    if mark is None or not mark.questions:
        scores = [result["score"], *(q["score"] for q in judged)]
        return result | {"questions": judged, "grading": _grading(scores)}
    words = {question["id"]: question for question in judged}
    order = {name: place for place, name in enumerate(words)}
    questions = [
        {"status": "GRADED", "hint": "", "report": ""} | words.get(q["id"], {}) | q
        for q in sorted(mark.questions, key=lambda q: (order.get(q["id"], len(order)), q["id"]))
    ]
    scores = [q["score"] for q in questions if q["score"] is not None]
    kinds = {q["grading"] for q in questions}
    return result | {
        "questions": questions,
        "score": sum(scores) if scores else None,
        "max_score": sum(q["max_score"] for q in questions),
        "grading": next(kind for kind in (WAITS, BY_HAND, AUTOMATIC) if kind in kinds),
        "late": result["late"] if mark.late is None else mark.late,
    }


def _grading(scores: Sequence[float | None]) -> str:
    return WAITS if None in scores else AUTOMATIC


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_bytes())
        wrong = _wrong(result, FIELDS)
        wrong = wrong or [
            name for question in result["questions"] for name in _wrong(question, QUESTION)
        ]
    except (ValueError, AttributeError, RecursionError):
        wrong = ["JSON"]
    if wrong:
        raise ValueError(
            f"expected a result of `course grade` in {path}, got a file without right "
            f"{', '.join(wrong)}; delete it and run `course grade` again"
        )
    return result


def _wrong(content: dict, fields: dict[str, Any]) -> list[str]:
    return [name for name, kind in fields.items() if not isinstance(content.get(name, ...), kind)]


def percent(score: float | None, max_score: float) -> float | None:
    """Return the share of the points in percent; None where nothing was graded."""
    return None if score is None or not max_score else round(100 * score / max_score, 2)


def humanized(question: str) -> str:
    """Return a question's id as words: ``check_update_running`` is "Update running"."""
    words = question.removeprefix("check_").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def number(value: float | None) -> str:
    """Return a number for a table; ungraded is empty, never 0."""
    return "" if value is None else f"{round(value, 4):g}"


def safe(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    A text that begins like a formula gets an apostrophe before it, which spreadsheets do not show.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number(value)
    text = str(value)
    return (
        f"'{text}"
        if text.lstrip().startswith(STARTS_A_FORMULA) or text.startswith(("\t", "\r"))
        else text
    )


def one_line(text: str, longest: int = 500) -> str:
    """Return the text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[:longest] + "…"


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> Path:
    """Write a CSV file in UTF-8, each cell made safe, in the place of an old one."""
    return replace(path, _lines(header, ([safe(cell) for cell in row] for row in rows)))


def write_plain_table(path: Path, rows: Iterable[Iterable[str]]) -> Path:
    """Write a CSV file for a machine that must find each cell as it is."""
    rows = list(rows)
    return replace(path, _lines(rows[0], rows[1:]))


def _lines(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    parts: list[str] = []
    writer = csv.writer(_Appender(parts), lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return "".join(parts)


class _Appender:
    """What csv needs of a file."""

    def __init__(self, parts: list[str]):
        self.write = parts.append


def replace(path: Path, text: str) -> Path:
    """Write a whole file, in one step, and return its path; one that has this text already stays.

    Where thousands of pages are as they were, that takes a sixth of the time.
    """
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return path
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
    return path
