"""Intake: of a submission only the learner's code counts, and whatever is no notebook says so."""

import json

import pytest
from notebooks import ROOT

from course_lib.grading.assignment import Assignment, Cell, load_assignment
from course_lib.grading.submissions import intake
from course_lib.grading.submissions.intake import Invalid, read_submission

ASSIGNMENT = Assignment(
    name="demo",
    cells=(
        Cell("given", "", "import numpy as np"),
        Cell("answer", "one", "raise NotImplementedError()"),
        Cell("test", "check_one", "check('demo.one', one)", 2.0),
        Cell("answer", "two", "raise NotImplementedError()"),
        Cell("test", "check_two", "check('demo.two', two)", 3.0),
    ),
    packages=("numpy",),
    digest="",
    names={"one": "one", "two": "two"},
)


def cell(source, grade_id=None, **changes):
    metadata = {} if grade_id is None else {"nbgrader": {"grade_id": grade_id, "points": 100}}
    return {"cell_type": "code", "source": source, "metadata": metadata} | changes


def notebook(*cells, **changes):
    return json.dumps({"cells": cells, "nbformat": 4} | changes).encode()


def read(*cells):
    return [(c.kind, c.source) for c in read_submission(notebook(*cells), ASSIGNMENT).cells]


ONE, TWO = cell("one = 1", "one"), cell("two = 2", "two")
TESTS = [("test", "check('demo.one', one)"), ("test", "check('demo.two', two)")]
GIVEN = ("given", "import numpy as np")


def test_answers_stand_in_the_instructors_notebook():
    assert read(ONE, TWO) == [
        GIVEN, ("answer", "one = 1"), TESTS[0], ("answer", "two = 2"), TESTS[1]
    ]  # fmt: skip


def test_the_order_of_the_answers_is_the_instructors():
    assert read(TWO, ONE) == read(ONE, TWO)


def test_extra_cells_keep_their_place():
    extra = [cell("a = 0"), ONE, cell("b = 0"), cell("check", "check_one"), cell("c = 0"), TWO]
    assert read(*extra) == [
        GIVEN, ("extra", "a = 0"), ("answer", "one = 1"), ("extra", "b = 0"), TESTS[0],
        ("extra", "c = 0"), ("answer", "two = 2"), TESTS[1],
    ]  # fmt: skip


def test_an_unchanged_given_cell_does_not_run_twice():
    assert read(cell("import numpy as np\n"), ONE, TWO) == read(ONE, TWO)


def test_a_copied_answer_runs_after_the_first():
    assert ("extra", "one = 7") in read(ONE, cell("one = 7", "one"), TWO)


def test_tests_and_points_of_the_submission_do_not_count():
    forged = cell("100.0", "check_one")
    assert read(ONE, forged, TWO) == read(ONE, TWO)
    points = [c.points for c in read_submission(notebook(ONE, forged), ASSIGNMENT).cells]
    assert max(points) == 3.0


@pytest.mark.parametrize(
    "forged",
    [
        {"cell_type": "raw"}, {"cell_type": "markdown"}, {"cell_type": ["code"]},
        {"metadata": {"nbgrader": {"grade_id": ["one"]}}}, {"metadata": {"nbgrader": "one"}},
        {"metadata": None}, {"metadata": {"nbgrader": {"grade_id": "check_one"}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_retyped_answer_is_no_answer(forged):
    kinds = [kind for kind, _ in read(ONE | forged, TWO)]
    assert kinds.count("answer") == 1
    assert kinds.count("test") == 2


def test_sources_may_be_lists_of_lines():
    assert ("answer", "one = 1\ntwo = 2") in read(cell(["one = 1\n", 5, None, "two = 2"], "one"))


def test_half_characters_become_question_marks():
    assert ("answer", "one = '?'") in read(cell("one = '\ud800'", "one"))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty file"),
        (b" \n", "empty file"),
        (b"\x00\xff", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b"[" + b"[]," * 1_000_000 + b"1]", "far more lists"),
        (b"NaN", "format 4"),
        (b"[]", "format 4"),
        (b'{"worksheets": []}', "format 4"),
        (b'{"cells": {}}', "format 4"),
        (notebook(), "without one of its answer cells"),
        (notebook(cell("x", "of_another_exercise")), "without one of its answer cells"),
        (notebook("one", 1, None), "without one of its answer cells"),
        (notebook(*[cell("x")] * 3000), "at most 2000 cells"),
        (notebook(cell("x" * (intake.SOURCE_CHARACTERS + 1), "one")), "characters of code"),
        (notebook(cell("# " + "μ" * 200_000, "one")), "characters of code"),
        (b" " * (intake.NOTEBOOK_BYTES + 1), "at most 20 MiB"),
    ],
    ids=lambda value: str(value[:40]),
)
def test_what_cannot_be_graded_is_invalid_with_a_reason(raw, said):
    with pytest.raises(Invalid, match=said):
        read_submission(raw, ASSIGNMENT)


def test_an_assignment_holds_hidden_tests_and_no_solution():
    assignment = load_assignment(ROOT, "batch_norm")
    assert assignment.max_score == 18.0
    assert all("hidden=True" in question.source for question in assignment.questions)
    answers = [c.source for c in assignment.cells if c.kind == "answer"]
    assert answers
    assert all("raise NotImplementedError" in a and "SOLUTION" not in a for a in answers)
    assert assignment.names["normalize"] == "normalize"


def test_torch_is_declared_where_the_learner_needs_it():
    assert load_assignment(ROOT, "batch_norm_backward").packages == ("numpy", "torch")
    assert load_assignment(ROOT, "batch_norm").packages == ("numpy",)


def test_an_unknown_assignment_names_the_known_ones():
    with pytest.raises(ValueError, match="batch_norm"):
        load_assignment(ROOT, "nothing")


OVERLAY = """
from course_lib.grading.examine import Criterion

normalize = (Criterion("again", 4, draw=lambda rng: {"x": rng.normal(size=3)}, reference=abs),)
_hidden = normalize
unrelated = (1, 2)
"""


def test_an_overlay_adds_questions_and_changes_the_digest(tmp_path):
    (tmp_path / "batch_norm.py").write_text(OVERLAY)
    plain, private = (
        load_assignment(ROOT, "batch_norm"),
        load_assignment(ROOT, "batch_norm", tmp_path),
    )
    added = [q for q in private.questions if q not in plain.questions]
    assert [(q.grade_id, q.points) for q in added] == [("overlay_normalize", 4.0)]
    assert private.digest != plain.digest
    assert load_assignment(ROOT, "layer_norm", tmp_path) == load_assignment(ROOT, "layer_norm")
