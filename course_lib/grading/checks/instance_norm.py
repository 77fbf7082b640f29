"""Questions of the exercise on instance norm and the statistics that replace it."""

from functools import partial

import numpy as np

from course_lib.grading.answers import instance_norm as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

SEQUENCE, IMAGE = (3, 4, 5), (3, 4, 4, 4)

_BATCH = "these are batch norm's statistics: each example has its own, so the batch stays"
_LAYER = "this reduces the channels too, as layer norm does: each channel has its own statistics"
_UNBIASED = "this divides by s − 1: the variance that normalizes is the biased one, with s"
_EPS_OUTSIDE = "ε stands outside the square root: it is added to the variance"
_EPS_MISSING = "ε is missing"


def _outside(var, eps):
    return np.sqrt(var) + eps


def _without(var, eps):
    return np.sqrt(var)


def _all_but_channels(x):
    return (0, *a.positions(x))


def _all_but_batch(x):
    return tuple(range(1, x.ndim))


def _last(x):
    return (x.ndim - 1,)


_FORWARD = [
    Mistake(_BATCH, partial(a.wrong_forward, axes=_all_but_channels)),
    Mistake(_LAYER, partial(a.wrong_forward, axes=_all_but_batch)),
    Mistake(
        "this gives each row of an image its own statistics: all positions of a channel share them",
        partial(a.wrong_forward, axes=_last),
    ),
    Mistake(
        "this takes the last axis for the channels: they stand on axis 1",
        partial(a.wrong_forward, axes=lambda x: tuple(range(1, x.ndim - 1))),
    ),
    Mistake(_UNBIASED, partial(a.wrong_forward, ddof=1)),
    Mistake(_EPS_OUTSIDE, partial(a.wrong_forward, root=_outside)),
    Mistake(_EPS_MISSING, partial(a.wrong_forward, root=_without)),
    Mistake(
        "this divides by the variance: divide by its square root",
        partial(a.wrong_forward, root=lambda var, eps: var + eps),
    ),
    Mistake(
        "the weight γ is not used",
        lambda x, weight, bias, eps: a.instance_norm(x, np.ones_like(weight), bias, eps),
    ),
    Mistake(
        "the bias β is not used",
        lambda x, weight, bias, eps: a.instance_norm(x, weight, np.zeros_like(bias), eps),
    ),
    Mistake(
        "weight and bias run along the last axis, which happens to be as long as there are "
        "channels: reshape them to (1, c, 1, 1)",
        partial(a.wrong_forward, wide=lambda values, x: values),
    ),
]
_ONE_PASS = Mistake(
    "E[x²] − E[x]² subtracts two numbers near 10⁸, which float32 stores to the nearest 8: "
    "subtract the mean first, then square",
    a.one_pass,
)
_y = partial(Criterion, points=1, reference=a.instance_norm, returns=("y",), mistakes=_FORWARD)
instance_norm = (
    _y("sequences (n, c, l)", draw=partial(a.draw_forward, SEQUENCE)),
    _y("images as wide as they have channels", draw=partial(a.draw_forward, IMAGE)),
    _y("a constant channel", draw=a.draw_constant_channel),
    _y("float32 near 10,000", draw=a.draw_large_mean, mistakes=[_ONE_PASS], rtol=1e-3),
    _y(
        "one position has no variance",
        draw=partial(a.draw_forward, (2, 3, 1, 1)),
        mistakes=(),
        refuses=ValueError,
    ),
)

_BACKWARD = [
    Mistake(
        "the mean and the variance are treated as constants: they depend on x as well",
        partial(a.wrong_backward, mean=0, along=0),
    ),
    Mistake("the mean term is missing from dx", partial(a.wrong_backward, mean=0)),
    Mistake("the x̂ term is missing from dx", partial(a.wrong_backward, along=0)),
    Mistake("the weight γ is left out of dx", partial(a.wrong_backward, gain=0)),
    Mistake(_BATCH, partial(a.wrong_backward, axes=_all_but_channels)),
    Mistake(_LAYER, partial(a.wrong_backward, axes=_all_but_batch)),
    Mistake(_EPS_OUTSIDE, partial(a.wrong_backward, root=_outside)),
    Mistake(_EPS_MISSING, partial(a.wrong_backward, root=_without)),
    Mistake(
        "dweight and dbias sum over the positions alone: all examples share the parameters",
        partial(a.wrong_backward, batch=()),
    ),
]
_gradients = partial(
    Criterion,
    points=2,
    reference=a.backward,
    returns=("dx", "dweight", "dbias"),
    mistakes=_BACKWARD,
)
instance_norm_backward = (
    _gradients("sequences (n, c, l)", draw=partial(a.draw_backward, SEQUENCE)),
    _gradients("images (n, c, h, w)", draw=partial(a.draw_backward, IMAGE)),
)

_ADAIN = [
    Mistake(
        "content and style are exchanged: the style gives the statistics, the content the picture",
        lambda x, style, eps: a.adain(style, x, eps),
    ),
    Mistake(
        "the style's mean is not added",
        partial(a.wrong_adain, mean=0),
    ),
    Mistake(
        "this multiplies by the style's variance: multiply by its square root",
        partial(a.wrong_adain, root=lambda var, eps: var + eps),
    ),
    Mistake(
        "the style's variance is the unbiased one: both are biased here, as in the paper",
        partial(a.wrong_adain, ddof=1),
    ),
    Mistake(
        "the style's ε is missing: both variances get one, so that an image is its own style",
        partial(a.wrong_adain, root=_without),
    ),
    Mistake(
        "the batch shares its statistics here: each example follows its own style",
        partial(a.wrong_adain, axes=_all_but_channels),
    ),
    Mistake(
        "the channels share their statistics here: colours are channels, each with its own",
        partial(a.wrong_adain, axes=_all_but_batch),
    ),
]
_styled = partial(Criterion, points=1, reference=a.adain, returns=("y",), mistakes=_ADAIN)
adain = (
    _styled("images of one size", draw=partial(a.draw_adain, IMAGE, IMAGE)),
    _styled("a style of another size", draw=partial(a.draw_adain, IMAGE, (3, 4, 2, 7))),
)

_CONDITIONAL = [
    Mistake(
        "all examples got the first one's style: take a row for each",
        partial(a.wrong_conditional, rows=lambda table, style: table[style[:1]]),
    ),
    Mistake(
        "this takes columns of the tables: a row is a style, a column a channel",
        partial(a.wrong_conditional, rows=lambda table, style: table[:, style].T),
    ),
    Mistake(
        "the style is not used: this takes the rows in their order",
        partial(a.wrong_conditional, rows=lambda table, style: table[: len(style)]),
    ),
    Mistake(
        "styles are counted from 0 here: this takes the row before",
        partial(a.wrong_conditional, rows=lambda table, style: table[style - 1]),
    ),
]
_chosen = partial(
    Criterion, points=1, reference=a.conditional, returns=("y",), mistakes=_CONDITIONAL
)
conditional_instance_norm = (
    _chosen("three examples", draw=partial(a.draw_conditional, 3)),
    _chosen("as many examples as styles", draw=partial(a.draw_conditional, 4)),
)

_FACTOR = [
    Mistake(
        "the sign of a is lost: a negative stays a negative",
        lambda a_, std, eps: abs(a.factor(a_, std, eps)),
    ),
    Mistake(
        "this neglects ε: here the contrast is so low that it counts",
        lambda a_, std, eps: np.sign(a_),
    ),
    Mistake(
        "the root of ε at contrast 1 is missing: compare with the output for x, not with x̂",
        lambda a_, std, eps: np.sign(a_) * std / np.sqrt(std**2 + eps / a_**2),
    ),
    Mistake(
        "this is the contrast before the layer, which the layer divides away",
        lambda a_, std, eps: a_,
    ),
    Mistake(
        "ε is multiplied by a² here: a lower contrast makes ε weigh more, not less",
        lambda a_, std, eps: np.sign(a_) * np.sqrt((std**2 + eps) / (std**2 + eps * a_**2)),
    ),
]
_rho = partial(Criterion, points=1, reference=a.factor, returns=("factor",), mistakes=_FACTOR)
contrast_factor = (
    _rho("a lower contrast", draw=partial(a.draw_factor, 1)),
    _rho("a negative", draw=partial(a.draw_factor, -1)),
)

_TWIN = [
    Mistake(
        "this picture is the given one, or too near to it: change a mean or a contrast",
        lambda x: x.copy(),
    ),
    Mistake(
        "the layer sees a negative: the contrast may change, its sign may not",
        lambda x: 1 - x,
    ),
    Mistake(
        "some values leave the range from 0 to 1: lower the contrast instead of raising it",
        lambda x: 2 * x,
    ),
    Mistake(
        "clipping is no gain: cut values are lost, and the layer sees it",
        lambda x: np.minimum(2 * x, 1),
    ),
    Mistake(
        "moving the pixels keeps the statistics, and the layer keeps the places: it sees this",
        lambda x: x[:, ::-1, ::-1].copy(),
    ),
    Mistake(
        "this gain differs from place to place: the layer removes one a channel",
        lambda x: x * np.linspace(0.3, 1, x.shape[2]),
    ),
]
indistinguishable = (
    Criterion(
        "another picture, the same output",
        2,
        a.draw_picture,
        a.twin,
        returns=("verdict",),
        mistakes=_TWIN,
        call=a.show_what_the_layer_sees,
    ),
)
