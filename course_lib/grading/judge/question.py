"""Run one test cell of the instructor's notebook against proxies of the learner's functions."""

import ast
import builtins
import contextlib
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib.grading.assignment import Cell
from course_lib.grading.check import CheckFailed, hidden_seed, load_question
from course_lib.grading.examine import examine, total
from course_lib.grading.judge.remote import WorkerLost
from course_lib.grading.text import clean, in_points

if TYPE_CHECKING:
    from course_lib.grading.judge.judge import _Judge

REPORT = 20_000  # characters


class Question(dict):
    """The names that a test cell sees: `check`, what the answers define, the instructor's own.

    Attributes
    ----------
    hint : str
        The first named error, else the first problem.
    report : str
        What the visible check said, and the hidden one where that found something.
    """

    def __init__(self, judge: "_Judge", cell: Cell):
        super().__init__(check=self.check)
        self.judge, self.cell = judge, cell
        self.hint = self.report = ""
        self.score, self.status, self.failure = 0.0, "GRADED", ""
        self.errors: list[str] = []  # of the cells before it
        self.shown: list[float] = []  # what the visible checks gave
        self.hides = False  # whether it has hidden checks

    def ask(self) -> None:
        """Run the cell with the visible inputs; a hidden check counts as passed for now."""
        self.hidden, self.errors = False, self.judge.errors
        self._attempt()

    def ask_again(self) -> None:
        """Run it with the hidden inputs if it has any; what the visible checks gave stands."""
        if self.hides and self.status == "GRADED" and not self.failure:
            self.hidden = True
            self._attempt()

    def result(self) -> dict[str, Any]:
        """Return what the question earned, ready for JSON."""
        lost = self.status != "GRADED"
        return {
            "id": self.cell.grade_id,
            "score": self.score,
            "max_score": self.cell.points,
            "status": self.status,
            "hint": clean(self.failure if lost else self.hint or self.failure)[:REPORT],
            "report": clean(self.report or self.failure)[:REPORT],
        }

    def _attempt(self) -> None:
        self.score, self.again = 0.0, iter(self.shown)
        try:
            self.score = self._run()
        except WorkerLost as loss:
            self.status, self.failure = loss.status, loss.reason
        except CheckFailed as error:
            self.failure = str(error)
        except Exception as error:
            # No learner's fault, so no silent zero: a person has to look.
            self.status = "CRASH"
            self.failure = f"the check itself failed: {type(error).__name__}: {error}"

    def __missing__(self, name: str) -> Any:
        if name in self.judge.assignment.names:  # no other name: a learner must not shadow `float`
            return self._learners(name)
        return self.judge.given[name] if name in self.judge.given else getattr(builtins, name)

    def _run(self) -> float:
        """Execute the cell; return its points by nbgrader's rule: the last value, or all.

        Raises
        ------
        CheckFailed
            If no point was earned.
        WorkerLost
            If the learner's code ran too long or ended its process.
        """
        value = None
        with (
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(all="ignore"),
            warnings.catch_warnings(action="ignore"),  # of what the learner returned
        ):
            for node in ast.parse(self.cell.source).body:
                if isinstance(node, ast.Expr):
                    value = eval(compile(ast.Expression(node.value), "<test>", "eval"), {}, self)
                else:
                    value = exec(compile(ast.Module([node], []), "<test>", "exec"), {}, self)
        score = self.cell.points if value is None else float(value)
        return max(0.0, min(score, self.cell.points))

    def check(self, name: str, submission: Callable, *, hidden: bool = False) -> float:
        """Stand for `course_lib.grading.check`: the instructor's seed, and nothing printed."""
        group, _, question = name.partition(".")
        criteria = self.judge.overlay[question] if group == "overlay" else load_question(name)
        self.hides |= hidden
        if hidden is not self.hidden:
            return float(total(criteria)) if hidden else next(self.again)
        found = examine(
            name, criteria, submission, hidden_seed(self.judge.seed) if hidden else None
        )
        if found.not_written:
            raise CheckFailed("\n".join(["not written yet", *self.errors]))
        if found.hint or not self.report:
            self.hint = self.hint or found.hint
            self.report = f"{self.report}\n{found.report}".strip()
        if found.earned == 0:
            raise CheckFailed(f"{name}: {in_points(0, found.points)}")
        self.shown.append(float(found.earned))
        return float(found.earned)

    def _learners(self, name: str) -> Callable:
        """Return a proxy of a function of the learner's, which may die and come back."""
        judge = self.judge
        if judge.learner.session.has(name):
            return lambda *args, **kwargs: judge.learner.session.call(name, args, kwargs)
        if judge.assignment.names[name] in judge.losses:
            raise judge.losses[judge.assignment.names[name]]
        raise CheckFailed("\n".join([f"{name} is not defined", *self.errors]))
