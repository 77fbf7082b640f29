"""Take a submission apart: the learner's code, and nothing else of what he sent."""

import itertools
import json
from typing import Any, NamedTuple

from course_lib.grading.assignment import Assignment, Cell

NOTEBOOK_BYTES = 20 << 20
BRACKETS = 1_000_000  # each opens a list or an object, which takes twenty times its byte in memory
SOURCE_CHARACTERS = 1_000_000  # of all code together, as JSON writes it: it must fit a message
CELLS = 2000


class Invalid(ValueError):
    """Nothing can be graded, and why."""


class Work(NamedTuple):
    """The pristine cells with the learner's answers, and his extra code cells, in order."""

    cells: tuple[Cell, ...]


def read_submission(raw: bytes, assignment: Assignment) -> Work:
    """Put the learner's code into the instructor's notebook.

    Parameters
    ----------
    raw : bytes
        The file as it was handed in. Tests, points, tags, outputs and all metadata but the ids of
        the answers are ignored.
    assignment : Assignment

    Raises
    ------
    Invalid
        If it is no notebook, is too large, or belongs to another exercise.
    """
    answers, extras = _sort(_code_cells(_parse(raw)), assignment)
    ids = {cell.grade_id for cell in assignment.cells if cell.kind == "answer"}
    if ids and not ids & set(answers):
        raise Invalid(
            f"expected answers to {assignment.name}, got a notebook without one of its answer "
            "cells; hand in the file that the exercise came in"
        )
    head = list(itertools.takewhile(lambda cell: cell.kind == "given", assignment.cells))
    cells = [*head, *extras.get("", [])]
    for cell in assignment.cells[len(head) :]:
        if cell.kind != "answer":
            cells.append(cell)
        elif cell.grade_id in answers:
            cells.append(cell._replace(source=answers[cell.grade_id]))
        if cell.grade_id:
            cells += extras.get(cell.grade_id, [])
    return Work(tuple(cells))


def _parse(raw: bytes) -> list:
    if len(raw) > NOTEBOOK_BYTES:
        raise Invalid(
            f"expected a notebook of at most {NOTEBOOK_BYTES >> 20} MiB, got {len(raw) >> 20} MiB; "
            "clear its outputs and hand it in again"
        )
    if not raw.strip():
        raise Invalid("expected a notebook, got an empty file; save it and hand it in again")
    if raw.count(b"[") + raw.count(b"{") > BRACKETS:
        raise Invalid("expected a notebook, got a file of far more lists than any notebook has")
    try:
        notebook = json.loads(raw)
    except (ValueError, RecursionError) as error:
        kind = type(error).__name__
        raise Invalid(f"expected a notebook, got a file that is no JSON ({kind})") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise Invalid(
            "expected a notebook of format 4 with a list of cells, got none; open it in "
            "JupyterLab, save it and hand it in again"
        )
    if len(cells) > CELLS:
        raise Invalid(f"expected at most {CELLS} cells, got {len(cells)}")
    return cells


def _code_cells(cells: list) -> list[tuple[str, str]]:
    """Return id and source of each code cell; the id is empty where there is none."""
    found = []
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = _source(cell.get("source"))
        if source.strip():
            found.append((_grade_id(cell.get("metadata")), source))
    if sum(len(json.dumps(source)) for _, source in found) > SOURCE_CHARACTERS:
        raise Invalid(f"expected at most {SOURCE_CHARACTERS:,} characters of code, got more")
    return found


def _source(source: Any) -> str:
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    # A lone surrogate is legal in JSON, but no text that could be sent on.
    return text.encode(errors="replace").decode()


def _grade_id(metadata: Any) -> str:
    settings = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = settings.get("grade_id") if isinstance(settings, dict) else None
    return name if isinstance(name, str) else ""


def _sort(
    code: list[tuple[str, str]], assignment: Assignment
) -> tuple[dict[str, str], dict[str, list[Cell]]]:
    """Return the answers by id, and the extra cells by the id of the cell that they follow."""
    kinds = {cell.grade_id: cell.kind for cell in assignment.cells if cell.grade_id}
    given = {cell.source.strip() for cell in assignment.cells if cell.kind == "given"}
    answers: dict[str, str] = {}
    extras: dict[str, list[Cell]] = {}
    place = ""
    for grade_id, source in code:
        kind = kinds.get(grade_id)
        if kind == "test":
            place = grade_id
        elif kind == "answer" and grade_id not in answers:
            answers[grade_id], place = source, grade_id
        elif source.strip() not in given:
            # A copied answer cell carries its id too: it runs after the first, as it did there.
            extras.setdefault(place, []).append(Cell("extra", "", source))
    return answers, extras
