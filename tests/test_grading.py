"""The check engine: the points it gives, and the words it says."""

import importlib
import re

import numpy as np
import pytest

from course_lib.grading import CheckFailed, check
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

checking = importlib.import_module("course_lib.grading.check")
engine = importlib.import_module("course_lib.grading.examine")


def draw(rng):
    return {"x": rng.normal(size=(3, 4)), "scale": rng.uniform(1.0, 2.0)}


def draw_memory(rng):
    return {"memory": rng.normal(size=4), "x": rng.normal(size=4)}


def doubled(x, scale):
    return 2 * x * scale


def halved(x, scale):
    return 0.5 * x * scale


def bounds(x, scale):
    return x.min() * scale, x.max() * scale


def move(memory, x):
    memory += x


def reject(x, scale):
    raise ValueError("too small")


TRIPLED = Mistake("this triples: double it", lambda x, scale: 3 * x * scale)
QUESTIONS = {
    "product": (
        Criterion("twice", 2, draw, doubled, ("y",), mistakes=[TRIPLED]),
        Criterion("twice again", 3, draw, doubled, ("y",)),
    ),
    "parts": (
        Criterion("twice", 2, draw, doubled, ("y",)),
        Criterion("half", 3, draw, halved, ("y",)),
        Criterion("half again", 5, draw, halved, ("y",)),
    ),
    "bounds": (Criterion("bounds", 1, draw, bounds, ("low", "high")),),
    "move": (Criterion("move", 1, draw_memory, move, updates=("memory",)),),
    "reject": (Criterion("too small", 1, draw, reject, refuses=ValueError),),
}


@pytest.fixture(autouse=True)
def questions(monkeypatch):
    monkeypatch.setattr(checking, "load_question", QUESTIONS.__getitem__)


@pytest.fixture
def report(capsys):
    """Return a function that checks a submission and returns what is printed, in one line."""

    def printed(name, submission, **options) -> str:
        try:
            check(name, submission, **options)
        except CheckFailed as error:
            print(error)
        return " ".join(capsys.readouterr().out.split())

    return printed


@pytest.mark.parametrize("hidden", [False, True])
def test_right_answer_earns_every_point(hidden):
    assert check("product", doubled, hidden=hidden) == 5.0


@pytest.mark.parametrize(("submission", "points"), [(doubled, 2), (halved, 3 + 5)])
def test_partial_credit_is_the_sum_of_the_criteria_met(submission, points):
    assert check("parts", submission) == points


def test_report_states_the_points_of_each_criterion(report):
    said = report("parts", halved)
    assert said.startswith("parts: 8 of 10 points")
    assert [mark in said for mark in ("✗ twice (2)", "✓ half (3)", "✓ half again (5)")] == [
        True
    ] * 3


def test_no_point_fails_the_cell():
    with pytest.raises(CheckFailed, match="product: 0 of 5 points"):
        check("product", halved)


def test_known_error_is_named(report):
    assert TRIPLED.hint in report("product", TRIPLED.wrong)


def test_known_error_that_cannot_be_made_on_these_inputs_is_passed_over(report, monkeypatch):
    broken = Mistake("never said", lambda x, scale: x @ x)
    criterion = Criterion("twice", 1, draw, doubled, ("y",), mistakes=[broken, TRIPLED])
    monkeypatch.setitem(QUESTIONS, "product", (criterion,))
    assert TRIPLED.hint in report("product", TRIPLED.wrong)


def raise_not_written(*args):
    raise NotImplementedError


def test_unwritten_function_is_said_to_be_unwritten():
    with pytest.raises(CheckFailed, match="product is not written yet, 0 of 5 points"):
        check("product", raise_not_written)


def fail(x, scale):
    return x.no_such_thing


# (question, submission, words that the report must have)
WRONG_KINDS = {
    "an exception": ("product", fail, r"your code raised AttributeError .*no_such_thing"),
    "None": ("product", lambda *_: None, "y is None; did you forget to return it"),
    "a list": ("product", lambda x, _: x.tolist(), "y is a list; expected a NumPy array"),
    "a text": ("product", lambda *_: "y", "y is a str; expected a NumPy array"),
    "another shape": ("product", lambda x, _: x.T, r"y has shape \(4, 3\); expected \(3, 4\)"),
    "a number for an array": ("product", lambda *_: 1.0, r"y has shape \(\); expected \(3, 4\)"),
    "NaN": ("product", lambda x, _: x * np.nan, r"y is not finite y\[0, 0\] is nan"),
    "texts": ("product", lambda x, _: x.astype(str), "y has dtype .*; expected real numbers"),
    "truths": ("product", lambda x, _: x > 0, "y has dtype bool; expected real numbers"),
    "complex numbers": ("product", lambda x, _: x + 0j, "dtype complex128; expected real numbers"),
    "one value for two": ("bounds", lambda x, _: x.min(), r"expected .*\(low, high\)"),
    "three values for two": ("bounds", lambda x, _: (1, 2, 3), r"\(low, high\).* 3 values"),
    "a list of two": ("bounds", lambda *_: [1, 2], r"\(low, high\) as a tuple, got list"),
    "None for two": ("bounds", lambda *_: None, "did you forget to return"),
    "an answer for an error": ("reject", doubled, "expected a ValueError, got an answer"),
    "another error": ("reject", fail, "your code raised AttributeError"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_wrong_kind_of_answer_is_described(report, kind):
    name, submission, words = WRONG_KINDS[kind]
    assert re.search(words, report(name, submission))


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_wrong_kind_of_answer_earns_nothing(kind):
    name, submission, _ = WRONG_KINDS[kind]
    with pytest.raises(CheckFailed, match=f"{name}: 0 of"):
        check(name, submission)


def test_worst_element_is_shown_with_both_numbers(report):
    x = draw(engine._generator("product", QUESTIONS["product"][0], 0))["x"]
    scale = draw(engine._generator("product", QUESTIONS["product"][0], 0))["scale"]
    row, column = (int(i) for i in np.unravel_index(np.argmax(np.abs(x)), x.shape))
    right, wrong = (f"{f * x[row, column] * scale:.6g}" for f in (2, 0.5))
    said = report("product", halved)
    assert f"worst element: y[{row}, {column}] should be {right}, got {wrong}" in said


def test_changed_argument_is_named(report):
    def in_place(x, scale):
        x *= 2 * scale
        return x

    assert "the caller's array x was changed; work on a new one" in report("product", in_place)


def test_argument_that_must_change_may_change():
    assert check("move", move) == 1.0


def test_argument_that_must_change_but_did_not_is_seen(report):
    assert "memory has wrong values" in report("move", lambda memory, x: memory + x)


def test_other_argument_must_stay_although_one_may_change(report):
    def both(memory, x):
        memory += x
        x[:] = 0

    assert "the caller's array x was changed" in report("move", both)


class Agreeable(np.ndarray):
    """An array that answers True to every comparison."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return np.True_

    def __eq__(self, other):
        return np.True_


def test_array_that_always_agrees_earns_nothing(report):
    said = report("product", lambda x, scale: x.view(Agreeable))
    assert "product: 0 of 5 points" in said
    assert "y is a Agreeable; expected a NumPy array" in said


def test_failed_check_is_one_line_in_a_notebook(capsys):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.user_ns.update(check=check, halved=halved)
    shell.run_cell("check('product', halved)")
    shown = capsys.readouterr().out.strip().splitlines()
    assert shown[-1] == "CheckFailed: product: 0 of 5 points, see above"
    assert "Traceback" not in "".join(shown)
