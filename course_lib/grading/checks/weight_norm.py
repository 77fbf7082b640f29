"""Questions of the exercise on weight norm, weight standardization and their gradients."""

from functools import partial

import numpy as np

from course_lib.grading.answers import weight_norm as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

DENSE, KERNELS = (4, 4), (3, 3, 3, 3)
_BIASED = "this divides by m − 1: the variance is the biased one, with m"
_EPS_OUTSIDE = "ε stands outside the square root: it is added to the variance"
_EPS_MISSING = "ε is missing"
_NO_ROOT = "this divides by the variance: take its root"


def _both(draw, points, reference, returns, mistakes):
    """Return the criteria for a linear layer and for a convolution."""
    options = {"reference": reference, "returns": returns, "mistakes": mistakes}
    return (
        Criterion("linear layer (n, c)", points, partial(draw, DENSE), **options),
        Criterion("convolution (n, c, h, w)", points, partial(draw, KERNELS), **options),
    )


_FORWARD = [
    Mistake(
        "this is one length for the whole of v: each filter has its own",
        partial(a.wrong_weight_norm, axes=lambda v: tuple(range(v.ndim))),
    ),
    Mistake(
        "this normalizes along axis 0, over the filters: a length belongs to one filter, axis 0 "
        "stays",
        partial(a.wrong_weight_norm, axes=lambda v: (0,)),
    ),
    Mistake(
        "g stands on the last axis, the inputs: reshape it so that it lies along axis 0",
        partial(a.wrong_weight_norm, wide=lambda g, v: g),
    ),
    Mistake("g is ignored: this is the direction alone", lambda v, g: a.weight_norm(v, g * 0 + 1)),
    Mistake(
        "this divides by the squared length",
        partial(a.wrong_weight_norm, size=lambda v, axes: a.length(v, axes) ** 2),
    ),
    Mistake(
        "this divides by the standard deviation, which subtracts a mean: ‖v‖ is the root "
        "of the sum of squares",
        partial(a.wrong_weight_norm, size=lambda v, axes: v.std(axes, keepdims=True)),
    ),
]
weight_norm = _both(a.draw_filters, 1, a.weight_norm, ("w",), _FORWARD)

_BACKWARD = [
    Mistake(
        "dv still has its part along v: v's length does not matter, so subtract (dw·v̂) v̂",
        partial(a.wrong_backward, project=False),
    ),
    Mistake(
        "the factor 1/‖v‖ is missing in dv", partial(a.wrong_backward, factor=lambda g, size: g)
    ),
    Mistake(
        "g is left out of dv: the weight is g times the direction",
        partial(a.wrong_backward, factor=lambda g, size: 1 / size),
    ),
    Mistake(
        "dg is dw·v: it is dw·v̂, with the direction",
        lambda dw, v, g: (
            a.weight_norm_backward(dw, v, g)[0],
            (dw * v).sum(a.filters(v)),
        ),
    ),
    Mistake(
        "dg is dw·w: that is g times too large",
        lambda dw, v, g: (
            a.weight_norm_backward(dw, v, g)[0],
            g * a.weight_norm_backward(dw, v, g)[1],
        ),
    ),
]
weight_norm_backward = _both(a.draw_gradient, 2, a.weight_norm_backward, ("dv", "dg"), _BACKWARD)


def _moved(dw, v, g, learning_rate, sign=1.0):
    return a.after_step(dw, v, g, learning_rate)[1] * sign


def _wrong_length(dw, v, g, learning_rate, size):
    step = learning_rate * a.length(a.weight_norm_backward(dw, v, g)[0], a.filters(v)).ravel()
    return size(a.length(v, a.filters(v)).ravel(), step), _moved(dw, v, g, learning_rate)


_STEP = [
    Mistake(
        "v has kept its length: a step at a right angle makes it longer",
        partial(_wrong_length, size=lambda old, step: old),
    ),
    Mistake(
        "the lengths are added: v and its step stand at a right angle",
        partial(_wrong_length, size=lambda old, step: old + step),
    ),
    Mistake(
        "this takes v for the hypotenuse: v and the step are the legs, so v becomes longer",
        partial(_wrong_length, size=lambda old, step: np.sqrt(abs(old**2 - step**2))),
    ),
    Mistake(
        "these are the squared lengths: take the root",
        partial(_wrong_length, size=lambda old, step: old**2 + step**2),
    ),
    Mistake(
        "the turn is the tangent: the angle is its arctangent",
        lambda *args: (a.after_step(*args)[0], np.tan(a.after_step(*args)[1])),
    ),
    Mistake(
        "the learning rate is left out: a step is η dv",
        lambda dw, v, g, learning_rate: a.after_step(dw, v, g, 1.0),
    ),
]
after_step = _both(a.draw_step, 1, a.after_step, ("length", "turn"), _STEP)

_INITIALIZE = [
    Mistake(
        "g is 1/σ² here: it divides by the standard deviation",
        lambda v, x: (a.initialize(v, x)[0] ** 2, a.initialize(v, x)[1]),
    ),
    Mistake(
        "this sets g to σ: it has to divide by it",
        lambda v, x: (1 / a.initialize(v, x)[0], a.initialize(v, x)[1]),
    ),
    Mistake(
        "the bias is −μ: it comes after g, so it has to be −μ/σ",
        lambda v, x: (
            a.initialize(v, x)[0],
            a.initialize(v, x)[1] / a.initialize(v, x)[0],
        ),
    ),
    Mistake(
        "the bias has the wrong sign: it takes the mean away",
        lambda v, x: (a.initialize(v, x)[0], -a.initialize(v, x)[1]),
    ),
    Mistake(
        "v was not divided by its length before its outputs were measured",
        partial(a.wrong_initialize, unit=False),
    ),
    Mistake(
        _BIASED,
        partial(a.wrong_initialize, ddof=1),
    ),
    Mistake(
        "these are statistics of each example: take them over the batch, for each output",
        partial(a.wrong_initialize, axes=lambda t: tuple(range(1, t.ndim))),
    ),
]
_set = partial(Criterion, reference=a.initialize, returns=("g", "bias"), mistakes=_INITIALIZE)
initialize = (
    _set("linear layer", 3, draw=partial(a.draw_data, DENSE, (7, 4))),
    _set("convolution without padding", 1, draw=partial(a.draw_data, (3, 2, 3, 3), (4, 2, 6, 5))),
)

_STANDARDIZE = [
    Mistake(
        "the mean of each filter is still there: subtract it",
        partial(a.wrong_standardization, centre=False),
    ),
    Mistake(
        _BIASED,
        partial(a.wrong_standardization, ddof=1),
    ),
    Mistake(
        _EPS_OUTSIDE,
        partial(a.wrong_standardization, root=lambda var, eps: np.sqrt(var) + eps),
    ),
    Mistake(_EPS_MISSING, partial(a.wrong_standardization, root=lambda var, eps: np.sqrt(var))),
    Mistake(
        _NO_ROOT,
        partial(a.wrong_standardization, root=lambda var, eps: var + eps),
    ),
    Mistake(
        "this reduces axis 0, the filters: each filter is standardized over its own fan-in",
        partial(a.wrong_standardization, axes=lambda w: (0,)),
    ),
    Mistake(
        "this is one mean and one variance for the whole weight: each filter has its own",
        partial(a.wrong_standardization, axes=lambda w: tuple(range(w.ndim))),
    ),
    Mistake(
        "this standardizes each kernel: a filter's fan-in is its channels and its positions",
        partial(a.wrong_standardization, axes=lambda w: a.filters(w)[1:] or (1,)),
    ),
]
weight_standardization = _both(a.draw_weight, 1, a.weight_standardization, ("w_hat",), _STANDARDIZE)

_wrong_dw = partial(partial, a.wrong_standardization_backward)
_STANDARDIZE_BACKWARD = [
    Mistake("the mean term is missing: dw of each filter must have mean 0", _wrong_dw(mean=False)),
    Mistake("the ŵ term is missing: the variance depends on w as well", _wrong_dw(hat=False)),
    Mistake(
        "mean and variance are taken for constants here: they depend on w",
        _wrong_dw(mean=False, hat=False),
    ),
    Mistake("the factor 1/√(σ² + ε) is missing", _wrong_dw(scale=False)),
]
weight_standardization_backward = _both(
    a.draw_weight_gradient, 2, a.weight_standardization_backward, ("dw",), _STANDARDIZE_BACKWARD
)

_wrong_layer = partial(partial, a.wrong_deploy)
_DEPLOY = [
    Mistake("v was not divided by its length", _wrong_layer(unit=False)),
    Mistake(
        "the gain γ of the batch norm is ignored",
        _wrong_layer(scale=lambda var, weight, eps: 1 / np.sqrt(var + eps)),
    ),
    Mistake(
        _NO_ROOT,
        _wrong_layer(scale=lambda var, weight, eps: weight / (var + eps)),
    ),
    Mistake(_EPS_MISSING, _wrong_layer(scale=lambda var, weight, eps: weight / np.sqrt(var))),
    Mistake(
        _EPS_OUTSIDE,
        _wrong_layer(scale=lambda var, weight, eps: weight / (np.sqrt(var) + eps)),
    ),
    Mistake(
        "the running mean is left in the bias",
        _wrong_layer(b=lambda bias, mean, s, shift: bias * s + shift),
    ),
    Mistake(
        "the layer's own bias is lost: batch norm scales it too",
        _wrong_layer(b=lambda bias, mean, s, shift: -mean * s + shift),
    ),
    Mistake(
        "bias and mean are not scaled: they pass through the batch norm as the rest does",
        _wrong_layer(b=lambda bias, mean, s, shift: bias - mean + shift),
    ),
    Mistake(
        "the shift β of the batch norm is lost",
        _wrong_layer(b=lambda bias, mean, s, shift: (bias - mean) * s),
    ),
]
deploy = _both(a.draw_layer, 1, a.deploy, ("w", "b"), _DEPLOY)
