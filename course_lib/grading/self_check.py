"""Run a learner's own notebook and collect what its checks say."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_grade

from course_lib.grading.examine import Criterion, total
from course_lib.lab.progress import progress


class Unreadable(ValueError):
    """The file is no notebook."""


@dataclass(frozen=True)
class Outcome:
    """What one check said."""

    question: str
    earned: float
    points: float
    report: str

    @property
    def passed(self) -> bool:
        """Whether every point was earned."""
        return self.earned == self.points


def self_check(path: Path, *, timeout: int = 60) -> list[Outcome]:
    """Execute the notebook at `path` in a fresh kernel and return the outcome of each question.

    Parameters
    ----------
    path : Path
        An exercise; it is executed as it stands and not changed on disk.
    timeout : int
        Seconds that one cell may take; then it is interrupted and the next one runs.

    Raises
    ------
    Unreadable
        If the file is missing or is no notebook.
    """
    notebook = _read(path)
    _execute(notebook, path.parent, timeout)
    outcomes = [
        _outcome(cell, _broken_cells(notebook)) for cell in notebook.cells if is_grade(cell)
    ]
    return outcomes + list(_missing(path.stem, {outcome.question for outcome in outcomes}))


def _read(path: Path) -> NotebookNode:
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except FileNotFoundError:
        raise Unreadable(f"expected a notebook, got no file at {path}") from None
    except Exception as error:  # the readers of old formats raise whatever a broken file provokes
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise Unreadable(
            f"expected a notebook at {path}, got a file that cannot be read as one: {reason}; "
            "save it in JupyterLab and try again"
        ) from None
    return notebook


def _execute(notebook: NotebookNode, folder: Path, timeout: int) -> None:
    """Run every cell in place, past errors, with a progress bar where somebody watches."""
    client = NotebookClient(
        notebook,
        timeout=timeout,
        interrupt_on_timeout=True,
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=40"],  # errors alone: the kernel warns of its own transport
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    try:
        with client.setup_kernel():
            for index, cell in enumerate(progress(notebook.cells, "running the notebook")):
                client.execute_cell(cell, index)
    except DeadKernelError:
        pass  # the cells that did not run have no output, and earn nothing


def _outcome(cell: NotebookNode, broken: str) -> Outcome:
    """Read points and report from an executed check."""
    question = cell.metadata.nbgrader.grade_id.removeprefix("check_")
    points = float(cell.metadata.nbgrader.points)
    if cell.execution_count is None:
        return Outcome(question, 0, points, "  not run: Python stopped in a cell before this one")
    earned, _ = determine_grade(cell)
    report = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    if not report:
        errors = [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
        report = "\n".join(f"  {line}" for line in [*errors, broken] if line)
    return Outcome(question, earned, points, report.rstrip())


def _broken_cells(notebook: NotebookNode) -> str:
    """Name the first cell that is no check and raised: what follows may fail because of it."""
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code_cells, 1):
        errors = [o for o in cell.outputs if o.output_type == "error"]
        if errors and not is_grade(cell):
            return f"(code cell {number} raised {errors[0].ename}: {errors[0].evalue})"
    return ""


def _missing(exercise: str, found: set[str]) -> Iterator[Outcome]:
    """Yield the questions whose check is not in the notebook any more."""
    try:
        module = importlib.import_module(f"course_lib.grading.checks.{exercise}")
    except ImportError:
        return  # a renamed copy: its own checks are all there is to go by
    for name, value in vars(module).items():
        is_question = isinstance(value, tuple) and value and isinstance(value[0], Criterion)
        if is_question and name not in found:
            note = "  its check is missing: copy the cell back from the exercise"
            yield Outcome(name, 0, total(value), note)
