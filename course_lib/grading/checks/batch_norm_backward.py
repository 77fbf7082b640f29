"""Questions of the exercise on batch norm's backward pass."""

from functools import partial

import numpy as np

from course_lib.grading.answers import batch_norm_backward as a
from course_lib.grading.examine import SINGLE, Criterion
from course_lib.grading.mistakes import Mistake

DENSE, SEQUENCE, IMAGE = (6, 4), (3, 4, 5), (3, 4, 4, 4)

_DETACHED = "the statistics are detached: μ and σ depend on every x of the channel"
_UNBIASED = "this divides by m − 1: the variance that normalizes is the biased one, with m"
_single = partial(Criterion, rtol=SINGLE)


def _stage(hint, **changes):
    return Mistake(hint, partial(a.wrong_stages, **changes))


_STAGES = [
    _stage("s³, not s²: differentiate (v + ε) to the power −1/2", power=2),
    _stage("the factor 1/2 of the inverse root is missing", half=1.0),
    _stage("the sign of dv is wrong: a larger variance makes s smaller", half=-0.5),
    _stage("the 2 of the square is missing where v sends its gradient to d", through_var=1.0),
    _stage("d has two ways out: the path through v is missing", through_var=0.0),
    _stage("x has two ways out: the path through μ is missing", through_mean=0.0),
    _stage("dμ is the negative sum of dd, since d = x − μ", through_mean=-1.0),
    _stage(_DETACHED, through_var=0.0, through_mean=0.0),
    _stage(_UNBIASED, ddof=1),
]
stages = (
    _single(
        "ds, dv, dmean and dx",
        3,
        a.draw_stages,
        a.stages,
        ("ds", "dv", "dmean", "dx"),
        mistakes=_STAGES,
    ),
)


def _closed(hint, **changes):
    return Mistake(hint, partial(a.wrong_backward, **changes))


def _parameters(hint, change):
    return Mistake(hint, partial(a.wrong_parameters, change=change))


_BACKWARD = [
    _closed("the mean term is missing: dx must sum to zero over a channel", one=0.0),
    _closed("the x̂ term is missing: dx must be orthogonal to x̂, but for ε", hat=0.0),
    _closed(_DETACHED, one=0.0, hat=0.0),
    _closed("the sign of the x̂ term is wrong: it is subtracted too", hat=-1.0),
    _closed("the weight is missing from dx: the gradient of x̂ is weight · dy", gain=lambda w: 1.0),
    _closed("dx is not divided by √(σ² + ε)", scale=False),
    _closed(_UNBIASED, ddof=1),
    _closed(
        "ε stands outside the square root: it is added to the variance",
        root=lambda var, eps: np.sqrt(var) + eps,
    ),
    _closed("ε is missing", root=lambda var, eps: np.sqrt(var)),
    _closed("this divides by the variance, not by its root", root=lambda var, eps: var + eps),
    _parameters(
        "dweight and dbias are means: each sample adds its own gradient, so sum",
        lambda dy, x, *sums: tuple(total * x.shape[1] / x.size for total in sums),
    ),
    _parameters(
        "dweight multiplies dy by x: the weight multiplies x̂",
        lambda dy, x, dweight, dbias: ((dy * x).sum(a.axes(x)), dbias),
    ),
    _parameters("dweight and dbias are exchanged", lambda dy, x, dweight, dbias: (dbias, dweight)),
]
_AXES = [
    _closed("this reduces the batch alone: positions share their channel's mean too", over=(0,)),
    _closed(
        "these are the statistics of each example, as in layer norm: batch norm reduces the batch",
        over=(1, 2, 3),
    ),
    _closed("this takes the last axis for the channels: they stand on axis 1", over=(0, 1, 2)),
    _closed(
        "the weight runs along the last axis, which happens to be as long as there are channels: "
        "reshape it to (1, c, 1, 1)",
        gain=lambda weight: weight,
    ),
]
_dx = partial(_single, points=1, reference=a.backward, returns=("dx", "dweight", "dbias"))
batch_norm_backward = (
    _dx("dense input (n, c)", draw=partial(a.draw_backward, DENSE), mistakes=_BACKWARD),
    _dx("sequences (n, c, l)", draw=partial(a.draw_backward, SEQUENCE), mistakes=_BACKWARD),
    _dx(
        "images as wide as they have channels",
        draw=partial(a.draw_backward, IMAGE),
        mistakes=[*_BACKWARD, *_AXES],
    ),
)


def _difference(hint, **changes):
    return Mistake(hint, partial(a.differences, **changes))


_NUMERIC = [
    _difference("this is a forward difference: step to both sides", down=0.0, width=1.0),
    _difference("the two points are 2·step apart: divide by that", width=1.0),
    Mistake(
        "dy is not used: the gradient is that of sum(dy * f(x))",
        lambda f, x, dy, step: a.differences(f, x, np.ones_like(dy), step),
    ),
    _difference("the sign is wrong: the upper point comes first", width=-2.0),
]
_TRUNCATED = _difference(
    "x holds integers, and an integer array cuts x + step back to an integer: convert it first",
    working=lambda x: x,
)
_numeric = partial(
    partial(Criterion, rtol=2e-4),  # differences divide the rounding of float32 by the step
    points=1,
    reference=a.numeric_gradient,
    returns=("dx",),
    call=a.call_numeric,
    mistakes=_NUMERIC,
)
numeric_gradient = (
    _numeric("an output of another shape than x", points=2, draw=a.draw_differences),
    _numeric("integers in x", draw=a.draw_integers, mistakes=[*_NUMERIC, _TRUNCATED]),
)

_STEP = [
    Mistake(
        "this is the square root, the rule for forward differences: here truncation grows as h²",
        lambda value, third, u: (3 * u * abs(value) / abs(third)) ** 0.5,
    ),
    Mistake(
        "here the two errors are equal: their sum is least where its derivative is zero",
        lambda value, third, u: (6 * u * abs(value) / abs(third)) ** (1 / 3),
    ),
    Mistake(
        "a factor 3 is missing under the root: it comes from the 1/6 and from the derivative of h²",
        lambda value, third, u: (u * abs(value) / abs(third)) ** (1 / 3),
    ),
    Mistake(
        "value and third are exchanged",
        lambda value, third, u: (3 * u * abs(third) / abs(value)) ** (1 / 3),
    ),
]
best_step = (
    Criterion(
        "the step of the least error", 2, a.draw_curvature, a.best_step, ("step",), mistakes=_STEP
    ),
)

_BLIND = [
    Mistake(
        "dy is all ones: the outputs always sum to the same, so zeros pass; draw dy at random",
        partial(a.verdicts_by, upstream=np.ones_like, absolute=1e-3),
    ),
    Mistake(
        "dy is the output itself: the squares always sum to nearly the same; draw dy at random",
        partial(a.verdicts_by, upstream=lambda y: y, absolute=1e-3),
    ),
]
_FIXED = Mistake(
    "the step is too small for float32: begin with the cube root of its epsilon",
    partial(a.verdicts_by, step=1e-5),
)
_UNSCALED = Mistake(
    "the step does not grow with the spread of x: multiply it by σ",
    partial(a.verdicts_by, step=2.0 ** (-23 / 3)),
)
_ask = partial(Criterion, returns=("verdicts",), call=a.call_verdicts)
_judge = partial(_ask, points=1, reference=a.verdicts)
verdicts = (
    _judge("float64", draw=partial(a.draw_suspects, np.float64, 1.0), mistakes=_BLIND),
    _judge("float32", draw=partial(a.draw_suspects, np.float32, 1.0), mistakes=[_FIXED]),
    _judge(
        "float32 with a spread of 100,000",
        draw=partial(a.draw_suspects, np.float32, 1e5),
        mistakes=[_FIXED, _UNSCALED],
    ),
)

_SPLIT = [
    Mistake(
        "x̂·x̂ is not m: for ε > 0 it is mσ²/(σ² + ε), so divide by x̂·x̂ itself",
        lambda g, x_hat: a.parts(g, x_hat, g.mean(0), (g * x_hat).mean(0)),
    ),
    Mistake(
        "this takes the mean over the channels of an example: a channel is a column",
        lambda g, x_hat: a.parts(
            g, x_hat, g.mean(1, keepdims=True), (g * x_hat).sum(0) / (x_hat**2).sum(0)
        ),
    ),
    Mistake(
        "the rest still holds both parts: subtract them from g",
        lambda g, x_hat: (*a.split(g, x_hat)[:2], g),
    ),
]
_CONSTANT = Mistake(
    "a constant channel gives 0/0: it has no direction x̂, so its part along x̂ is 0",
    lambda g, x_hat: a.parts(g, x_hat, g.mean(0), (g * x_hat).sum(0) / (x_hat**2).sum(0)),
)
_PARTS = ("along_ones", "along_x_hat", "rest")
_parts = partial(_single, points=1, reference=a.split, returns=_PARTS)
split = (
    _parts("three channels", draw=partial(a.draw_parts, False), mistakes=_SPLIT),
    _parts("a constant channel", draw=partial(a.draw_parts, True), mistakes=[_CONSTANT]),
)

_layer = partial(Criterion, reference=a.layer, rtol=5e-6)
layer = (
    _layer(
        "the gradient passes through the statistics",
        2,
        a.draw_layer,
        returns=("y", "dx"),
        call=a.call_gradient,
        mistakes=[
            Mistake(_DETACHED, partial(a.wrong_layer, mean_in=False, var_in=False)),
            Mistake(
                "the mean is still detached: dx does not sum to zero over a channel",
                partial(a.wrong_layer, mean_in=False),
            ),
            Mistake(
                "the variance is still detached: dx has a part along x̂",
                partial(a.wrong_layer, var_in=False),
            ),
        ],
    ),
    _layer(
        "the memory moves, and holds no graph",
        1,
        a.draw_layer,
        returns=("running_mean", "running_var", "graphs"),
        call=a.call_memory,
        mistakes=[
            Mistake(
                "the memory holds a graph, and with it every batch so far: move it under no_grad",
                partial(a.wrong_layer, graph=True),
            ),
            Mistake(
                "this stores the biased variance: running_var averages the unbiased one",
                partial(a.wrong_layer, ddof=0),
            ),
        ],
    ),
)
