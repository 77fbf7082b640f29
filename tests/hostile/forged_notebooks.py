"""Notebooks whose metadata, outputs and cells claim the points."""

import copy
import json

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution
from submissions import notebook

from hostile.forged_points import BLANK
from hostile.registry import ALL, attack


def forged(change) -> bytes:
    """Return an unsolved notebook after `change` has had its way with each cell, and with it."""
    work = notebook("batch_norm", BLANK)
    for cell in work.cells:
        if cell.cell_type == "code":
            change(cell, work)
    return json.dumps(work).encode()


def _settings(cell: NotebookNode) -> NotebookNode:
    return cell.metadata.get("nbgrader", NotebookNode())


@attack(*ALL)
def points_in_the_metadata():
    """Raises the points of each cell, and gives some to the answers."""
    return forged(lambda cell, work: _settings(cell).update(points=100, grade=True, locked=False))


@attack(*ALL)
def tags_that_skip_the_test():
    """Tags every cell so that a runner skips it or takes its error."""
    tags = ["raises-exception", "skip-execution", "remove-cell", "nbval-skip", "solved"]
    return forged(lambda cell, work: cell.metadata.update(tags=tags))


@attack(*ALL)
def outputs_that_claim_points():
    """Stores the full score as the output of every test."""

    def claim(cell, work):
        data = {"text/plain": "18.0"}
        cell.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]

    return forged(claim)


@attack(*ALL)
def deleted_tests():
    """Deletes the tests."""
    work = notebook("batch_norm", BLANK)
    work.cells = [cell for cell in work.cells if not is_grade(cell)]
    return nbformat.writes(work).encode()


@attack(*ALL)
def duplicated_tests():
    """Repeats each test, with a body that earns its points."""
    work = notebook("batch_norm", BLANK)
    for cell in [cell for cell in work.cells if is_grade(cell)]:
        again = copy.deepcopy(cell) | {"source": "check = lambda *a, **k: 4.0\n4.0"}
        work.cells[:0] = [again]
        work.cells.append(again)
    return json.dumps(work).encode()


@attack(*ALL)
def tests_rewritten():
    """Replaces the text of the tests."""

    def rewrite(cell, work):
        if is_grade(cell):
            cell.source = "4.0"

    return forged(rewrite)


@attack(*ALL)
def retyped_cells():
    """Makes tests markdown and answers tests."""

    def retype(cell, work):
        if is_grade(cell):
            cell.cell_type = "markdown"
        elif is_solution(cell):
            _settings(cell).update(grade=True, points=18, cell_type="code")

    return forged(retype)


@attack("batches_to_forget", said="batches_to_forget is not defined")
def an_answer_made_text():
    """Makes one answer a markdown cell: it is not run, and the test says what is missing."""
    work = notebook("batch_norm")
    for cell in work.cells:
        if _settings(cell).get("grade_id") == "batches_to_forget":
            cell.cell_type = "markdown"
    return json.dumps(work).encode()


@attack(*ALL)
def exchanged_ids():
    """Gives the tests the ids of answers, and the answers those of tests."""

    def exchange(cell, work):
        grade_id = _settings(cell).get("grade_id", "")
        if is_grade(cell):
            _settings(cell).grade_id = grade_id.removeprefix("check_")
        elif is_solution(cell) and grade_id != "normalize":
            _settings(cell).grade_id = f"check_{grade_id}"

    return forged(exchange)


@attack(*ALL)
def ids_of_look_alikes():
    """Writes the tests' ids with letters that only look the same, and adds invisible ones."""

    def disguise(cell, work):
        if is_grade(cell):
            cell.source = "18.0"
            _settings(cell).grade_id = _settings(cell).grade_id.replace("c", "с") + "\u200b"

    return forged(disguise)


@attack(*ALL)
def a_kernel_of_ones_own():
    """Names a program as the kernel, another language, and a format from the future."""

    def rename(cell, work):
        work.metadata.kernelspec = {"name": "x", "argv": ["sh", "-c", "echo 18"], "language": "sh"}
        work.metadata.course = {"packages": ["torch", "os"], "points": 18}
        work.nbformat, work.nbformat_minor = 99, -1

    return forged(rename)


@attack(*ALL)
def metadata_that_is_no_metadata():
    """Puts lists, numbers and endless names where the metadata's objects stand."""
    wrong = iter(
        [
            [],
            0,
            "nbgrader",
            None,
            {"nbgrader": []},
            {"nbgrader": {"grade_id": [1]}},
            {"nbgrader": {"grade_id": "x" * 10**6}},
            {"nbgrader": {"grade_id": None}},
        ]
        * 9
    )

    def spoil(cell, work):
        if is_grade(cell):
            cell.update(metadata=next(wrong), outputs=7, execution_count="1", source=["18.0", 3])

    return forged(spoil)


@attack(*ALL)
def cells_of_every_wrong_type():
    """Mixes in cells that are numbers, lists, texts and deep objects."""
    deep: list = []
    for _ in range(200):
        deep = [deep]
    work = json.loads(forged(lambda cell, work: None))
    wrong = [
        1,
        None,
        "cell",
        [],
        {},
        {"cell_type": "code"},
        {"cell_type": {"a": 1}},
        deep,
        {"cell_type": "code", "source": {"a": "18.0"}},
        {"cell_type": "code", "source": deep},
    ]
    work["cells"] = [*wrong, *work["cells"], *wrong]
    return json.dumps(work).encode()


@attack(*ALL)
def keys_given_twice():
    """Gives the cells twice in one JSON object: the last counts, for everyone."""
    cells = json.dumps({"cells": [{"cell_type": "code", "source": "18.0", "metadata": {}}]})
    return (cells[:-1] + "," + forged(lambda cell, work: None).decode()[1:]).encode()
