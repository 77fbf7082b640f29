"""What the exports share: scores, the sheets of a learning platform, and who is who in them."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.grading.results import Marks, number, read_results

Scores = dict[str, dict[str, dict[str, Any]]]  # results by student and assignment


class Export(NamedTuple):
    """What was written, and the scores that found no place in it: ``"student/assignment"``."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def read_scores(directory: Path, marks: Marks) -> Scores:
    """Return the results that have a score."""
    found: Scores = defaultdict(dict)
    for _, result in read_results(directory, "reading results", marks):
        if result["score"] is not None:
            found[result["student"]][result["assignment"]] = result
    return dict(found)


def max_scores(scores: Scores) -> dict[str, float]:
    """Return the points of each assignment, by name."""
    found = {n: r["max_score"] for results in scores.values() for n, r in results.items()}
    return dict(sorted(found.items()))


def read_table(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file, all as long as the first.

    Raises
    ------
    ValueError
        If it is no text in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"expected a CSV file in UTF-8 in {path}, got {error}; download it again, and do not "
            "save it from a spreadsheet in between"
        ) from None
    first = text.partition("\n")[0]
    mark = ";" if first.count(";") > first.count(",") else ","  # Canvas in half of Europe
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    width = len(rows[0]) if rows else 0
    return [row + [""] * (width - len(row)) for row in rows]


def row_finder(
    rows: list[list[str]], names: Iterable[str], scores: Scores, prefix: str = ""
) -> Callable[[list[str]], str | None]:
    """Return a function from a row to the student it is of; what fits two rows fits none.

    Parameters
    ----------
    rows : list of rows
        With the header.
    names : iterable of str
        The columns in which an id may stand, after `prefix` or alone.
    scores : Scores
    """
    places = [rows[0].index(name) for name in names if name in rows[0]]

    def fits(row: list[str]) -> set[str]:
        return {row[place].strip().removeprefix(prefix) for place in places} & scores.keys()

    claims = Counter(student for row in rows[1:] for student in fits(row))

    def find(row: list[str]) -> str | None:
        found = fits(row)
        return found.pop() if len(found) == 1 and claims[min(found)] == 1 else None

    return find


def require_points(text: str, points: float, what: str) -> None:
    """Refuse a sheet whose maximum is another: it would take 13 of 18 for 13 of 100.

    Raises
    ------
    ValueError
        If `text` is a number and not `points`.
    """
    try:
        same = float(text.replace(",", ".")) == points
    except ValueError:
        same = not text.strip()  # Canvas leaves it empty for an assignment without points
    if not same:
        raise ValueError(
            f"expected {number(points)} as {what}, got {text!r}; set it to {number(points)} there "
            "and export again, else full work would not get all points"
        )


def missing(scores: Scores, placed: set[tuple[str, str]]) -> tuple[str, ...]:
    """Return the scores that found no place."""
    everything = {(student, name) for student, results in scores.items() for name in results}
    return tuple(sorted("/".join(pair) for pair in everything - placed))
