"""Results as `course grade` stores them, for the tests of what is made of them."""

import json
from pathlib import Path

import numpy as np

from course_lib.grading.checks import batch_norm
from course_lib.grading.examine import examine

HINT = batch_norm.normalize[0].mistakes[1].hint
BIDI = "\u202e\u2066\u2069\u200f"
SCRIPT = "</pre></code></style><script>alert(1)</script><img src=x onerror=alert(1)>"


def no_eps(x, weight, bias, eps):
    """Make the error that `HINT` names."""
    return batch_norm.normalize[0].mistakes[1].wrong(x, weight, bias, eps)


def judged(name: str = "normalize", function=no_eps, seed: int | None = None):
    """Return what the real check says of a function."""
    with np.errstate(all="ignore"):  # as in the judge: a constant channel without ε divides 0 by 0
        return examine(f"batch_norm.{name}", getattr(batch_norm, name), function, seed)


def question(score: float | None = 2.0, most: float = 4.0, **more) -> dict:
    """Return the result of one question."""
    told = {"hint": HINT, "report": judged().report}
    told = told if (score or 0) < most else {"hint": "", "report": "batch_norm.x: 4 of 4 points"}
    start = {"id": "check_normalize", "score": score, "max_score": most, "status": "GRADED"}
    return start | told | more


def result(student: str = "ada", assignment: str = "batch_norm", *questions: dict, **more) -> dict:
    """Return the result of one submission; its score is the sum unless `more` says otherwise."""
    asked = [*questions] or [question()]
    scores = [q["score"] for q in asked if q["score"] is not None]
    start = {
        "student": student,
        "assignment": assignment,
        "status": "GRADED",
        "reason": "",
        "score": sum(scores) if scores else None,
        "max_score": sum(q["max_score"] for q in asked),
        "seconds": 0.21,
        "sandbox": True,
        "late": False,
        "questions": asked,
    }
    return start | more


def invalid(student: str = "eve", assignment: str = "batch_norm", **more) -> dict:
    """Return the result of a submission that nobody could read."""
    reason = "expected a notebook, got an empty file; save it and hand it in again"
    start = {"status": "INVALID", "reason": reason, "score": None, "max_score": 4.0}
    return result(student, assignment) | start | {"questions": []} | more


def store(directory: Path, *results: dict) -> Path:
    """Write the results where `course grade` writes them."""
    for content in results:
        path = directory / "results" / content["student"] / f"{content['assignment']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    return directory
