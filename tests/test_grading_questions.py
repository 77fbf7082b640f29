"""The questions: right answers earn everything, known errors are named, empty ones earn nothing."""

import importlib
import pkgutil
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from course_lib.grading import checks
from course_lib.grading.check import CheckFailed, check
from course_lib.grading.examine import Criterion, total

engine = importlib.import_module("course_lib.grading.examine")


def questions() -> dict[str, tuple[Criterion, ...]]:
    """Return the criteria of every question of every exercise."""
    found = {}
    for exercise in sorted(module.name for module in pkgutil.iter_modules(checks.__path__)):
        module = importlib.import_module(f"{checks.__name__}.{exercise}")
        for name, value in vars(module).items():
            if isinstance(value, tuple) and value and isinstance(value[0], Criterion):
                found[f"{exercise}.{name}"] = value
    return found


QUESTIONS = questions()
MISTAKES = [
    (name, mistake)
    for name, criteria in QUESTIONS.items()
    for mistake in {m.hint: m for criterion in criteria for m in criterion.mistakes}.values()
]
all_questions = pytest.mark.parametrize("name", QUESTIONS)
all_mistakes = pytest.mark.parametrize(
    ("name", "mistake"), MISTAKES, ids=[f"{name}: {mistake.hint}" for name, mistake in MISTAKES]
)


class Grade(NamedTuple):
    """What a check printed, as one line, and the points it gave."""

    points: float
    report: str


@pytest.fixture
def grade(monkeypatch, capsys):
    """Return a function that checks a submission on inputs drawn from a seed of choice."""
    generator = engine._generator

    def graded(name, submission, *, seed=0, hidden=False) -> Grade:
        monkeypatch.setattr(
            engine, "_generator", lambda name, criterion, _: generator(name, criterion, seed)
        )
        try:
            with np.errstate(all="ignore"):
                points = check(name, submission, hidden=hidden)
        except CheckFailed:
            points = 0.0
        return Grade(points, " ".join(capsys.readouterr().out.split()))

    return graded


def problem(name, criterion, submission, seed) -> str | None:
    """Return what a criterion says."""
    with np.errstate(all="ignore"):
        return engine._try(criterion, submission, engine._generator(name, criterion, seed)).problem


@all_questions
def test_question_has_one_reference(name):
    assert len({criterion.reference for criterion in QUESTIONS[name]}) == 1


@all_questions
@pytest.mark.parametrize("hidden", [False, True])
def test_right_answer_earns_everything_on_a_hundred_seeds(grade, name, hidden):
    reference, points = QUESTIONS[name][0].reference, total(QUESTIONS[name])
    earned = [grade(name, reference, seed=seed, hidden=hidden) for seed in range(100)]
    assert [g.report for g in earned if g.points != points] == []


@all_mistakes
def test_known_error_is_named(grade, name, mistake):
    assert " ".join(mistake.hint.split()) in grade(name, mistake.wrong).report


@all_mistakes
def test_known_error_is_called_by_no_other_name(name, mistake):
    for criterion in QUESTIONS[name]:
        said = problem(name, criterion, mistake.wrong, seed=0)
        # An error may not show everywhere (the last axis of dense input is its channels), and
        # where it cannot even be computed the learner sees Python's own words.
        if mistake in criterion.mistakes and not str(said).startswith("your code raised"):
            assert said in (None, mistake.hint), criterion.label


@all_mistakes
def test_known_error_is_rejected_on_every_seed(name, mistake):
    # One no is enough, so those that know the error are asked first, and for no name: to find that
    # takes longer than all the rest.
    likely = sorted(QUESTIONS[name], key=lambda criterion: mistake not in criterion.mistakes)
    criteria = [replace(criterion, mistakes=()) for criterion in likely]
    for seed in range(100):
        assert any(problem(name, criterion, mistake.wrong, seed) for criterion in criteria)


@all_mistakes
def test_hint_fits_the_report(name, mistake):
    assert mistake.hint == mistake.hint.strip()
    assert 0 < len(mistake.hint) <= 200


def raise_value_error(*args):
    raise ValueError("no")


EMPTY_ANSWERS = {
    "nothing": lambda *args: None,
    "the first argument": lambda *args: args[0],
    "zero": lambda *args: 0.0,
    "zeros": lambda *args: np.zeros_like(args[0]),
    "NaN": lambda *args: np.full_like(args[0], np.nan, dtype=float),
    "two zeros": lambda *args: (0.0, 0.0),
    "an error": raise_value_error,
}


@all_questions
@pytest.mark.parametrize("answer", EMPTY_ANSWERS)
def test_empty_answer_earns_nothing(grade, name, answer):
    result = grade(name, EMPTY_ANSWERS[answer])
    assert result.points == 0, result.report


@all_questions
def test_inputs_of_two_seeds_differ(name):
    for criterion in QUESTIONS[name]:
        drawn = [criterion.draw(engine._generator(name, criterion, seed)) for seed in (1, 2)]
        pairs = zip(*(inputs.values() for inputs in drawn), strict=True)
        assert not all(np.array_equal(first, second) for first, second in pairs), criterion.label


def test_part_that_is_not_written_leaves_the_other_points(capsys):
    def tables_only(x):
        if x.ndim > 2:
            raise NotImplementedError
        mean = x.mean(0)
        return mean, ((x - mean) ** 2).mean(0)

    assert check("batch_norm.channel_statistics", tables_only) == 2
    assert "✗ images (n, c, h, w) (1)\n    not written yet" in capsys.readouterr().out
