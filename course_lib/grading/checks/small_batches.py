"""Questions of the exercise on what batch norm does with small, odd and drifting batches."""

from functools import partial

import numpy as np

from course_lib.grading.answers import small_batches as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

_EPS_OUTSIDE = "ε stands outside the square root: it is added to the variance"
_EPS_MISSING = "ε is missing"

_SPREAD = [
    Mistake(
        "this is the spread of free draws, σ/√B: the classes of a batch are not drawn freely",
        lambda means, stds, size, classes: np.sqrt(((stds**2).mean() + means.var()) / size),
    ),
    Mistake(
        "the spread within the classes is missing", partial(a.wrong_spread, within=0)
    ),
    Mistake("the spread between the classes is missing", partial(a.wrong_spread, between=0)),
    Mistake(
        "the classes are drawn without replacement: with all of them in the batch, the part "
        "between them is 0",
        partial(a.wrong_spread, rest=False),
    ),
    Mistake(
        "the variance of the class means divides by C here: these are all the classes there are",
        partial(a.wrong_spread, ddof=1),
    ),
    Mistake(
        "this is the variance: return its square root",
        lambda *args: a.spread_of_mean(*args) ** 2,
    ),
]  # fmt: skip
spread_of_mean = (
    Criterion(
        "some of ten classes",
        2,
        draw=a.draw_classes,
        reference=a.spread_of_mean,
        returns=("spread",),
        mistakes=_SPREAD,
    ),
)

_LIMITS = [
    Mistake("r starts from 1, not from 0: 1 is batch norm", partial(a.wrong_limits, floor=0.0)),
    Mistake(
        "before `start` the limits stay at 1 and 0: they went below",
        partial(a.wrong_limits, low=-np.inf),
    ),
    Mistake("after their ends the limits stay: they grew on", partial(a.wrong_limits, high=np.inf)),
    Mistake(
        "each limit has an end of its own: this opens both by the end of r",
        lambda step, start, r_end, d_end, r_max, d_max: a.limits(
            step, start, r_end, r_end, r_max, d_max
        ),
    ),
    Mistake(
        "the line begins at `start`, not at step 0",
        lambda step, start, *rest: a.limits(step, 0, *rest),
    ),
]
_opened = partial(
    Criterion, points=1, reference=a.limits, returns=("r_max", "d_max"), mistakes=_LIMITS
)
limits = (
    _opened("on the way", draw=partial(a.draw_step, 20, 180)),
    _opened("before the start", draw=partial(a.draw_step, -40, -5)),
    _opened("d is open, r is not", draw=partial(a.draw_step, 210, 290)),
)

_RENORM = [
    Mistake(
        "this is batch norm: nothing is put back",
        partial(a.wrong_renorm, join=lambda x_hat, r, d: x_hat),
    ),
    Mistake("r is upside down: it is σ_B / σ", partial(a.wrong_renorm, invert=True)),
    Mistake(
        "d is in the batch's standard deviations: divide by the memory's",
        partial(a.wrong_renorm, unit=lambda std, running_std: std),
    ),
    Mistake(
        "this multiplies d by r as well: y = x̂ · r + d",
        partial(a.wrong_renorm, join=lambda x_hat, r, d: (x_hat + d) * r),
    ),
    Mistake("d has the wrong sign: it is (μ_B − μ) / σ",
            partial(a.wrong_renorm, unit=lambda std, running_std: -running_std)),
    Mistake("r is not clipped", partial(a.wrong_renorm, clip_r=lambda r, limit: r)),
    Mistake("d is not clipped", partial(a.wrong_renorm, clip_d=lambda d, limit: d)),
    Mistake(
        "r is clipped from above only: its lower limit is 1 / r_max",
        partial(a.wrong_renorm, clip_r=np.minimum),
    ),
    Mistake(
        "d is clipped from above only: its lower limit is −d_max",
        partial(a.wrong_renorm, clip_d=np.minimum),
    ),
    Mistake(
        "the memory moved before it was used: this batch must be corrected towards the old one",
        partial(a.wrong_renorm, first=True),
    ),
    Mistake("this divides by m − 1: the deviation that normalizes, and the one that is kept, "
            "are biased", partial(a.wrong_renorm, ddof=1)),
    Mistake(_EPS_OUTSIDE, partial(a.wrong_renorm, root=lambda var, eps: np.sqrt(var) + eps)),
    Mistake(_EPS_MISSING, partial(a.wrong_renorm, root=lambda var, eps: np.sqrt(var))),
    Mistake("the weight γ is not used", partial(a.wrong_renorm, affine=lambda y, w, b: y + b)),
    Mistake("the bias β is not used", partial(a.wrong_renorm, affine=lambda y, w, b: y * w)),
    Mistake("the memory averages standard deviations here, not variances", a.averaged_variances),
    Mistake(
        "momentum is of the other convention: it weighs the new batch, not the memory",
        a.other_convention,
    ),
    Mistake("the arrays are as before: write into running_mean and running_std",
            a.forgotten_memory),
]  # fmt: skip
_y = partial(
    Criterion,
    points=2,
    reference=a.renorm,
    returns=("y",),
    updates=("running_mean", "running_std"),
    mistakes=_RENORM,
)
renorm = (
    _y("limits that bind", draw=partial(a.draw_renorm, False)),
    _y("wide limits", draw=partial(a.draw_renorm, True)),
)

_BACKWARD = [
    Mistake("r is left out of dx", partial(a.wrong_backward, scale=0)),
    Mistake("the weight γ is left out of dx", partial(a.wrong_backward, gain=0)),
    Mistake("the mean term is missing from dx", partial(a.wrong_backward, mean=0)),
    Mistake("the x̂ term is missing from dx", partial(a.wrong_backward, along=0)),
    Mistake(
        "all statistics are constants here: only r and d are, the batch's depend on x",
        partial(a.wrong_backward, mean=0, along=0),
    ),
    Mistake(
        "dweight takes what γ multiplies, and that is x̂ · r + d",
        partial(a.wrong_backward, full=0),
    ),
]
renorm_backward = (
    Criterion(
        "r and d as constants",
        3,
        draw=a.draw_backward,
        reference=a.backward,
        returns=("dx", "dweight", "dbias"),
        mistakes=_BACKWARD,
    ),
)

_MERGE = [
    Mistake("every batch weighs the same here: weigh it by its count",
            partial(a.wrong_merge, weigh=False)),
    Mistake(
        "the means of the batches differ, and that belongs to the variance",
        partial(a.wrong_merge, between=0),
    ),
    Mistake("this is the biased variance: running_var holds the unbiased one",
            partial(a.wrong_merge, ddof=0)),
    Mistake(
        "this takes one off for each batch: one in all, for the one mean",
        lambda counts, means, variances: a.wrong_merge(counts, means, variances, ddof=len(counts)),
    ),
]  # fmt: skip
_ONE_PASS = Mistake(
    "E[x²] − E[x]² subtracts two numbers near 10¹⁶, which float64 stores to the nearest 2: "
    "subtract the common mean first",
    a.one_pass_merge,
)
_merged = partial(Criterion, reference=a.merge, returns=("mean", "variance"))
merge = (
    _merged("batches of 2, 5, 9 and 3", 2, draw=partial(a.draw_batches, 0), mistakes=_MERGE),
    _merged("means near 10⁸", 1, draw=partial(a.draw_batches, 1e8), mistakes=[_ONE_PASS]),
)

_LEAKS = [
    Mistake(
        "the changed example is compared with itself: leave it out, look at the others alone",
        a.looks_at_all,
    ),
    Mistake(
        "this changes one example and never the others: a layer may look at only one of them, or "
        "only at its neighbours",
        a.changes_the_first,
    ),
    Mistake(
        "this reorders the batch: batch norm's outputs move along with their examples. "
        "Change an example instead",
        a.permutes,
    ),
    Mistake(
        "a mean of 0 over the batch is batch norm's sign, not a leak's: change an example and "
        "look at the others",
        a.watches_the_mean,
    ),
]
leaks = (
    Criterion(
        "seven layers, all of them right",
        3,
        draw=a.draw_examples,
        reference=a.leaks,
        returns=("leak of each layer",),
        mistakes=_LEAKS,
        call=a.judged,
    ),
)

_MOMENTUM = [
    Mistake(
        "α and 1 − α are exchanged: α weighs the new batch",
        lambda speed, size: 1 - a.best_momentum(speed, size),
    ),
    Mistake(
        "larger batches are less noisy and allow a quicker memory: α grows with B",
        lambda speed, size: min(1.0, (4 * speed**2 / size) ** (1 / 3)),
    ),
    Mistake(
        "this is the square root: the derivative of v²/α² is −2v²/α³, so α³ is 4Bv²",
        lambda speed, size: min(1.0, (4 * size * speed**2) ** 0.5),
    ),
    Mistake(
        "the lag enters squared: α³ is 4Bv², not 4Bv",
        lambda speed, size: min(1.0, (4 * size * speed) ** (1 / 3)),
    ),
    Mistake(
        "a momentum above 1 overshoots: 1 is the most",
        lambda speed, size: (4 * size * speed**2) ** (1 / 3),
    ),
]
_alpha = partial(
    Criterion, points=1, reference=a.best_momentum, returns=("momentum",), mistakes=_MOMENTUM
)
best_momentum = (
    _alpha("slow drift", draw=partial(a.draw_drift, 0.005, 0.01)),
    _alpha("a memory that is too old at once", draw=partial(a.draw_drift, 1.0, 2.0)),
)
