"""Questions of the exercise on what batch norm buys: its parts, its noise, its range of rates."""

from functools import partial

import numpy as np

from course_lib.grading.answers import what_batch_norm_buys as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

_EPS_OUTSIDE = "ε stands outside the square root: it is added to the variance"
_EPS_MISSING = "ε is missing"


def _made(wrong, hint, **changed):
    """Return the mistake that `wrong` makes with these arguments."""
    return Mistake(hint, partial(wrong, **changed))


def _outside(var, eps):
    return np.sqrt(var) + eps


_norm = partial(_made, a.wrong_norm)
_SUBTRACT = [
    _norm("this takes each example's own mean, as layer norm does: reduce the batch", axis=1),
    _norm(
        "the switches are exchanged: subtract takes the mean out, divide takes out the spread",
        swap=True,
    ),
    Mistake(
        "the switches are not used: both parts are always there",
        lambda x, subtract, divide, eps: a.wrong_norm(x, True, True, eps),
    ),
]
_DIVIDE = [
    _norm(_EPS_OUTSIDE, root=_outside),
    _norm(_EPS_MISSING, root=lambda var, eps: np.sqrt(var)),
    _norm(
        "this divides by the variance: divide by its square root", root=lambda var, eps: var + eps
    ),
    _norm("this divides by m − 1: the variance that normalizes is the biased one", ddof=1),
    _norm(
        "this divides by the root of the mean square: the spread is that around the mean, also "
        "where the mean is not subtracted",
        raw=True,
    ),
]
_y = partial(Criterion, points=1, reference=a.partial_norm, returns=("y",))
partial_norm = (
    _y("mean only", draw=partial(a.draw_x, True, False), mistakes=_SUBTRACT),
    _y("spread only", draw=partial(a.draw_x, False, True), mistakes=[*_SUBTRACT, *_DIVIDE]),
    _y("both", draw=partial(a.draw_x, True, True), mistakes=[_SUBTRACT[0], *_DIVIDE]),
    _y("spread only, with a constant unit", draw=a.draw_constant, mistakes=_DIVIDE[:1]),
)


def _centred(x):
    return x - x.mean(0)


_back = partial(_made, a.wrong_backward)
_BACKWARD = [
    _back("the spread is treated as a constant: it depends on x as well", through=0),
    _back(
        "this is the gradient of the whole norm: here the mean is not subtracted",
        mean=1,
        inner=_centred,
    ),
    _back("in the sum stands x − μ: y is x/s, so dy is multiplied by x", inner=_centred),
    _back("outside the sum stands x: the variance changes with x − μ", outer=lambda x: x),
    Mistake(
        "the sum is not divided by m",
        lambda dy, x, eps: a.wrong_backward(dy, x, eps, through=len(x)),
    ),
    _back("the second term has the wrong sign: more spread makes y smaller", through=-1),
    _back("the second term is twice too long: the root halves the variance's slope", through=2),
    _back(_EPS_OUTSIDE, root=_outside),
    _back(_EPS_MISSING, root=lambda var, eps: np.sqrt(var)),
]
spread_only_backward = (
    Criterion("nine examples of four units", 3, a.draw_backward, a.spread_only_backward, ("dx",),
              mistakes=_BACKWARD),
)  # fmt: skip

_FOLD = [
    Mistake(
        "the shift is folded with the new weights: β is not multiplied by γ",
        lambda gain, shift, weight, bias: (weight * gain, bias + (weight * gain) @ shift),
    ),
    Mistake(
        "the new bias lacks what the shift brings: add weight @ shift",
        lambda gain, shift, weight, bias: (weight * gain, bias),
    ),
    Mistake(
        "the old bias is gone: add to it",
        lambda gain, shift, weight, bias: (weight * gain, weight @ shift),
    ),
    Mistake(
        "γ divides the weights: it must multiply them",
        lambda gain, shift, weight, bias: (weight / gain, bias + weight @ shift),
    ),
]
_SQUARE = [
    Mistake(
        "the bias is multiplied by γ: it stands behind the linear layer",
        lambda gain, shift, weight, bias: (weight * gain, bias * gain + weight @ shift),
    ),
    Mistake(
        "γ multiplies the rows: it belongs to the layer's inputs, which are the columns; with as "
        "many outputs as inputs nothing complains",
        lambda gain, shift, weight, bias: (weight * gain[:, None], bias + weight @ shift),
    ),
    Mistake(
        "the shift goes through the transposed weights: weight is (outputs, inputs)",
        lambda gain, shift, weight, bias: (weight * gain, bias + weight.T @ shift),
    ),
]
_fold = partial(Criterion, points=1, reference=a.fold_affine, returns=("new weight", "new bias"))
fold_affine = (
    _fold("five inputs, three outputs", draw=partial(a.draw_affine, 3), mistakes=_FOLD),
    _fold("as many outputs", draw=partial(a.draw_affine, 5), mistakes=[*_FOLD, *_SQUARE]),
)


def _finite(made):
    """Return the errors in the correction for drawing without replacement."""
    return [
        made(
            "the correction (N − B)/(N − 1) is missing: batches are drawn without replacement",
            f=lambda n, batch_size: 1.0,
        ),
        made(
            "the correction divides by N: with the variance over N it is (N − B)/(N − 1)",
            f=lambda n, batch_size: (n - batch_size) / n,
        ),
    ]


_error = partial(_made, a.wrong_errors)
_ERRORS = [
    *_finite(_error),
    _error(
        "the correction stands outside the root: it belongs to the variance of the mean",
        f=lambda n, batch_size: a.left_out(n, batch_size) ** 2,
    ),
    _error("these are squared errors: take the root", root=lambda var: var),
    _error("this divides by N − 1: the N values are the whole population here", ddof=1),
    _error(
        "2σ⁴ is the variance of (x − μ)² for a normal distribution: take it from the values",
        square=lambda centred: 2 * (centred**2).mean() ** 2,
    ),
    _error(
        "this takes the mean of (x − μ)⁴: the error is around the variance, so subtract σ⁴",
        square=lambda centred: (centred**4).mean(),
    ),
]
_pair = partial(
    Criterion,
    points=2,
    reference=a.standard_errors,
    returns=("of the mean", "of the variance"),
    mistakes=_ERRORS,
)
standard_errors = (
    _pair("B = 6 of 60", draw=partial(a.draw_values, 6)),
    _pair("B = 45 of 60", draw=partial(a.draw_values, 45)),
)

_wrong_noise = partial(_made, a.wrong_noise)
_NOISE = [
    *_finite(_wrong_noise),
    _wrong_noise("the mean's part is missing: it is 1/B", mean=0),
    _wrong_noise("the spread's part is missing: it is (κ − 1)/(4B)", spread=0),
    _wrong_noise("the spread's part lacks the ¼: its error is half the variance's", spread=1),
    _wrong_noise("the spread's part has the factor ½: halving comes before squaring", spread=0.5),
    _wrong_noise("κ is the excess here, 0 for a normal distribution: take 3 for it", excess=3),
    Mistake(
        "this takes every unit for normal, 1.5/B: use each unit's own kurtosis",
        lambda z, b: a.left_out(len(z), b) * np.full(z.shape[1], 1.5) / b,
    ),
    Mistake(
        "this is the root of the mean square: return the mean square",
        lambda z, b: np.sqrt(a.injected_noise(z, b)),
    ),
]
_noise = partial(
    Criterion, points=1, reference=a.injected_noise, returns=("noise",), mistakes=_NOISE
)
injected_noise = (
    _noise("B = 8 of 60", draw=partial(a.draw_units, 8)),
    _noise("B = 40 of 60", draw=partial(a.draw_units, 40)),
)

_SATURATED = [
    Mistake(
        "this counts large values alone: a unit is saturated at both ends",
        lambda z, name: ((a.slope(z, name) < 0.1 * a.slope(0.0, name)) & (z > 0)).mean(0),
    ),
    Mistake("this is the share that is not saturated", lambda *args: 1 - a.saturated_share(*args)),
    Mistake(
        "this is the share of each example: return that of each unit",
        lambda z, name: a.saturated_share(z.T, name),
    ),
    Mistake(
        "this counts: divide by the number of examples",
        lambda z, name: len(z) * a.saturated_share(z, name),
    ),
]
_SIGMOID = [
    Mistake(
        "the sigmoid's slope is at most ¼, not 1: compare with a tenth of that",
        lambda z, name: (a.slope(z, name) < 0.1).mean(0),
    ),
    Mistake(
        "this takes tanh's slope for the sigmoid as well",
        lambda z, name: a.saturated_share(z, "tanh"),
    ),
]
_share = partial(Criterion, points=1, reference=a.saturated_share, returns=("shares",))
saturated_share = (
    _share("tanh", draw=partial(a.draw_signals, "tanh"), mistakes=_SATURATED),
    _share("sigmoid", draw=partial(a.draw_signals, "sigmoid"), mistakes=[*_SATURATED, *_SIGMOID]),
)

_ends = partial(_made, a.wrong_range)
_RANGE = [
    _ends("the ends are the last rates that reach the level: interpolate", at=lambda share: 0),
    _ends("the ends are the first rates that miss the level: interpolate", at=lambda share: 1),
    _ends(
        "the rates are interpolated as they are: take their logarithms",
        axis=np.asarray,
        back=np.asarray,
    ),
    _ends("the interpolation starts from the wrong side", at=lambda share: 1 - share),
    Mistake("this is the factor's logarithm", lambda *args: np.log(max(a.rate_range(*args), 1))),
]
_ISLAND = _ends(
    "this spans all rates that reach the level: those beyond a rate that misses it do not belong",
    ends=lambda above, step: above[0] if step < 0 else above[-1],
)
_range = partial(Criterion, points=1, reference=a.rate_range, returns=("factors",), call=a.of_each)
rate_range = (
    _range("both ends between two rates", draw=partial(a.draw_tables, "inside"), mistakes=_RANGE),
    _range("good up to the last rate", draw=partial(a.draw_tables, "ends"), mistakes=_RANGE),
    _range(
        "a good rate far off", draw=partial(a.draw_tables, "island"), mistakes=[*_RANGE, _ISLAND]
    ),
)
