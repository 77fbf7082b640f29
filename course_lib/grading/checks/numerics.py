"""Questions of the exercise on half precision."""

from functools import partial

import numpy as np

from course_lib.grading.answers import numerics as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

# Each makes a wrong answer from the one thing that is changed in it.
_shift = partial(partial, a.wrong_shifted_variance)
_update = partial(partial, a.wrong_welford)
_merged = partial(partial, a.wrong_merge)
_far = partial(partial, a.wrong_largest_mean)
_power = partial(partial, a.wrong_largest_power)
_norm = partial(partial, a.wrong_layer_norm)


def _eps(**change):
    return a.rounded_down(partial(a.wrong_choose_eps, **change))


_SHIFTED = [
    Mistake(
        "this is E[x²] − E[x]²: subtract a value of the column before anything is squared",
        _shift(by=lambda x: 0),
    ),
    Mistake(
        "one shift for all columns: each needs a value of its own", _shift(by=lambda x: x[0, 0])
    ),
    Mistake(
        "the square of the mean distance is not subtracted: the first value is not the mean",
        _shift(last=False),
    ),
    Mistake("this divides by n − 1: the biased variance divides by n", _shift(ddof=1)),
    Mistake("this reduces the rows: each column has its variance", _shift(axis=1)),
]
_variance = partial(Criterion, reference=a.shifted_variance, returns=("variance",))
shifted_variance = (
    _variance(
        "means near 0", 1, draw=partial(a.draw_columns, 0.5, np.float64), mistakes=_SHIFTED[2:]
    ),
    _variance(
        "float32, means near 10⁴",
        1,
        draw=partial(a.draw_columns, 1e4, np.float32),
        mistakes=_SHIFTED,
        rtol=1e-3,
    ),
    _variance(
        "float16, means near 300",
        1,
        draw=partial(a.draw_columns, 300, np.float16),
        mistakes=_SHIFTED,
        rtol=1e-2,
    ),
)

_WELFORD = [
    Mistake(
        "M2 grows by the square of the distance to the old mean: one factor is the distance to "
        "the new one",
        _update(grow=lambda before, after: before * before),
    ),
    Mistake(
        "M2 grows by the square of the distance to the new mean: one factor is the distance to "
        "the old one",
        _update(grow=lambda before, after: after * after),
    ),
    Mistake(
        "the mean moves by 1/(k + 1) of the distance: the first value has k = 1",
        _update(steps=lambda k: k + 1),
    ),
    Mistake(
        "the mean moves by x/k: it moves by 1/k of the distance",
        _update(move=lambda value, mean: value),
    ),
    Mistake("this is the variance: return the sum of squared distances", _update(divide=True)),
]
_TRUNCATED = Mistake(
    "x holds integers, and an array made like it cuts the mean to an integer: use floats",
    _update(dtype=np.int64),
)
_SQUARES = Mistake("this is Σx² − n·mean²: nothing large may be squared", a.one_pass_welford)
_moments = partial(Criterion, reference=a.welford, returns=("mean", "M2"))
welford = (
    _moments("floats", 2, draw=partial(a.draw_columns, 3, np.float64), mistakes=_WELFORD),
    _moments(
        "float32, means near 10⁴",
        1,
        draw=partial(a.draw_columns, 1e4, np.float32),
        mistakes=[_SQUARES],
        rtol=1e-2,
    ),
    _moments("integers", 1, draw=a.draw_integers, mistakes=[*_WELFORD, _TRUNCATED]),
)

_MERGE = [
    Mistake(
        "what lies between the groups is missing: M2 grows by n_a·n_b/n times the squared distance "
        "of the means",
        _merged(between=lambda a, b: 0),
    ),
    Mistake(
        "the groups weigh the same in the mean: weigh by count", _merged(share=lambda a, b: 0.5)
    ),
    Mistake(
        "the weights of the means are exchanged: the larger group pulls harder",
        _merged(share=lambda a, b: a / (a + b)),
    ),
    Mistake(
        "the distance of the means is counted once for every value: the factor is n_a·n_b/n",
        _merged(between=lambda a, b: a + b),
    ),
    Mistake("n_a·n_b is not divided by n", _merged(between=lambda a, b: a * b)),
    Mistake(
        "n_a·n_b is divided by n²: that is for variances, M2 is a sum",
        _merged(between=lambda a, b: a * b / (a + b) ** 2),
    ),
]
_ONE_PASS = Mistake(
    "sums of squares are put together and n·mean² taken off: that cancels; add what lies between "
    "the groups",
    a.one_pass_merge,
)
_EMPTY = Mistake("an empty group gives NaN: divide by n only", a.merge_by_unit)
_both = partial(Criterion, reference=a.merge, returns=("count", "mean", "M2"))
merge = (
    _both("3 and 17 values", 2, draw=partial(a.draw_groups, (3, 17), 0), mistakes=_MERGE),
    _both("means near 10⁸", 1, draw=partial(a.draw_groups, (9, 4), 1e8), mistakes=[_ONE_PASS]),
    _both("an empty group", 1, draw=partial(a.draw_groups, (6, 0), 2), mistakes=[_EMPTY]),
)

_MEAN = [
    Mistake("this is t²: take the root", _far(root=lambda value: value)),
    Mistake("this is t: the mean is t times the standard deviation", _far(unit=lambda std: 1.0)),
    Mistake("the 1 in 1 + t² is missing", _far(one=0)),
    Mistake("std is squared: t is the mean over std", _far(unit=lambda std: std**2)),
]
_limit = partial(Criterion, points=1, reference=a.largest_mean, returns=("mean",), mistakes=_MEAN)
largest_mean = (
    _limit("float16", draw=partial(a.draw_limit, 11, 20, 400)),
    _limit("bfloat16, a tight bound", draw=partial(a.draw_limit, 8, 1.5, 3)),
)

_POWER = [
    Mistake(
        "this keeps the values finite, not their squares: those must stay below 65,520",
        _power(limit=65504.0),
    ),
    Mistake("twice too large: a square is infinite", _power(up=1)),
    Mistake("twice too small: all squares stay finite at the next power", _power(up=-1)),
    Mistake(
        "the sign counts here: a large negative value has a large square",
        _power(largest=lambda x: x.max()),
    ),
]
_scale = partial(
    Criterion, points=1, reference=a.largest_power, returns=("power",), mistakes=_POWER
)
largest_power = (
    _scale("the largest is positive", draw=partial(a.draw_scalable, 1, 8.0), mistakes=_POWER[:3]),
    _scale("the largest is negative", draw=partial(a.draw_scalable, -1, 8.0)),
    _scale("values near 10⁻³", draw=partial(a.draw_scalable, -1, 2.0**-10)),
)

_EPS = [
    Mistake(
        "this is the float16 number nearest to the bound, and above it: compare as Python floats, "
        "and take the next one below",
        a.nearest_eps,
    ),
    Mistake("this is the bound: return a number that float16 has", a.wrong_choose_eps),
    Mistake("the mean variance decides here: the smallest suffers most", _eps(over=np.mean)),
    Mistake("the largest variance decides here: the smallest suffers most", _eps(over=np.max)),
    Mistake(
        "2·loss·var is the bound for a small loss: use (1 − loss)⁻² − 1",
        _eps(kept=lambda var, left: 2 * (1 - left) * var),
    ),
    Mistake(
        "this is ε outside the root: inside it is added to the variance",
        _eps(kept=lambda var, left: np.sqrt(var) * (1 / left - 1)),
    ),
    Mistake(
        "the square is missing: the spread is the root of var/(var + ε)",
        _eps(kept=lambda var, left: var * (1 / left - 1)),
    ),
]
_bound = partial(Criterion, points=1, reference=a.choose_eps, returns=("eps",), mistakes=_EPS)
choose_eps = (
    _bound("variances near 1", draw=partial(a.draw_variances, 2**-13, 0.1)),
    _bound("variances near 10⁻⁶", draw=partial(a.draw_variances, 2**-24, 0.2)),
)

_LAYER = [
    Mistake("ε stands outside the square root", _norm(scale=lambda var, eps: np.sqrt(var) + eps)),
    Mistake("ε is missing", _norm(scale=lambda var, eps: np.sqrt(var))),
    Mistake("this divides by the variance: divide by its root", _norm(scale=lambda v, e: v + e)),
    Mistake(
        "this divides by d − 1: the biased variance divides by d",
        _norm(var=lambda h, axis: h.var(axis, ddof=1, keepdims=True)),
    ),
    Mistake("this reduces the batch: each row has its own statistics", _norm(axis=0)),
    Mistake("the weight γ is not used", lambda x, w, b, eps: a.wrong_layer_norm(x, 1.0, b, eps)),
    Mistake("the bias β is not used", lambda x, w, b, eps: a.wrong_layer_norm(x, w, 0.0, eps)),
]
_HALF = Mistake(
    "the statistics are taken in float16, and the mean is rounded to it: convert x to float32",
    _norm(wide=np.float16),
)
_HALF_ONE_PASS = Mistake(
    "this is E[x²] − E[x]² in float16: convert x to float32 and subtract the mean first",
    _norm(wide=np.float16, var=a.one_pass_variance),
)
_OVERFLOW = Mistake(
    "the squares are taken in float16 and overflow: convert x to float32 before you square",
    _norm(wide=np.float16),
)
_NO_EPS = Mistake(
    "ε = 10⁻⁸ is zero in float16, and a constant row gives 0/0: add it in float32",
    _norm(at=np.float16),
)
_y = partial(Criterion, reference=a.layer_norm, returns=("y",), rtol=3e-3)
layer_norm = (
    _y("rows as many as features", 2, draw=partial(a.draw_rows, 1, 1, 0.1), mistakes=_LAYER),
    _y(
        "means near 100",
        1,
        draw=partial(a.draw_rows, 100, 1, 1e-5),
        mistakes=[_HALF, _HALF_ONE_PASS],
    ),
    _y("spreads of 2,000", 1, draw=partial(a.draw_rows, 1, 2000, 1e-5), mistakes=[_OVERFLOW]),
    _y("a constant row, ε = 10⁻⁸", 1, draw=a.draw_constant_row, mistakes=[_NO_EPS]),
)
