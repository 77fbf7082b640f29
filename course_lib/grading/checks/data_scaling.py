"""Questions of the exercise on scaling data: units, their inverse, and who may be looked at."""

import math
from functools import partial

import numpy as np

from course_lib.grading.answers import data_scaling as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

_LEAK = (
    "the statistics saw the test set: learn them from train alone, or in use they would be "
    "others than in your test"
)
_OWN = "test is scaled by its own statistics: it must be measured in the units of train"
_CONSTANT = "a column that is constant in train is divided by 0: give it the unit 1"
_WHOLE = "these are statistics of the whole table: each column has its own"


def _mean(x):
    return x.mean(0)


def _std(x):
    return x.std(0)


def _both(train, test):
    return np.concatenate([train, test])


def _affine_errors(center, unit):
    wrong = partial(a.wrong_affine, center=center, unit=unit)
    return [
        Mistake(_LEAK, partial(wrong, fit=_both)),
        Mistake(_OWN, partial(wrong, fit=lambda train, test: test)),
        Mistake(_CONSTANT, partial(wrong, constant=0.0)),
        Mistake(
            _WHOLE,
            partial(
                a.wrong_affine,
                center=lambda x: np.full(x.shape[1], center(x.ravel())),
                unit=lambda x: np.full(x.shape[1], unit(x.ravel())),
            ),
        ),
        Mistake(
            "the way back does not undo the way there: multiply by the unit first, then add the "
            "centre",
            lambda train, test, scores: (
                wrong(train, test, scores)[0],
                (scores + center(train)) * np.where(np.ptp(train, axis=0) == 0, 1, unit(train)),
            ),
        ),
    ]


_STANDARD = [
    Mistake(
        "this divides by n − 1: the standard deviation asked for is the biased one, with n",
        partial(a.wrong_affine, center=_mean, unit=lambda x: x.std(0, ddof=1)),
    ),
    Mistake(
        "this divides by the variance: divide by its square root",
        partial(a.wrong_affine, center=_mean, unit=lambda x: x.var(0)),
    ),
    Mistake(
        "this reduces each row, as layer norm does: a unit belongs to a column",
        lambda train, test, scores: (
            (test - test.mean(1, keepdims=True)) / test.std(1, keepdims=True),
            scores * train.std(0) + train.mean(0),
        ),
    ),
    *_affine_errors(_mean, _std),
    Mistake(
        "std == 0 misses this constant column: the rounding of its mean leaves a tiny std; compare "
        "its largest value with its smallest",
        lambda train, test, scores: (
            (test - train.mean(0)) / np.where(_std(train) == 0, 1, _std(train)),
            scores * np.where(_std(train) == 0, 1, _std(train)) + train.mean(0),
        ),
    ),
]
_tables = partial(
    Criterion, points=1, call=a.with_and_without, returns=("test_scaled", "scores_back", "rows")
)
_standard = partial(_tables, reference=a.standardize, mistakes=_STANDARD)
standardize = (
    _standard("ordinary columns", draw=a.draw_tables),
    _standard("a column constant in train", draw=a.draw_constant),
    _standard("a test row in another unit", draw=a.draw_test_of_another_unit, points=2),
)

_MIN_MAX = [
    Mistake(
        "test values beyond the range of train were cut off: let them lie outside 0 … 1",
        lambda train, test, scores: (
            a.min_max(train, test, scores)[0].clip(0, 1),
            a.min_max(train, test, scores)[1],
        ),
    ),
    Mistake(
        "this divides by the maximum: divide by the range, maximum minus minimum",
        partial(a.wrong_affine, center=lambda x: x.min(0), unit=lambda x: x.max(0)),
    ),
    *_affine_errors(lambda x: x.min(0), lambda x: np.ptp(x, axis=0)),
]
_range = partial(_tables, reference=a.min_max, mistakes=_MIN_MAX)
min_max = (
    _range("ordinary columns", draw=a.draw_tables),
    _range("a column constant in train", draw=a.draw_constant),
    _range("a test row in another unit", draw=a.draw_test_of_another_unit),
)

_ROBUST = [
    Mistake(
        "a NaN in train made its column NaN: leave missing values out of the statistics",
        partial(a.wrong_robust, center=np.median, of=np.percentile),
    ),
    Mistake(
        "missing values were set to 0: leave them NaN",
        lambda train, test: np.nan_to_num(a.robust(train, test)),
    ),
    Mistake(
        "missing values of train were counted as 0: leave them out of the statistics",
        lambda train, test: a.robust(np.nan_to_num(train), test),
    ),
    Mistake("this subtracts the mean, not the median", partial(a.wrong_robust, center=np.nanmean)),
    Mistake(
        "this divides by the whole range: the unit is the distance of the quartiles",
        partial(a.wrong_robust, percents=(0, 100)),
    ),
    Mistake(
        "where the quartiles agree this divides by 0: give such a column the unit 1",
        lambda train, test: (
            (test - np.nanmedian(train, axis=0))
            / np.subtract(*np.nanpercentile(train, (75, 25), axis=0))
        ),
    ),
    Mistake(_LEAK, lambda train, test: a.robust(_both(train, test), test)),
    Mistake(_OWN, lambda train, test: a.robust(test, test)),
]
_quartiles = partial(Criterion, points=1, reference=a.robust, returns=("scaled",), mistakes=_ROBUST)
robust = (
    _quartiles("ordinary columns", draw=a.draw_whole),
    _quartiles("missing values", draw=a.draw_gaps),
    _quartiles("equal quartiles", draw=a.draw_equal_quartiles),
)


_CHUNK = [
    Mistake(
        "the two variances are averaged, and how far the means lie apart is left out",
        partial(a.wrong_merge, apart=False),
    ),
    Mistake(
        "this divides the chunk's squares by m − 1: the variance asked for is the biased one",
        partial(a.wrong_merge, ddof=1),
    ),
    Mistake(
        "old and new weigh the same: each counts by its number of rows",
        lambda count, mean, var, chunk: (
            count + len(chunk),
            (mean + chunk.mean(0)) / 2,
            (var + chunk.var(0)) / 2 + (mean - chunk.mean(0)) ** 2 / 4,
        ),
    ),
    Mistake(
        "E[x²] − E[x]² subtracts two numbers near 10¹⁶, which float64 stores to the nearest 2: "
        "merge the variances",
        a.one_pass_merge,
    ),
    Mistake(
        "this keeps the chunk's statistics and forgets what was seen before",
        lambda count, mean, var, chunk: (count + len(chunk), chunk.mean(0), chunk.var(0)),
    ),
]
_chunks = partial(
    Criterion, points=1, reference=a.partial_fit, returns=("count", "mean", "var"), mistakes=_CHUNK
)
partial_fit = (
    _chunks("one more chunk", draw=a.draw_chunk),
    _chunks("the first chunk", draw=a.draw_first_chunk),
    _chunks("values near 10⁸", draw=a.draw_large_chunk),
)

_ZCA = [
    Mistake(
        "the data stay turned onto the principal axes, as in PCA whitening: turn them back with Vᵀ",
        partial(a.wrong_zca, turn_back=False),
    ),
    Mistake("this divides by n − 1: the covariance asked for has n", partial(a.wrong_zca, ddof=1)),
    Mistake(
        "this divides by the variances: divide by their square roots",
        partial(a.wrong_zca, root=lambda var, eps: var + eps),
    ),
    Mistake(
        "ε stands outside the square root: it is added to the variance",
        partial(a.wrong_zca, root=lambda var, eps: np.sqrt(np.maximum(var, 0)) + eps),
    ),
    Mistake("ε is missing", partial(a.wrong_zca, root=lambda var, eps: np.sqrt(var))),
    Mistake(_LEAK, partial(a.wrong_zca, fit=_both)),
    Mistake(_OWN, partial(a.wrong_zca, fit=lambda train, test: test)),
    Mistake(
        "the way back divides as the way there does: multiply by the roots to undo it",
        lambda train, test, scores, eps: (
            a.zca(train, test, scores, eps)[0],
            a.zca(train, scores + train.mean(0), scores, eps)[0] + train.mean(0),
        ),
    ),
    Mistake(
        "this standardizes each column alone: whitening removes the correlation too",
        lambda train, test, scores, eps: a.wrong_affine(
            train, test, scores, center=_mean, unit=lambda x: np.sqrt(x.var(0) + eps)
        ),
    ),
]
_whiten = partial(_tables, reference=a.zca, mistakes=_ZCA)
zca = (
    _whiten("more rows than columns", draw=a.draw_zca, points=2),
    _whiten("fewer rows than columns", draw=a.draw_few_rows, points=2),
)

_COST = [
    Mistake("the column of ones is missing", partial(a.wrong_cost, ones=False)),
    Mistake("the columns were centred: take X as it is", partial(a.wrong_cost, center=True)),
    Mistake("1/n is missing in the Hessian", partial(a.wrong_cost, divide=False)),
    Mistake("this is the condition number of X; that of the Hessian is its square",
            partial(a.wrong_cost, root=True)),
    Mistake("at the largest stable rate, 2/λmax, the steepest direction does not shrink",
            partial(a.wrong_cost, rate=lambda low, high: 2 / high)),
    Mistake("at rate 1/λmax the flattest direction is slower than at 2/(λmax + λmin)",
            partial(a.wrong_cost, rate=lambda low, high: 1 / high)),
    Mistake("a step shrinks the error; the excess goes with its square, which halves the steps",
            partial(a.wrong_cost, steps=lambda k, share: k / 2 * math.log(1 / share))),
]  # fmt: skip
cost = (
    Criterion("condition number, rate and steps", 3, a.draw_cost, a.cost,
              ("condition", "rate", "steps"), mistakes=_COST),
)  # fmt: skip
