"""Questions of the exercise on RMS norm, its relatives, and the mean that it leaves in."""

from functools import partial

import numpy as np

from course_lib.grading.answers import rms_norm as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

# Each makes a wrong answer from the one thing that is changed in it.
_forward = partial(partial, a.wrong_rms_norm)
_back = partial(partial, a.wrong_backward)
_unscale = partial(partial, a.wrong_scale_backward)
_scale = partial(partial, a.wrong_scale)
_attend = partial(partial, a.wrong_attention)
_portion = partial(partial, a.wrong_partial)
_folds = partial(partial, a.wrong_fold)
_sees = partial(partial, a.wrong_invisible)


_HALF = Mistake(
    "the squares are taken in float16, whose largest number is 65504: convert x to float32 first",
    _forward(wide=np.float16),
)
_FORWARD = [
    Mistake("the mean is subtracted: that is layer norm", _forward(mean=1)),
    Mistake(
        "this divides by the standard deviation: subtract nothing before squaring",
        _forward(square=a.variance),
    ),
    Mistake(
        "this reduces the batch: each example has its own root",
        _forward(axes=lambda x, shape: (0,)),
    ),
    Mistake(
        "this reduces the last axis alone: normalized_shape names all that share one root",
        _forward(axes=lambda x, shape: (-1,)),
    ),
    Mistake(
        "this divides by the length ‖x‖, as ScaleNorm does: take the mean of the squares",
        _forward(square=lambda x, axes: np.square(x).sum(axes, keepdims=True)),
    ),
    Mistake(
        "ε stands outside the square root: it is added to the mean square",
        _forward(root=lambda square, eps: np.sqrt(square) + eps),
    ),
    Mistake("ε is missing", _forward(root=lambda square, eps: np.sqrt(square))),
    Mistake(
        "this divides by the mean square: divide by its root",
        _forward(root=lambda square, eps: square + eps),
    ),
    Mistake("the weight γ is not used", lambda x, shape, w, eps: a.rms_norm(x, shape, None, eps)),
]
_y = partial(Criterion, points=1, reference=a.rms_norm, returns=("y",), mistakes=_FORWARD)
rms_norm = (
    _y("one vector (d,)", draw=partial(a.draw_forward, (7,), (7,))),
    _y("as many examples as features", draw=partial(a.draw_forward, (6, 6), (6,))),
    _y("tokens (n, l, d), each alone", draw=partial(a.draw_forward, (3, 5, 4), (4,))),
    _y("tokens (n, l, d), together", draw=partial(a.draw_forward, (3, 5, 4), (5, 4))),
    _y("a row of zeros", draw=a.draw_zero_row),
    _y("float16 beyond 256", draw=a.draw_half, mistakes=[_HALF], rtol=3e-3),
)

_BACKWARD = [
    Mistake(
        "the mean of g is subtracted, as in layer norm: a shift of x changes y here, so that "
        "direction comes through",
        _back(mean=1),
    ),
    Mistake(
        "the part along x̂ is not subtracted: the root depends on x, and stretching x does not "
        "change y",
        _back(along=0),
    ),
    Mistake("the weight γ is left out of dx: use g = γ·dy", _back(gain=False)),
    Mistake(
        "γ multiplies the result: it differs from feature to feature, so it must go in before the "
        "mean is taken",
        lambda dy, x, weight, eps: (
            weight * a.wrong_backward(dy, x, weight, eps, gain=False)[0],
            a.rms_norm_backward(dy, x, weight, eps)[1],
        ),
    ),
    Mistake("dx is not divided by √(ρ² + ε)", _back(scale=lambda *_: 1.0)),
    Mistake(
        "the mean of g·x̂ runs over the trailing axes, not the batch",
        _back(axes=lambda x, shape: (0,)),
    ),
    Mistake(
        "dweight is summed over the features: γ has a gradient for each, summed over the batch",
        _back(summed=a._trailing),
    ),
    Mistake(
        "dweight is summed over the first axis alone: all leading axes are batch",
        _back(summed=lambda x, shape: (0,)),
    ),
]
_dx = partial(
    Criterion,
    points=2,
    reference=a.rms_norm_backward,
    returns=("dx", "dweight"),
    mistakes=_BACKWARD,
)
rms_norm_backward = (
    _dx("as many examples as features", draw=partial(a.draw_backward, (6, 6), (6,))),
    _dx("tokens (n, l, d), each alone", draw=partial(a.draw_backward, (5, 5, 5), (5,))),
    _dx("tokens (n, l, d), together", draw=partial(a.draw_backward, (3, 5, 4), (5, 4))),
)

_PARTIAL = [
    Mistake("k squares are divided by d: divide by k", _portion(over=lambda x: x.shape[-1])),
    Mistake("p is not used: this is the whole RMS norm", _portion(count=lambda k: 0)),
    Mistake("the last features are measured: take the first k", _portion(first=None)),
    Mistake("only the measured features are divided: divide all", _portion(only=True)),
    Mistake(
        "d·p is rounded down: here k is rounded up, so that something is measured",
        _portion(count=lambda k: max(1, int(k))),
    ),
]
_part = partial(Criterion, reference=a.partial_rms_norm, returns=("y",), mistakes=_PARTIAL)
partial_rms_norm = (
    _part("a quarter of 8", 1, draw=partial(a.draw_partial, 8, 1 / 4)),
    _part("0.3 of 9: rounded up", 1, draw=partial(a.draw_partial, 9, 0.3)),
)

_SCALE = [
    Mistake(
        "this is the root mean square: divide by the length",
        _scale(length=lambda x: np.sqrt(np.square(x).mean(-1, keepdims=True))),
    ),
    Mistake("g is not used", lambda x, g: a.scale_norm(x, 1.0)),
    Mistake(
        "one length for the whole array: each vector along the last axis has its own",
        _scale(length=np.linalg.norm),
    ),
    Mistake(
        "this divides by the squared length",
        _scale(length=lambda x: np.square(x).sum(-1, keepdims=True)),
    ),
    Mistake(
        "a vector of zeros gives NaN: divide by the length or 10⁻⁵, whichever is larger",
        _scale(eps=0.0),
    ),
]
_scaled = partial(Criterion, points=1, reference=a.scale_norm, returns=("y",), mistakes=_SCALE)
scale_norm = (
    _scaled("vectors (n, d)", draw=partial(a.draw_scale, (6, 6))),
    _scaled("tokens (n, l, d)", draw=partial(a.draw_scale, (3, 5, 4))),
    _scaled("a vector of zeros", draw=a.draw_with_zero_vector),
)

_SCALE_BACK = [
    Mistake("the part along x̂ is not subtracted", _unscale(along=0)),
    Mistake(
        "the part along x̂ is divided by d: x̂ has length 1 here, so the sum is the projection",
        lambda dy, x, g: a.wrong_scale_backward(dy, x, g, divide=x.shape[-1]),
    ),
    Mistake("g is left out of dx", _unscale(gain=False)),
    Mistake("dx is not divided by the length", _unscale(scale=False)),
    Mistake("dg is the sum of dy·x̂, not of dy·x", _unscale(squeeze=False)),
]
_scale_back = partial(
    Criterion, points=1, reference=a.scale_norm_backward, returns=("dx", "dg"), mistakes=_SCALE_BACK
)
scale_norm_backward = (
    _scale_back("vectors (n, d)", draw=partial(a.draw_scale_backward, (6, 6))),
    _scale_back("tokens (n, l, d)", draw=partial(a.draw_scale_backward, (3, 5, 4))),
)

_ATTENTION = [
    Mistake(
        "the logits are divided by √d as well: g replaces 1/√d",
        _attend(scale=lambda g, d: g / d**0.5),
    ),
    Mistake("g is not used", _attend(scale=lambda g, d: 1.0)),
    Mistake("the keys keep their length: divide by it too", _attend(keys=lambda k: k)),
    Mistake("neither length is divided out: nothing bounds the logits", _attend(norm=lambda z: z)),
    Mistake(
        "this is layer norm on queries and keys with 1/√d kept: another operation, bounded by √d",
        _attend(norm=a.layer, scale=lambda g, d: d**-0.5),
    ),
    Mistake(
        "the softmax runs over the queries: each query's weights sum to 1 over the keys",
        _attend(axis=-2),
    ),
]
_HALF_LENGTHS = Mistake(
    "the lengths are taken in float16, whose largest number is 65504: convert q and k first",
    _attend(dtype=np.float16),
)
_logits = partial(Criterion, reference=a.attention, returns=("logits", "y"), mistakes=_ATTENTION)
attention = (
    _logits("one head (n, d)", 2, draw=partial(a.draw_attention, (5, 4), 1, np.float64)),
    _logits("heads (b, n, d)", 1, draw=partial(a.draw_attention, (2, 5, 4), 1, np.float64)),
    _logits(
        "float16 of size 5000",
        1,
        draw=partial(a.draw_attention, (5, 4), 5000, np.float16),
        mistakes=[_HALF_LENGTHS],
        rtol=1e-3,
    ),
)

_FOLD = [
    Mistake("each row of w1 is centred: centre each column", _folds(axis=1)),
    Mistake("each column of w1 has its own mean", _folds(axis=None)),
    Mistake("b1 is not centred: it adds to the mean too", _folds(bias=False)),
    Mistake("β is dropped: it goes into b2", _folds(shift=lambda w, g, b: 0.0)),
    Mistake("β goes through w2 on its way into b2", _folds(shift=lambda w, g, b: b)),
    Mistake("w2 is transposed", _folds(shift=lambda w, g, b: b @ w)),
    Mistake(
        "β is multiplied by γ: γ scales x̂ and not β", _folds(shift=lambda w, g, b: w @ (g * b))
    ),
]
_folded = ("w1", "b1", "b2")
fold = (Criterion("the maps", 3, partial(a.draw_fold, 5), a.fold, returns=_folded, mistakes=_FOLD),)

_INVISIBLE = [
    Mistake("this is blind to shifts, as layer norm is: RMS norm sees them", _sees(mean=True)),
    Mistake("this compares columns, as batch norm would: RMS norm divides each row", _sees(axis=0)),
    Mistake(
        "a negative factor is visible: it turns the sign of every normalized value",
        _sees(signed=False),
    ),
]
_blind = partial(
    Criterion,
    points=1,
    reference=a.invisible,
    returns=("verdicts",),
    mistakes=_INVISIBLE,
    call=a.show_each_change,
)
invisible = (
    _blind(
        "factors: rows, columns", draw=partial(a.draw_changes, ("row factors", "column factors"))
    ),
    _blind("row factors, row shifts", draw=partial(a.draw_changes, ("row factors", "row shifts"))),
    _blind("row factors, -1.7", draw=partial(a.draw_changes, ("row factors", "negative"))),
)
