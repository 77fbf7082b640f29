"""One page a submission, which the student reads: no script, no test, everything escaped."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from course_lib.grading.report.feedback_text import capped, for_student, sections
from course_lib.grading.report.pages import render
from course_lib.grading.results import (
    BY_HAND,
    NO_MARKS,
    Marks,
    humanized,
    number,
    read_results,
    replace,
)
from course_lib.grading.text import in_points

LONGEST_PAGE = 100_000  # characters of code
AGAIN = "Run your notebook from the top in a fresh kernel, then"


class Status(NamedTuple):
    """What a status means, and what to do, in plain words."""

    name: str
    title: str
    meaning: str
    repair: str
    question: str = ""  # what to say of one question


STATUSES = {
    "INVALID": Status(
        "INVALID",
        "your file could not be read",
        "The file that you handed in is not this exercise's notebook, or is damaged. So nothing in "
        "it was graded.",
        "Open the exercise's own file in JupyterLab, see that your answers stand in its cells, "
        "save it, and ask your instructor whether you may hand it in again.",
    ),
    "TIMEOUT": Status(
        "TIMEOUT",
        "some of your code ran too long",
        "It was stopped, and what it should have answered earned nothing. The other questions were "
        "graded as usual.",
        f"{AGAIN} look for the cell that does not end: a loop whose condition never becomes false, "
        "or a loop over single elements where one NumPy operation would do.",
        "Your code ran too long here and was stopped.",
    ),
    "CRASH": Status(
        "CRASH",
        "some of your code stopped Python itself",
        "Python ended in the middle of your code, for example by using too much memory or by "
        "calling exit(), or the check met something that it was not made for. The other questions "
        "were graded as usual.",
        f"{AGAIN} look for the cell at which the kernel dies. If it does not die with you, show "
        "this page to your instructor.",
        "Python stopped in your code here, or the check could not be run.",
    ),
}
OTHER = Status(
    "Not graded",
    "a person has to look at it",
    "Something happened that the grader has no word for.",
    "Ask your instructor.",
    "This question was not graded.",
)


class Task(NamedTuple):
    """A stretch of the notebook up to a check: its heading, the student's code, the check's id."""

    title: str
    code: tuple[str, ...]
    question: str  # "" after the last check


def write_feedback(directory: Path, marks: Marks = NO_MARKS) -> int:
    """Write ``DIR/feedback/STUDENT/ASSIGNMENT.html`` for every result; return how many.

    The student's code comes from ``DIR/autograded``; without that the pages have no code.

    Parameters
    ----------
    directory : Path
        ``DIR``, as `course grade` left it.

    Raises
    ------
    ValueError
        If ``DIR/results`` holds no result, or a file that is none.
    """
    count = 0
    for path, result in read_results(directory, "writing feedback", marks):
        notebook = directory / "autograded" / path / f"{path.name}.ipynb"
        # A notebook without a score would be of an earlier submission.
        title, tasks = _read(notebook) if result["score"] is not None else ("", [])
        page = feedback(result, title, tasks)
        replace(directory / "feedback" / path.parent / f"{path.name}.html", page)
        count += 1
    return count


def feedback(result: dict[str, Any], title: str = "", tasks: list[Task] = ()) -> str:
    """Return the page of one result.

    Parameters
    ----------
    result : dict
        As in ``DIR/results``.
    title : str
        What the exercise is called; its name where this is empty.
    tasks : list of Task
        The notebook's; questions without one come last.
    """
    questions = {question["id"]: question for question in result["questions"]}
    parts = [_part(task, questions.pop(task.question, None)) for task in tasks]
    parts += [_part(Task("", (), name), question) for name, question in questions.items()]
    status = None if result["status"] == "GRADED" else STATUSES.get(result["status"], OTHER)
    named = result["questions"] and status is not None and status is not OTHER
    return render(
        "feedback.html",
        title=title or humanized(result["assignment"]),
        student=result["student"],
        late=result["late"],
        score=result["score"],
        max_score=result["max_score"],
        status=status or (OTHER if result["score"] is None else None),
        reason="" if named else for_student(result["reason"]),  # the questions say it themselves
        parts=_within(LONGEST_PAGE, parts),
        number=number,
        in_points=in_points,
        bar=_bar,
    )


def _part(task: Task, question: dict | None) -> dict[str, Any]:
    """Return what the template needs of a task."""
    code = [capped(source) for source in task.code]
    if question is None:
        return {"title": task.title or "More code of yours", "question": "", "code": code}
    complete = question["score"] is not None and question["score"] >= question["max_score"]
    lost = question["status"] != "GRADED"
    hint, report = for_student(question["hint"]), for_student(question["report"])
    return {
        "title": task.title or humanized(question["id"]),
        "question": question["id"],
        "score": question["score"],
        "max_score": question["max_score"],
        "complete": complete,
        "by_hand": question.get("grading") == BY_HAND,
        "status": STATUSES.get(question["status"], OTHER) if lost else None,
        "hint": "" if complete else hint,
        "sections": (found := sections(report)),
        "report": "" if found or complete or report == hint else report,
        "code": code,
    }


def _within(longest: int, parts: list[dict]) -> list[dict]:
    """Leave out the code that would make the page too long for a phone."""
    for part in parts:
        for place, source in enumerate(part["code"]):
            longest -= len(source)
            if longest < 0:
                part["code"][place] = "… (too long to show)"
    return parts


def _bar(score: float, max_score: float) -> Markup:
    """Return a bar of the share of the points; the text beside it says the same."""
    share = min(max(score / max_score, 0.0), 1.0) if max_score else 0.0
    return Markup(
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * share:.1f}" height="1"/></svg>'
    )


def _read(path: Path) -> tuple[str, list[Task]]:
    """Return the title and the tasks of an autograded notebook; nothing where it is missing."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        return _title(cells), list(_tasks(cells))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", []


def _tasks(cells: list[dict]) -> Iterator[Task]:
    """Cut the notebook at its checks. Of its code only the student's own is taken."""
    title, code = "", []
    for cell in cells:
        source = "".join(cell["source"])
        settings = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "markdown":
            title = _heading(source, 2) or title
        elif settings.get("grade"):
            yield Task(title, tuple(code), settings["grade_id"])
            title, code = "", []
        elif settings.get("solution") or cell.get("id", "").startswith("extra-"):
            code += [source] if source.strip() else []
    if code:
        yield Task(title, tuple(code), "")


def _title(cells: list[dict]) -> str:
    headings = (_heading("".join(c["source"]), 1) for c in cells if c["cell_type"] == "markdown")
    words = re.sub(r"^(Solution|Exercise): ", "", next(filter(None, headings), ""))
    return words[:1].upper() + words[1:]


def _heading(markdown: str, level: int) -> str:
    """Return the first heading of a level, without Markdown's marks."""
    found = re.search(rf"^#{{{level}}} +(.+?)[ #]*$", markdown, re.MULTILINE)
    return re.sub(r"[`*$]", "", found[1]) if found else ""
