"""Questions of the exercise on layer norm, its invariances and the normalized LSTM."""

from functools import partial

import numpy as np

from course_lib.grading.answers import layer_norm as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

_BATCH_AXES = (
    "these are the statistics of a feature over the batch, as in batch norm: layer norm reduces "
    "the trailing axes of each example"
)
_ROOT = {
    "outside": lambda var, eps: np.sqrt(var) + eps,
    "missing": lambda var, eps: np.sqrt(var),
    "variance": lambda var, eps: var + eps,
}

_FORWARD = [
    Mistake(_BATCH_AXES, partial(a.wrong_layer_norm, axes=lambda x, shape: (0,))),
    Mistake(
        "this reduces the last axis alone: normalized_shape names all the trailing axes that "
        "share one mean",
        partial(a.wrong_layer_norm, axes=lambda x, shape: (-1,)),
    ),
    Mistake(
        "this takes one mean over everything but the first axis, as group norm with one group "
        "does: reduce only as many axes as normalized_shape has",
        partial(a.wrong_layer_norm, axes=lambda x, shape: tuple(range(1, x.ndim))),
    ),
    Mistake(
        "this takes one mean over all examples together",
        partial(a.wrong_layer_norm, axes=lambda x, shape: tuple(range(x.ndim))),
    ),
    Mistake(
        "this divides by d − 1: the variance that normalizes is the biased one, with d",
        partial(a.wrong_layer_norm, ddof=1),
    ),
    Mistake(
        "ε stands outside the square root: it is added to the variance",
        partial(a.wrong_layer_norm, root=_ROOT["outside"]),
    ),
    Mistake("ε is missing", partial(a.wrong_layer_norm, root=_ROOT["missing"])),
    Mistake(
        "this divides by the variance: divide by its square root",
        partial(a.wrong_layer_norm, root=_ROOT["variance"]),
    ),
    Mistake(
        "the weight γ is not used",
        lambda x, shape, weight, bias, eps: a.layer_norm(x, shape, None, bias, eps),
    ),
    Mistake(
        "the bias β is not used",
        lambda x, shape, weight, bias, eps: a.layer_norm(x, shape, weight, None, eps),
    ),
]
_ONE_PASS = Mistake(
    "E[x²] − E[x]² subtracts two numbers near 10⁸, which float32 stores to the nearest 8: "
    "subtract the mean first, then square",
    a.one_pass,
)
_y = partial(Criterion, points=1, reference=a.layer_norm, returns=("y",), mistakes=_FORWARD)
layer_norm = (
    _y("one vector (d,)", draw=partial(a.draw_forward, (7,), (7,))),
    _y("as many examples as features", draw=partial(a.draw_forward, (6, 6), (6,))),
    _y("tokens (n, l, d), each alone", draw=partial(a.draw_forward, (3, 5, 4), (4,))),
    _y("tokens (n, l, d), together", draw=partial(a.draw_forward, (3, 5, 4), (5, 4))),
    _y("a constant row", draw=a.draw_constant_row),
    _y("float32 near 10,000", draw=a.draw_large_mean, mistakes=[_ONE_PASS], rtol=1e-3),
)

_BACKWARD = [
    Mistake(
        "the mean of g is not subtracted: a constant added to x does not change y, so dx has no "
        "part along the constant direction",
        partial(a.wrong_backward, mean=0),
    ),
    Mistake(
        "the part along x̂ is not subtracted: stretching x does not change y",
        partial(a.wrong_backward, along=0),
    ),
    Mistake(
        "mean and variance are treated as constants: they depend on x, and two terms are missing",
        partial(a.wrong_backward, mean=0, along=0),
    ),
    Mistake(
        "the weight γ is left out of dx: it is g = γ·dy that comes back to x̂",
        partial(a.wrong_backward, gain=False),
    ),
    Mistake(
        "γ multiplies the result: it differs from feature to feature, so it must go in before the "
        "means are taken",
        lambda dy, x, weight, eps: (
            weight * a.wrong_backward(dy, x, weight, eps, gain=False)[0],
            *a.layer_norm_backward(dy, x, weight, eps)[1:],
        ),
    ),
    Mistake("dx is not divided by √(σ² + ε)", partial(a.wrong_backward, scale=lambda *_: 1.0)),
    Mistake(
        "the means of g run over the batch: they run over the trailing axes, as in the forward "
        "pass",
        partial(a.wrong_backward, axes=lambda x, shape: (0,)),
    ),
    Mistake(
        "dweight and dbias are summed over the features: γ and β have a gradient for each feature, "
        "summed over the batch",
        partial(a.wrong_backward, summed=a._trailing),
    ),
    Mistake(
        "dweight and dbias are summed over the first axis alone: all leading axes are batch",
        partial(a.wrong_backward, summed=lambda x, shape: (0,)),
    ),
]
_dx = partial(
    Criterion,
    points=2,
    reference=a.layer_norm_backward,
    returns=("dx", "dweight", "dbias"),
    mistakes=_BACKWARD,
)
layer_norm_backward = (
    _dx("as many examples as features", draw=partial(a.draw_backward, (6, 6), (6,))),
    _dx("tokens (n, l, d), each alone", draw=partial(a.draw_backward, (5, 5, 5), (5,))),
    _dx("tokens (n, l, d), together", draw=partial(a.draw_backward, (3, 5, 4), (5, 4))),
)

_STEP = [
    Mistake(
        "the sum W_x x + W_h h is normalized as one: each product gets its own norm and gain",
        lambda x, h, c, w_x, w_h, b, gain_x, gain_h, gain_c, shift_c: a.wrong_cell(
            a.plain_norm(x @ w_x + h @ w_h, gain_x) + b,
            c,
            lambda cell: a.plain_norm(cell, gain_c) + shift_c,
        ),
    ),
    Mistake(
        "each of the four gates is normalized by itself: one norm spans all 4d numbers",
        partial(a.wrong_step, norm=a.norm_each_gate),
    ),
    Mistake(_BATCH_AXES, partial(a.wrong_step, norm=a.norm_over_batch)),
    Mistake(
        "the bias is inside the norm: it is added after it",
        lambda x, h, c, w_x, w_h, b, gain_x, gain_h, gain_c, shift_c: a.wrong_cell(
            a.plain_norm(x @ w_x + b, gain_x) + a.plain_norm(h @ w_h, gain_h),
            c,
            lambda cell: a.plain_norm(cell, gain_c) + shift_c,
        ),
    ),
    Mistake(
        "the cell is not normalized before its tanh",
        lambda *inputs: a.wrong_cell(
            a.plain_norm(inputs[0] @ inputs[3], inputs[6])
            + a.plain_norm(inputs[1] @ inputs[4], inputs[7])
            + inputs[5],
            inputs[2],
            lambda cell: cell,
        ),
    ),
    Mistake(
        "the normalized cell is passed on to the next step: the norm stands on the way to h only",
        lambda *inputs: a.wrong_step(
            *inputs, keep=lambda cell: a.plain_norm(cell, inputs[8]) + inputs[9]
        ),
    ),
    Mistake(
        "the gates are in torch's order i, f, g, o: here it is f, i, o, g",
        partial(a.wrong_step, order="ifgo"),
    ),
    Mistake(
        "g goes through the logistic function: it is the candidate, and goes through tanh",
        partial(a.wrong_step, squash=a.sigmoid),
    ),
]
lstm_step = (Criterion("h and c", 4, a.draw_step, a.lstm_step, returns=("h", "c"), mistakes=_STEP),)

_INVISIBLE = [
    Mistake(
        "rows and columns are exchanged: layer norm is blind to what is done to a row",
        partial(a.wrong_invisible, axes=(0, 1)),
    ),
    Mistake(
        "a negative factor is visible: it turns the sign of every normalized value",
        partial(a.wrong_invisible, signed=False),
    ),
    Mistake("shifts are invisible: subtract the mean", partial(a.wrong_invisible, mean=False)),
    Mistake("factors are invisible: divide by the spread", partial(a.wrong_invisible, scale=False)),
]
_blind = partial(
    Criterion,
    reference=a.invisible,
    returns=("layer", "batch"),
    mistakes=_INVISIBLE,
    call=a.show_each_change,
)
_FACTORS = ("row factors", "column factors", "factor")
_SHIFTS = ("row shifts", "column shifts", "shift")
_OTHERS = ("both for rows", "both for columns", "negative", "other")
invisible = (
    _blind("factors: rows, columns, all", 2, partial(a.draw_changes, _FACTORS)),
    _blind("shifts: rows, columns, all", 2, partial(a.draw_changes, _SHIFTS)),
    _blind(
        "both; a negative factor; another change",
        1,
        partial(a.draw_changes, _OTHERS),
        mistakes=_INVISIBLE[:2],  # without mean or without spread nothing here is invisible
    ),
)

_HOLD = [
    Mistake(
        "equal means equal up to rounding: compare with np.allclose",
        partial(a.wrong_verdicts, close=np.array_equal),
    ),
    Mistake(
        "this tests the layer without β: the sign of y turns only where β is 0",
        partial(a.wrong_verdicts, shift=False),
    ),
    Mistake(
        "this compares magnitudes, which hides the sign",
        partial(a.wrong_verdicts, close=lambda one, other: np.allclose(abs(one), abs(other))),
    ),
]
_claims = partial(
    Criterion, points=1, reference=a.which_hold, returns=("verdicts",), mistakes=_HOLD
)
which_hold = (
    _claims("α > 0", draw=partial(a.draw_claims, 1, 1)),
    _claims("α < 0", draw=partial(a.draw_claims, -1, 1)),
    _claims("α < 0 and β = 0", draw=partial(a.draw_claims, -1, 0)),
)

_GAP = [
    Mistake(
        "half as wide as it should be: the variance of two numbers δ apart is δ²/4",
        lambda value, eps: a.gap_for(value, eps) / 2,
    ),
    Mistake(
        "this takes the unbiased variance δ²/2: the layer's is δ²/4",
        lambda value, eps: a.gap_for(value, eps) / np.sqrt(2),
    ),
    Mistake(
        "ε stands outside the square root here",
        lambda value, eps: 2 * eps * value / (1 - value),
    ),
    Mistake("this is the square of the gap", lambda value, eps: a.gap_for(value, eps) ** 2),
]
gap_for = (Criterion("the gap", 2, a.draw_gap, a.gap_for, returns=("gap",), mistakes=_GAP),)
