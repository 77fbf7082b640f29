"""The inputs of a check: the same ones where they may be seen, secret ones where not."""

import importlib

import numpy as np
import pytest

from course_lib.grading import CheckFailed, check
from course_lib.grading.examine import Criterion

checking = importlib.import_module("course_lib.grading.check")
engine = importlib.import_module("course_lib.grading.examine")


def draw(rng):
    return {"x": rng.normal(size=(3, 4)), "scale": rng.uniform(1.0, 2.0)}


def doubled(x, scale):
    return 2 * x * scale


def halved(x, scale):
    return 0.5 * x * scale


QUESTION = (
    Criterion("twice", 2, draw, doubled, ("y",)),
    Criterion("twice again", 3, draw, doubled, ("y",)),
)


@pytest.fixture(autouse=True)
def question(monkeypatch):
    monkeypatch.setattr(checking, "load_question", {"product": QUESTION}.__getitem__)


@pytest.fixture
def report(capsys):
    """Return a function that checks a submission and returns what is printed."""

    def printed(submission, **options) -> str:
        try:
            check("product", submission, **options)
        except CheckFailed as error:
            print(error)
        return capsys.readouterr().out

    return printed


def test_visible_inputs_are_the_same_on_every_run(report):
    assert report(halved) == report(halved)


def test_two_criteria_draw_inputs_of_their_own():
    first, second = (
        draw(engine._generator("product", criterion, 0))["x"] for criterion in QUESTION
    )
    assert not np.array_equal(first, second)


def recorded(x, scale, seen):
    seen.append(x.copy())
    return doubled(x, scale)


def inputs_of(**options) -> list[np.ndarray]:
    seen = []
    check("product", lambda x, scale: recorded(x, scale, seen), **options)
    return seen


def test_hidden_inputs_are_others_than_the_visible_ones():
    assert not np.array_equal(inputs_of(), inputs_of(hidden=True))


def test_hidden_inputs_follow_the_instructors_seed(monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "autumn")
    first, second = inputs_of(hidden=True), inputs_of(hidden=True)
    monkeypatch.setenv("COURSE_SEED", "spring")
    assert np.array_equal(first, second)
    assert not np.array_equal(first, inputs_of(hidden=True))


def test_hidden_inputs_without_a_seed_are_new_each_time(monkeypatch):
    monkeypatch.delenv("COURSE_SEED", raising=False)
    assert not np.array_equal(inputs_of(hidden=True), inputs_of(hidden=True))


def tell(x, scale):
    raise ValueError(f"I was given {x.tolist()} and {scale}")


GIVE_AWAY = {
    "wrong values": lambda x, scale: 0.5 * x,
    "NaN": lambda x, scale: np.where(x > 0, np.nan, x),
    "an error that quotes the inputs": tell,
}


@pytest.mark.parametrize("trick", GIVE_AWAY)
def test_hidden_check_gives_no_number_of_the_inputs_away(report, trick):
    seen = []

    def submission(x, scale):
        seen.extend([*np.abs(x).ravel(), scale])
        return GIVE_AWAY[trick](x, scale)

    said = report(submission, hidden=True)
    given = {f"{value:.4f}"[:5] for value in seen}
    assert [number for number in given if number in said] == []
