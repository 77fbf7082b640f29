"""An exercise as the judge needs it: the instructor's cells, with hidden tests and points."""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.grading.own_source import own_source


class Cell(NamedTuple):
    """A code cell.

    `kind` is ``"given"`` (imports, helpers), ``"answer"`` (a solution cell, as released),
    ``"test"`` (with its hidden tests) or, in a learner's work, ``"extra"``.
    """

    kind: str
    grade_id: str
    source: str
    points: float = 0.0


class Assignment(NamedTuple):
    """The instructor's side of one exercise; `digest` changes whenever a grade might."""

    name: str
    cells: tuple[Cell, ...]
    packages: tuple[str, ...]
    digest: str
    names: Mapping[str, str]  # what the answers define, and the id of the cell that does
    overlay: str = ""  # source of the instructor's own questions

    @property
    def questions(self) -> list[Cell]:
        """The tests, in order."""
        return [cell for cell in self.cells if cell.kind == "test"]

    @property
    def max_score(self) -> float:
        """The points of all questions."""
        return sum(cell.points for cell in self.questions)


def load_assignment(root: Path, name: str, overlay: Path | None = None) -> Assignment:
    """Read an exercise from its solution.

    Parameters
    ----------
    root : Path
        The course's folder: the source is ``solutions/NAME/NAME.ipynb`` there.
    name : str
    overlay : Path, optional
        A private folder; a file ``NAME.py`` in it holds more questions, written as those of
        `course_lib.grading.checks`: each value that is a tuple of criteria is a question about
        the learner's function of the same name.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    import nbformat  # here: graders on other machines get assignments ready-made
    from nbgrader.utils import is_solution

    path = root / "solutions" / name / f"{name}.ipynb"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (root / "solutions").glob("*/*.ipynb")))
        raise ValueError(f"expected one of the exercises {known or '(none)'}, got {name!r}")
    notebook = nbformat.read(path, as_version=4)
    cells = [_cell(cell) for cell in notebook.cells if cell.cell_type == "code"]
    extra = ""
    if overlay is not None and (overlay / f"{name}.py").is_file():
        extra = (overlay / f"{name}.py").read_text(encoding="utf-8")
        cells += _overlay_cells(name, extra)
    packages = tuple(notebook.metadata.get("course", {}).get("packages", ["numpy"]))
    digest = hashlib.sha256(b"\0".join([path.read_bytes(), extra.encode(), own_source().encode()]))
    names = {
        defined: cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if is_solution(cell)
        for defined in _defined(cell.source)
    }
    return Assignment(name, tuple(cells), packages, digest.hexdigest(), names, extra)


def _defined(source: str) -> Iterator[str]:
    """Yield the names that a cell defines at its top level."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _cell(cell: Any) -> Cell:
    from nbgrader.utils import is_grade, is_solution

    if is_grade(cell):
        settings = cell.metadata.nbgrader
        return Cell("test", settings.grade_id, cell.source, float(settings.points))
    if is_solution(cell):
        return Cell("answer", cell.metadata.nbgrader.grade_id, _unsolved(cell.source))
    return Cell("given", "", cell.source)


def _unsolved(source: str) -> str:
    return re.sub(
        r"(?ms)^([ \t]*)### BEGIN SOLUTION.*?### END SOLUTION",
        r"\1# YOUR CODE HERE\n\1raise NotImplementedError()",
        source,
    )


def _overlay_cells(name: str, source: str) -> list[Cell]:
    from course_lib.grading.overlay import questions

    return [
        Cell("test", f"overlay_{question}", f'check("overlay.{question}", {question}, hidden=True)',
             points)
        for question, points in questions(name, source).items()
    ]  # fmt: skip
