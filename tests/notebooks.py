"""Notebooks for tests: answer the tasks of an exercise, as a learner would."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

ROOT = Path(__file__).parent.parent
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*/*.ipynb"))


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def checks(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if is_grade(cell)]


def answers(notebook: NotebookNode) -> dict[str, str]:
    """Return the source of each solution cell by its grade_id."""
    return {
        cell.metadata.nbgrader.grade_id: cell.source for cell in notebook.cells if is_solution(cell)
    }


def answered(name: str, given: dict[str, str] | None = None) -> NotebookNode:
    """Return the exercise with the solution's answers, or with those in `given`."""
    notebook = read(ROOT / "exercises" / name / f"{name}.ipynb")
    if given is None:
        given = answers(read(ROOT / "solutions" / name / f"{name}.ipynb"))
    for cell in notebook.cells:
        if is_solution(cell):
            cell.source = given.get(cell.metadata.nbgrader.grade_id, cell.source)
    return notebook


def write(notebook: NotebookNode, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path
