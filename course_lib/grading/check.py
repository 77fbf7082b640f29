"""The line of a notebook that checks an answer: `check("exercise.question", function)`."""

import hashlib
import importlib
import os
import secrets
from collections.abc import Callable

from course_lib.grading.examine import NOT_WRITTEN, Criterion, examine
from course_lib.grading.text import in_points


class CheckFailed(AssertionError):
    """No point was earned; the report above the traceback says why."""

    def _render_traceback_(self) -> list[str]:
        """Show one line in a notebook: the report has said the rest."""
        return [f"CheckFailed: {self}"]


def check(name: str, submission: Callable, *, hidden: bool = False) -> float:
    """Print what `submission` does right and wrong, and return its points.

    Parameters
    ----------
    name : str
        Exercise and question, such as ``"batch_norm.normalize"``: the criteria are the value
        ``normalize`` of the module ``course_lib.grading.checks.batch_norm``.
    submission : callable
        The learner's function. It gets plain arrays and numbers and returns such.
    hidden : bool
        Draw the inputs from the instructor's seed, and report errors without any number.

    Returns
    -------
    float
        The points earned, more than 0: nbgrader reads it from the cell's output.

    Raises
    ------
    CheckFailed
        If no point was earned: nbgrader then gives 0.
    """
    found = examine(name, load_question(name), submission, hidden_seed() if hidden else None)
    if found.not_written:
        raise CheckFailed(f"{name} is {NOT_WRITTEN}, {in_points(0, found.points)}")
    print(found.report)
    if found.earned == 0:
        raise CheckFailed(f"{name}: {in_points(0, found.points)}, see above")
    return float(found.earned)


def load_question(name: str) -> tuple[Criterion, ...]:
    """Return the criteria of a question by its name, ``"exercise.question"``."""
    exercise, _, question = name.partition(".")
    module = importlib.import_module(f"course_lib.grading.checks.{exercise}")
    return getattr(module, question)


def hidden_seed(secret: bytes = b"") -> int:
    """Return the seed of hidden inputs: the instructor's, or one that nobody can prepare for."""
    secret = secret or os.environ.get("COURSE_SEED", "").encode() or secrets.token_bytes()
    return int.from_bytes(hashlib.sha256(secret).digest())
