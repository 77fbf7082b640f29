"""Write an exercise's cells into nbgrader's gradebook, as its own release step does."""

import json
import re
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbgrader.api import (
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    Notebook,
    SolutionCell,
    SourceCell,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.utils import compute_checksum
from sqlalchemy import delete, insert, select

from course_lib.grading.assignment import Assignment, Cell

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


class SavedCells(NamedTuple):
    """An exercise in the gradebook: ids there of its questions and answers by their names."""

    name: str
    assignment_id: str
    notebook_id: str
    questions: dict[str, str]
    answers: dict[str, str]
    warnings: tuple[str, ...]


def nbgrader_cell(cell: Cell) -> NotebookNode:
    """Return a question or an answer with the metadata that nbgrader gives it on release."""
    graded = cell.kind == "test"
    settings = {
        "cell_type": "code",
        "grade": graded,
        "grade_id": cell.grade_id,
        "locked": graded,
        "schema_version": 3,
        "solution": not graded,
        "task": False,
    }
    if graded:
        settings["points"] = cell.points
    name = re.sub("[^A-Za-z0-9_-]", "-", cell.grade_id)[:64]  # what the format allows
    node = code_cell(cell.source, name, {"nbgrader": settings})
    node.metadata.nbgrader.checksum = compute_checksum(node)
    return node


def code_cell(source: str, name: str, metadata: dict | None = None) -> NotebookNode:
    """Return a code cell that nobody has run, without nbformat's slow look at its form."""
    cell = {"cell_type": "code", "id": name, "metadata": metadata or {}, "source": source}
    return nbformat.from_dict(cell | {"execution_count": None, "outputs": []})


def save_cells(book: Gradebook, assignment: Assignment) -> SavedCells:
    """Bring the gradebook's record of an exercise to its present state.

    nbgrader refuses to change the questions of an exercise that somebody has handed in. Here a new
    one is added to every submission, ungraded; one that is no more is removed, and the warning
    names each score and comment that a person gave for it.
    """
    name = assignment.name
    book.update_or_create_assignment(name)
    notebook = book.update_or_create_notebook(name, name, kernelspec=json.dumps(KERNEL))
    warnings = _remove_old(book, notebook, assignment)
    before = {cell.id for cell in notebook.grade_cells}
    for cell in assignment.cells:
        if cell.grade_id:
            _save(book, name, cell)
    book.db.expire_all()
    wanted = {cell.grade_id for cell in assignment.cells}
    questions = {c.name: c.id for c in notebook.grade_cells if c.name in wanted}
    answers = {c.name: c.id for c in notebook.solution_cells if c.name in wanted}
    _add_ungraded(book, notebook, [id for id in questions.values() if id not in before])
    saved = name, notebook.assignment_id, notebook.id, questions, answers, tuple(warnings)
    book.db.commit()
    return SavedCells(*saved)


def _save(book: Gradebook, name: str, cell: Cell) -> None:
    node = nbgrader_cell(cell)
    place = cell.grade_id, name, name
    if cell.kind == "test":
        book.update_or_create_grade_cell(*place, max_score=cell.points, cell_type="code")
    else:
        book.update_or_create_solution_cell(*place)
    book.update_or_create_source_cell(
        *place,
        cell_type="code",
        locked=cell.kind == "test",
        source=cell.source,
        checksum=node.metadata.nbgrader.checksum,
    )


def _add_ungraded(book: Gradebook, notebook: Notebook, cells: list[str]) -> None:
    """Give every submission that is there already a place for new questions."""
    mine = SubmittedNotebook.notebook_id == notebook.id
    submitted = list(book.db.scalars(select(SubmittedNotebook.id).where(mine))) if cells else []
    rows = [
        {"id": new_uuid(), "notebook_id": one, "cell_id": cell, "needs_manual_grade": True}
        for one in submitted
        for cell in cells
    ]
    if rows:
        book.db.execute(insert(Grade), rows)


def _remove_old(book: Gradebook, notebook: Notebook, assignment: Assignment) -> list[str]:
    """Remove the questions and answers that are no more; return what that loses."""
    wanted = {(cell.kind, cell.grade_id) for cell in assignment.cells}
    sources = {cell.name: cell for cell in notebook.source_cells}
    warnings = []
    for kind, cells in (("test", notebook.grade_cells), ("answer", notebook.solution_cells)):
        for cell in cells:
            source = sources.get(cell.name)
            # Written answers are graded by people alone; the judge knows nothing of them.
            if (kind, cell.name) in wanted or (source and source.cell_type != "code"):
                continue
            warnings += _losses(cell, assignment.name)
            _remove(book, cell)
            if not {("test", cell.name), ("answer", cell.name)} & wanted:
                mine = SourceCell.notebook_id == notebook.id, SourceCell.name == cell.name
                book.db.execute(delete(SourceCell).where(*mine))
    book.db.expire_all()
    return warnings


def _remove(book: Gradebook, cell: GradeCell | SolutionCell) -> None:
    for table in (Grade, Comment):
        book.db.execute(delete(table).where(table.cell_id == cell.id))
    for table in (type(cell).__table__, BaseCell.__table__):
        book.db.execute(delete(table).where(table.c.id == cell.id))


def _losses(cell: GradeCell | SolutionCell, assignment: str) -> list[str]:
    """Say that a cell is removed, and what people wrote about it."""
    found = []
    for grade in cell.grades or []:
        given = {"score": grade.manual_score, "extra credit": grade.extra_credit}
        words = [f"{what} {value:g}" for what, value in given.items() if value is not None]
        found += [f"{grade.student.id} ({', '.join(words)})"] if words else []
    for comment in cell.comments or []:
        if comment.manual_comment is not None:
            found.append(f"{comment.student.id} (comment {comment.manual_comment!r})")
    what = "question" if isinstance(cell, GradeCell) else "answer"
    lost = f"with what people gave: {'; '.join(sorted(found))}" if found else "nobody had graded it"
    if not found and what == "answer":
        return []
    return [f"{assignment}: the {what} {cell.name} is no more and leaves the gradebook, {lost}"]
