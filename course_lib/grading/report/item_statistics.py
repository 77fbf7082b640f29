"""How hard each question was, how well it tells learners apart, and what went wrong in it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from course_lib.grading.results import AUTOMATIC, one_line

MOST_HINTS = 3


class Answer(NamedTuple):
    """What one submission earned for one question."""

    student: str
    assignment: str
    question: str
    status: str
    score: float | None
    max_score: float
    hint: str
    grading: str = AUTOMATIC


class QuestionStatistics(NamedTuple):
    """One question over all submissions that were graded in it.

    `discrimination` is the correlation between the points of this question and those of all
    others of its assignment, over the submissions graded in every question. It is None where one
    of the two never varies. `lost` counts the submissions in which the question was not graded.
    """

    assignment: str
    question: str
    max_score: float
    number: int
    lost: int
    mean: float | None
    full: float | None
    zero: float | None
    discrimination: float | None
    hints: tuple[tuple[str, int], ...]


def question_statistics(submissions: Iterable[Sequence[Answer]]) -> list[QuestionStatistics]:
    """Return the statistics of each question, in the order of the notebooks.

    Parameters
    ----------
    submissions : iterable of sequence of Answer
        The answers of one submission after another.
    """
    answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for submission in submissions:
        graded = [answer for answer in submission if is_graded(answer)]
        total = sum(answer.score for answer in graded)
        for answer in submission:
            answers[answer.assignment, answer.question].append(answer)
            if len(graded) == len(submission):
                pair = (answer.score, total - answer.score)
                pairs[answer.assignment, answer.question].append(pair)
    found = [_statistics(key, group, pairs[key]) for key, group in answers.items()]
    return sorted(found, key=lambda item: item.assignment)  # stable: questions keep their order


def is_graded(answer: Answer) -> bool:
    """Tell whether the score says something about the answer."""
    return answer.status == "GRADED" and answer.score is not None


def _statistics(
    key: tuple[str, str], answers: list[Answer], pairs: list[tuple[float, float]]
) -> QuestionStatistics:
    graded = [answer for answer in answers if is_graded(answer)]
    points = answers[0].max_score
    shares = np.array([a.score / a.max_score if a.max_score else 0.0 for a in graded])
    hints = Counter(
        one_line(answer.hint, 200)
        for answer in answers
        if answer.hint and (answer.score or 0) < answer.max_score
    )
    mean, full, zero = (
        (float(shares.mean()), float((shares >= 1).mean()), float((shares <= 0).mean()))
        if graded
        else (None, None, None)
    )
    lost = len(answers) - len(graded)
    common = tuple(hints.most_common(MOST_HINTS))
    r = correlation(np.array(pairs)) if pairs else None
    return QuestionStatistics(*key, points, len(graded), lost, mean, full, zero, r, common)


def correlation(pairs: np.ndarray) -> float | None:
    """Return Pearson's correlation of the two columns, None where it is not defined."""
    first, second = (pairs - pairs.mean(0)).T
    scale = np.sqrt((first @ first) * (second @ second))
    # Rounding leaves about 1e-16 of each value where nothing varies.
    return float(first @ second / scale) if scale > 1e-12 * (np.abs(pairs).max() + 1) else None
