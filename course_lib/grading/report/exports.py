"""Grades for Canvas, Moodle and Gradescope; ungraded is left out, never 0."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from course_lib.grading.report.export_sheets import (
    Export,
    Scores,
    max_scores,
    missing,
    read_scores,
    read_table,
    require_points,
    row_finder,
)
from course_lib.grading.report.feedback_text import for_student
from course_lib.grading.results import (
    NO_MARKS,
    Marks,
    humanized,
    number,
    read_results,
    replace,
    write_plain_table,
)
from course_lib.grading.submissions.names import is_safe

# canvas-lms, lib/gradebook_importer.rb: these columns in this order, then one an assignment.
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POINTS = "Points Possible"
# moodle, mod/assign/feedback/offline/importgradeslib.php: without these three it refuses the file.
MOODLE = ("Identifier", "Grade", "Last modified (grade)")
MOODLE_PEOPLE = ("Identifier", "Username", "Email address", "ID number")
VISIBILITIES = ("after_published", "after_due_date", "hidden", "visible")


def write_canvas(directory: Path, gradebook: Path | None = None, marks: Marks = NO_MARKS) -> Export:
    """Write ``DIR/exports/canvas.csv`` for Canvas: Grades, Import.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it.
    gradebook : Path, optional
        The gradebook that Canvas exported. Its rows and columns are kept, and the scores put into
        them; a student is found by ID, SIS User ID or SIS Login ID. Without it an id of digits is
        taken for Canvas's own ID (so are they named in its downloads), any other for the login.
    marks : Marks, optional
        From the gradebook, whose scores then count in the place of the judge's.

    Raises
    ------
    ValueError
        If `gradebook` is none, or its points possible differ from ours: Canvas would take 13 of 18
        for 13 of 100.
    """
    scores = read_scores(directory, marks)
    path = directory / "exports" / "canvas.csv"
    if gradebook is not None:
        rows, placed = _filled_gradebook(read_table(gradebook), gradebook, scores)
        return Export((write_plain_table(path, rows),), missing(scores, placed))
    points = max_scores(scores)
    rows = [[*CANVAS, *points], [f"    {POINTS}", "", "", "", "", *map(number, points.values())]]
    placed = set()
    for student, results in scores.items():
        if not is_safe(student):  # made up by `collect`: Canvas knows nobody of this name
            continue
        is_canvas_id = student.isascii() and student.isdigit()
        who = [student, student, "", ""] if is_canvas_id else [student, "", "", student]
        cells = [number(results[name]["score"]) if name in results else "" for name in points]
        rows.append([*who, "", *cells])
        placed.update((student, name) for name in results)
    return Export((write_plain_table(path, rows),), missing(scores, placed))


def _filled_gradebook(rows: list[list[str]], path: Path, scores: Scores) -> tuple[list, set]:
    """Put the scores into Canvas's own table; other cells stay as they are."""
    header = rows[0] if rows else []
    if "Student" not in header or "ID" not in header:
        raise ValueError(
            f"expected a gradebook exported from Canvas in {path}, with the columns Student and "
            f"ID, got {header[:5]}; in Canvas: Grades, Export, Export Entire Gradebook"
        )
    points = max_scores(scores)
    places = _columns(header, points, path)
    for row in rows[1:]:
        if row and row[0].strip() == POINTS:
            for place, name in places.items():
                require_points(row[place], points[name], f"the points possible of {name} in {path}")
    find = row_finder(rows, CANVAS[1:4], scores)
    placed = set()
    for row in rows[1:]:
        student = find(row)
        for place, name in places.items():
            if student and name in scores[student]:
                row[place] = number(scores[student][name]["score"])
                placed.add((student, name))
    return rows, placed


def _columns(header: list[str], names: Iterable[str], path: Path) -> dict[int, str]:
    """Return the assignment of each column that is one's; "Batch norm (2187)" is batch_norm."""
    found: dict[int, str] = {}
    for place, title in enumerate(header):
        words = re.sub(r" \(\d+\)$", "", title)  # Canvas's own number
        name = re.sub(r"[\s_-]+", "_", words.strip().casefold())
        if name in found.values():
            raise ValueError(
                f"expected one column for {name} in {path}, got a second one, {title!r}; remove "
                "the one that does not count"
            )
        if name in names:
            found[place] = name
    return found


def write_moodle(
    directory: Path,
    worksheet: Path | None = None,
    assignment: str | None = None,
    marks: Marks = NO_MARKS,
) -> Export:
    """Write ``DIR/exports/moodle/ASSIGNMENT.csv`` for Moodle.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it.
    worksheet : Path, optional
        The offline grading worksheet of one assignment, as downloaded from Moodle in English. Its
        grades are filled in; upload it there again. A student is found by the number of his
        Identifier (so are they named in Moodle's downloads), Username, Email address or ID number.
        Without it there is one file an assignment for Grades, Import, CSV file: an id beside a
        score. Whoever has no score is not in it, since an empty cell there would erase a grade.
    assignment : str, optional
        Which of ours the worksheet is of; needed only where there are several.
    marks : Marks, optional
        As for `write_canvas`.

    Raises
    ------
    ValueError
        If `worksheet` is none, its maximum differs from ours, or `assignment` is not clear.
    """
    scores = read_scores(directory, marks)
    folder, points = directory / "exports" / "moodle", max_scores(scores)
    if worksheet is None:
        return _moodle_imports(folder, scores, points)
    if assignment is None and len(points) == 1:
        (assignment,) = points
    if assignment not in points:
        raise ValueError(
            f"expected one of the assignments {', '.join(points)} for {worksheet}, got "
            f"{assignment}; a worksheet of Moodle's is of one assignment: name it"
        )
    scores = {s: {assignment: r[assignment]} for s, r in scores.items() if assignment in r}
    rows = read_table(worksheet)
    header = rows[0] if rows else []
    if lacking := [name for name in MOODLE if name not in header]:
        raise ValueError(
            f"expected the columns {', '.join(MOODLE)} in {worksheet}, got none named "
            f"{', '.join(lacking)}; download the grading worksheet with Moodle set to English"
        )
    find, placed = row_finder(rows, MOODLE_PEOPLE, scores, prefix="Participant "), set()
    for row in rows[1:]:
        if student := find(row):
            if "Maximum Grade" in header:
                given, place = row[header.index("Maximum Grade")], f"{assignment} in {worksheet}"
                require_points(given, points[assignment], f"the maximum of {place}")
            row[header.index("Grade")] = number(scores[student][assignment]["score"])
            placed.add((student, assignment))
    return Export((write_plain_table(folder / f"{assignment}.csv", rows),), missing(scores, placed))


def _moodle_imports(folder: Path, scores: Scores, points: dict[str, float]) -> Export:
    """Write a table an assignment; one student unknown to Moodle would stop the whole import."""
    known = {s: results for s, results in scores.items() if is_safe(s)}
    files = []
    for name, most in points.items():
        rows = [[s, number(r[name]["score"])] for s, r in known.items() if name in r]
        header = ["Student", f"{name} (of {number(most)})"]
        files.append(write_plain_table(folder / f"{name}.csv", [header, *rows]))
    placed = {(student, name) for student, results in known.items() for name in results}
    return Export(tuple(files), missing(scores, placed))


def write_gradescope(
    directory: Path, visibility: str = "after_published", marks: Marks = NO_MARKS
) -> Export:
    """Write ``DIR/exports/gradescope/STUDENT/ASSIGNMENT/results.json`` for every result.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it.
    visibility : str
        When students see scores and reports, in Gradescope's words: "after_published",
        "after_due_date", "hidden" or "visible". The reports speak of hidden inputs too.
    marks : Marks, optional
        As for `write_canvas`.

    Notes
    -----
    Without any score the file has none, and Gradescope shows that the autograder failed.
    """
    if visibility not in VISIBILITIES:
        raise ValueError(f"expected one of {', '.join(VISIBILITIES)}, got {visibility!r}")
    files, left_out = [], []
    for path, result in read_results(directory, "writing results.json", marks):
        text = json.dumps(gradescope(result, visibility), ensure_ascii=False, indent=1)
        files.append(replace(directory / "exports" / "gradescope" / path / "results.json", text))
        if result["score"] is None:
            left_out.append(path.as_posix())
    return Export(tuple(files), tuple(left_out))


def gradescope(result: dict[str, Any], visibility: str = "after_published") -> dict[str, Any]:
    """Return the content of Gradescope's ``results.json``."""
    found: dict[str, Any] = {
        "execution_time": result["seconds"],
        "output": f"{result['status']}: {for_student(result['reason'])}".removesuffix(": "),
        "output_format": "text",
        "test_output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": [_test(i, q, visibility) for i, q in enumerate(result["questions"], 1)],
    }
    # The sum stands in for the tests' scores only where one of them has none.
    scores = [test.get("score") for test in found["tests"]]
    if result["score"] is not None and (None in scores or sum(scores) != result["score"]):
        found = {"score": result["score"], **found}
    return found


def _test(place: int, question: dict[str, Any], visibility: str) -> dict[str, Any]:
    score, most = question["score"], question["max_score"]
    hint, report = for_student(question["hint"]), for_student(question["report"])
    test = {
        "number": str(place),
        "name": humanized(question["id"]),
        "score": score,
        "max_score": most,
        "status": "passed" if score is not None and score >= most else "failed",
        "output": report if hint in report else f"{hint}\n\n{report}",
        "visibility": visibility,
    }
    return {name: value for name, value in test.items() if value is not None}
