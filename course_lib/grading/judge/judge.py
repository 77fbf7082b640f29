"""Grade one submission: the instructor's tests here, the learner's code in the sandbox."""

import time
from typing import Any

from course_lib.grading import overlay
from course_lib.grading.assignment import Assignment, Cell
from course_lib.grading.judge.learner import Learner
from course_lib.grading.judge.own_memory import limited_memory
from course_lib.grading.judge.pool import Pool, deadline_of
from course_lib.grading.judge.question import Question
from course_lib.grading.judge.remote import WorkerLost
from course_lib.grading.submissions.intake import Invalid, Work, read_submission
from course_lib.grading.text import clean


def grade(assignment: Assignment, raw: bytes, seed: bytes, pool: Pool) -> dict[str, Any]:
    """Grade a submission.

    Parameters
    ----------
    assignment : Assignment
    raw : bytes
        The notebook as it was handed in.
    seed : bytes
        The instructor's secret, from which the hidden inputs are drawn.
    pool : Pool

    Returns
    -------
    dict
        Ready for JSON: assignment, status, reason, score, max_score, seconds, sandbox, questions.

    Raises
    ------
    NoSandbox
        If code cannot be locked in here. Nothing that a submission does raises.
    """
    start = time.monotonic()
    try:
        work = read_submission(raw, assignment)
    except Invalid as error:
        result = summary(assignment, [], "INVALID", clean(str(error)))
    else:
        judge = _Judge(assignment, work, seed, pool)
        with limited_memory():
            questions = judge.run()
        result = summary(assignment, questions, *_whole(questions))
    return result | {"seconds": round(time.monotonic() - start, 3), "sandbox": pool.sandbox}


def summary(
    assignment: Assignment, questions: list[dict], status: str, reason: str
) -> dict[str, Any]:
    """Return the result; the score is None where no question was graded."""
    graded = any(question["status"] == "GRADED" for question in questions)
    return {
        "assignment": assignment.name,
        "status": status,
        "reason": reason,
        "score": sum(question["score"] for question in questions) if graded else None,
        "max_score": assignment.max_score,
        "questions": questions,
    }


def _whole(questions: list[dict]) -> tuple[str, str]:
    """Return the status of the submission, and why, from those of its questions."""
    lost = [question for question in questions if question["status"] != "GRADED"]
    if not lost:
        return "GRADED", ""
    return lost[0]["status"], "; ".join(f"{q['id']}: {q['hint']}" for q in lost)[:1000]


class _Judge:
    """One submission on its way through the notebook."""

    def __init__(self, assignment: Assignment, work: Work, seed: bytes, pool: Pool):
        self.assignment, self.work, self.seed, self.pool = assignment, work, seed, pool
        self.overlay = overlay.load(assignment.name, assignment.overlay)
        self.losses: dict[str, WorkerLost] = {}  # by the id of the answer that killed its worker
        self.errors: list[str] = []  # of the cells since the last test
        self.given: dict[str, Any] = {}  # what the instructor's own cells define
        self.questions = {
            number: Question(self, cell)
            for number, cell in enumerate(work.cells)
            if cell.kind == "test"
        }
        if "torch" in assignment.packages:
            import torch  # noqa: F401, the wire builds tensors only where it is loaded
        pool.warm(assignment.packages)  # importing torch is not the learner's time

    def run(self) -> list[dict]:
        """Go through the cells with the visible inputs, then with the hidden ones.

        Each time in a worker of its own: one that has seen a hidden input could put it into any
        text that it sends later. By then the first has gone, and no text of the second is kept.
        """
        self.learner = self._fresh()
        try:
            for number, cell in enumerate(self.work.cells):
                if cell.kind == "test":
                    self.questions[number].ask()
                    self.errors = []
                else:
                    self._run(number, cell)
        finally:
            self.learner.close()
        ran, self.learner = dict(self.learner.ran), self._fresh()
        try:
            for number in range(len(self.work.cells)):
                if number in ran:
                    self.learner.ran.append((number, ran[number]))
                elif number in self.questions:
                    self.questions[number].ask_again()
        finally:
            self.learner.close()
        return [question.result() for question in self.questions.values()]

    def _fresh(self) -> Learner:
        return Learner(self.pool, self.assignment.packages, deadline_of(self.pool.limits))

    def _run(self, number: int, cell: Cell) -> None:
        """Run a cell in the worker, an instructor's here too: his tests may need it."""
        if cell.kind == "given":
            exec(compile(cell.source, f"<given cell {number + 1}>", "exec"), self.given)
        try:
            error = self.learner.run(number, cell)
        except WorkerLost as loss:
            self.losses[cell.grade_id] = loss
            self.errors.append(f"code cell {number + 1}: {loss.reason}")
            return
        if error and error["type"] != "NotImplementedError":
            line = f", line {error['line']}" if error["line"] else ""
            self.errors.append(f"code cell {number + 1}{line}: {error['type']}: {error['message']}")
