"""Questions of the exercise on batch norm's forward pass and its memory."""

import math
from functools import partial

import numpy as np

from course_lib.grading.answers import batch_norm as a
from course_lib.grading.examine import SINGLE, Criterion
from course_lib.grading.mistakes import Mistake

DENSE, SEQUENCE, IMAGE = (6, 4), (3, 4, 5), (3, 4, 4, 4)
MEMORY = ("running_mean", "running_var")

_UNBIASED = "this divides by m − 1: the variance that normalizes is the biased one, with m"
_BIASED_MEMORY = (
    "this stores the biased variance: running_var averages the unbiased one, with m − 1"
)
_MOMENTUM = "momentum is of the other convention: in torch it weighs the new batch, not the memory"
_EPS_OUTSIDE = "ε stands outside the square root: it is added to the variance"
_EPS_MISSING = "ε is missing"

_STATISTICS = [
    Mistake(_UNBIASED, lambda x: (x.mean(a.axes(x)), x.var(a.axes(x), ddof=1))),
    Mistake(
        "these are the statistics of each example, as in layer norm: batch norm reduces the batch",
        lambda x: (x.mean(tuple(range(1, x.ndim))), x.var(tuple(range(1, x.ndim)))),
    ),
    Mistake(
        "this reduces the batch alone: positions share their channel's mean too",
        lambda x: (x.mean(0), x.var(0)),
    ),
    Mistake(
        "this takes the last axis for the channels: they stand on axis 1",
        lambda x: (x.mean(tuple(range(x.ndim - 1))), x.var(tuple(range(x.ndim - 1)))),
    ),
    Mistake(
        "this averages each example's own variance: it misses how the examples differ",
        lambda x: (x.mean(a.axes(x)), x.var(a.axes(x)[1:]).mean(0) if x.ndim > 2 else x.var(0) * 0),
    ),
    Mistake(
        "this is the standard deviation: return the variance",
        lambda x: (x.mean(a.axes(x)), x.std(a.axes(x))),
    ),
]
_ONE_PASS = Mistake(
    "E[x²] − E[x]² subtracts two numbers near 10⁸, which float32 stores to the nearest 8: "
    "subtract the mean first, then square",
    lambda x: (x.mean(0), (x * x).mean(0) - x.mean(0) ** 2),
)
_pair = partial(Criterion, points=1, reference=a.statistics, returns=("mean", "var"))
channel_statistics = (
    _pair("dense input (n, c)", draw=partial(a.draw_x, DENSE), mistakes=_STATISTICS),
    _pair("images (n, c, h, w)", draw=partial(a.draw_x, IMAGE), mistakes=_STATISTICS),
    _pair("float32 near 10,000", draw=a.draw_large_mean, mistakes=[_ONE_PASS], rtol=2e-3),
)

_NORMALIZE = [
    Mistake(_EPS_OUTSIDE, partial(a.wrong_normalize, root=lambda var, eps: np.sqrt(var) + eps)),
    Mistake(_EPS_MISSING, partial(a.wrong_normalize, root=lambda var, eps: np.sqrt(var))),
    Mistake(
        "this divides by the variance: divide by its square root",
        partial(a.wrong_normalize, root=lambda var, eps: var + eps),
    ),
    Mistake(_UNBIASED, partial(a.wrong_normalize, ddof=1)),
    Mistake(
        "the weight γ is not used",
        lambda x, weight, bias, eps: a.normalize(x, np.ones_like(weight), bias, eps),
    ),
    Mistake(
        "the bias β is not used",
        lambda x, weight, bias, eps: a.normalize(x, weight, np.zeros_like(bias), eps),
    ),
    Mistake(
        "weight and bias run along the last axis, which happens to be as long as there are "
        "channels: reshape them to (1, c, 1, 1)",
        partial(a.wrong_normalize, wide=lambda values, x: values),
    ),
]
_y = partial(
    Criterion, points=1, reference=a.normalize, returns=("y",), mistakes=_NORMALIZE, rtol=SINGLE
)
normalize = (
    _y("dense input (n, c)", draw=partial(a.draw_training, DENSE)),
    _y("sequences (n, c, l)", draw=partial(a.draw_training, SEQUENCE)),
    _y("images as wide as they have channels", draw=partial(a.draw_training, IMAGE)),
    _y("a constant channel", draw=a.draw_constant_channel),
)

_UPDATE = [
    Mistake(_BIASED_MEMORY, partial(a.wrong_update, ddof=0)),
    Mistake(_MOMENTUM, lambda *args: a.wrong_update(*args[:3], 1 - args[3])),
    Mistake(
        "the arrays are as before: write into them, running_mean[:] = …; "
        "running_mean = … only gives the name to a new array",
        lambda *args: None,
    ),
    Mistake(
        "this batch replaced the memory: move it only by the share `momentum`",
        lambda *args: a.wrong_update(*args[:3], 1.0),
    ),
    Mistake(
        "m is not the length of the batch: it counts the values of a channel, positions included",
        lambda *args: a.wrong_update(*args, ddof=0, scale=len(args[2]) / (len(args[2]) - 1)),
    ),
]
_memory_after = partial(Criterion, points=1, reference=a.update, updates=MEMORY, mistakes=_UPDATE)
update_running = (
    _memory_after("dense input (n, c)", draw=partial(a.draw_update, DENSE)),
    _memory_after("images (n, c, h, w)", draw=partial(a.draw_update, IMAGE)),
)

_EVALUATE = [
    Mistake(
        "this normalizes with the batch's statistics: in evaluation the running ones are constants",
        lambda x, mean, var, weight, bias, eps: a.normalize(x, weight, bias, eps),
    ),
    Mistake(_EPS_OUTSIDE, partial(a.wrong_evaluate, root=lambda var, eps: np.sqrt(var) + eps)),
    Mistake(_EPS_MISSING, partial(a.wrong_evaluate, root=lambda var, eps: np.sqrt(var))),
]
_served = partial(
    Criterion, points=1, reference=a.evaluate, returns=("y",), mistakes=_EVALUATE, rtol=SINGLE
)
evaluate = (
    _served("images (n, c, h, w)", draw=partial(a.draw_evaluation, IMAGE)),
    _served("one example alone", draw=partial(a.draw_evaluation, (1, 4))),
)

_CUMULATIVE = [
    Mistake(
        "the starting value still weighs: the first batch has weight 1, the next 1/2, then 1/3",
        lambda mean, var, x, seen: a.update(mean, var, x, 1 / (seen + 2)),
    ),
    Mistake(
        "each batch replaces the memory: average it with those before",
        lambda mean, var, x, seen: a.update(mean, var, x, 1.0),
    ),
    Mistake(
        _BIASED_MEMORY,
        lambda mean, var, x, seen: a.wrong_update(mean, var, x, 1 / (seen + 1), ddof=0),
    ),
    Mistake(
        "this is the exponential mean with a fixed momentum: here every batch weighs the same",
        lambda mean, var, x, seen: a.update(mean, var, x, 0.1),
    ),
]
update_cumulative = (
    Criterion(
        "three batches in turn",
        2,
        a.draw_first_batches,
        a.update_cumulative,
        updates=MEMORY,
        mistakes=_CUMULATIVE,
        call=a.show_batches_in_turn,
    ),
)

_FORGET = [
    Mistake(_MOMENTUM, lambda momentum, share: math.ceil(math.log(share) / math.log(momentum))),
    Mistake(
        "after this many batches the start still weighs more than `share`: round up",
        lambda momentum, share: math.floor(math.log(share) / math.log(1 - momentum)),
    ),
]
batches_to_forget = (
    Criterion(
        "number of batches", 2, a.draw_share, a.batches_to_forget, ("batches",), mistakes=_FORGET
    ),
)

_RUNNING_IN_TRAINING = Mistake(
    "a training batch is normalized with its own statistics, not with the running ones",
    lambda x, mean, var, weight, bias, training: (
        a.update(mean, var, x, 0.1),
        a.evaluate(x, mean, var, weight, bias, 1e-5),
    )[1],
)
_MOVED_IN_EVALUATION = Mistake(
    "the running statistics changed in evaluation: only training batches may move them",
    lambda x, mean, var, weight, bias, training: (
        a.evaluate(x, mean, var, weight, bias, 1e-5),
        a.update(mean, var, x, 0.1),
    )[0],
)
_layer = partial(Criterion, points=1, reference=a.batch_norm, returns=("y",), updates=MEMORY)
batch_norm = (
    _layer("training", draw=partial(a.draw_layer, IMAGE, True), mistakes=[_RUNNING_IN_TRAINING]),
    _layer("evaluation", draw=partial(a.draw_layer, IMAGE, False), mistakes=[_MOVED_IN_EVALUATION]),
    _layer(
        "one value a channel cannot train",
        draw=partial(a.draw_layer, (1, 4), True),
        refuses=ValueError,
    ),
)
