"""Questions of the exercise on internal covariate shift: two measures, and a verdict."""

from functools import partial

import numpy as np

from course_lib.grading.answers import covariate_shift as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

_SHIFT = [
    Mistake(
        "this compares each example with itself: sort each unit's values first, since examples "
        "that change places leave the distribution as it was",
        partial(a.wrong_shift, order=lambda h: h),
    ),
    Mistake(
        "this compares the means alone: a distribution can also be stretched",
        lambda before, after: np.abs(after.mean(0) - before.mean(0)) / before.std(0),
    ),
    Mistake(
        "this divides by the standard deviation after the update: the unit of D is the one before",
        partial(a.wrong_shift, spread=lambda before, after: after.std(0)),
    ),
    Mistake(
        "this divides by the variance: D is in standard deviations",
        partial(a.wrong_shift, spread=lambda before, after: before.var(0)),
    ),
    Mistake(
        "this is the root of the mean square distance: D is the mean distance", a.squared_shift
    ),
    Mistake(
        "this is one number for all units: sort, average and divide each unit by itself",
        lambda before, after: np.full(
            before.shape[1], a.wrong_shift(before.reshape(-1, 1), after.reshape(-1, 1))[0]
        ),
    ),
]
_UNDIVIDED = Mistake(
    "a unit that is constant and stays so has moved by 0: 0 / 0 must not come out as NaN",
    a.wrong_shift,
)
_d = partial(Criterion, reference=a.activation_shift, returns=("D",))
activation_shift = (
    _d("four units", 2, draw=a.draw_activations, mistakes=_SHIFT),
    _d("units that did not move, one of them constant", 1, draw=a.draw_untouched,
       mistakes=[_UNDIVIDED, _SHIFT[0]]),
)  # fmt: skip

_MOMENTS = [
    Mistake("nothing has moved: D is 0", lambda before: before),
    Mistake(
        "these values have moved, but their mean is another", lambda before: before + before.std()
    ),
    Mistake(
        "these values have moved, but their standard deviation is another",
        lambda before: before.mean() + 2 * (before - before.mean()),
    ),
    Mistake(
        "these values have moved, but mean and standard deviation are others: batch norm without "
        "γ and β gives 0 and 1",
        lambda before: (before - before.mean()) / before.std(),
    ),
]
same_moments = (
    Criterion(
        "same mean, same standard deviation, D above 0.1",
        2,
        draw=a.draw_skewed,
        reference=a.same_moments,
        returns=("same mean", "same standard deviation", "D above 0.1"),
        mistakes=_MOMENTS,
        call=a.judged,
    ),
)

_GRADIENTS = [
    Mistake(
        "this sums over the batch: the loss is the mean over the examples",
        lambda w1, w2, x, target: tuple(len(x) * d for d in a.gradients(w1, w2, x, target)),
    ),
    Mistake(
        "the factor 2 of the square is missing",
        lambda w1, w2, x, target: tuple(d / 2 for d in a.gradients(w1, w2, x, target)),
    ),
    Mistake(
        "this is also divided by the number of outputs: a squared length is a sum over them",
        lambda w1, w2, x, target: tuple(
            d / target.shape[1] for d in a.gradients(w1, w2, x, target)
        ),
    ),
    Mistake(
        "the sign is that of the step: a gradient points uphill",
        lambda w1, w2, x, target: tuple(-d for d in a.gradients(w1, w2, x, target)),
    ),
]
gradients = (
    Criterion(
        "two linear layers",
        2,
        draw=a.draw_layers,
        reference=a.gradients,
        returns=("dw1", "dw2"),
        mistakes=_GRADIENTS,
    ),
)

_GRADIENT_SHIFT = [
    Mistake(
        "both layers were updated for G′: only the layer in front is, W₂ stays at step t",
        partial(a.wrong_gradient_shift, second=True),
    ),
    Mistake(
        "the layer itself was updated for G′ and the one in front was not: it is the reverse",
        partial(a.wrong_gradient_shift, first=False, second=True),
    ),
    Mistake(
        "nothing was updated for G′", partial(a.wrong_gradient_shift, first=False, second=False)
    ),
    Mistake(
        "the layer in front moved uphill: a step subtracts the gradient",
        lambda w1, w2, x, target, learning_rate: a.gradient_shift(
            w1, w2, x, target, -learning_rate
        ),
    ),
    Mistake(
        "the distance is not divided by the length of G",
        lambda *args: (
            a.gradient_shift(*args)[0] * np.linalg.norm(a.gradients(*args[:4])[1]),
            a.gradient_shift(*args)[1],
        ),
    ),
]
gradient_shift = (
    Criterion(
        "the second of two layers",
        3,
        draw=a.draw_step,
        reference=a.gradient_shift,
        returns=("distance", "cosine"),
        mistakes=_GRADIENT_SHIFT,
    ),
)

_CONSTRUCTION = [
    Mistake(
        "ε is left out: the standard deviation behind the norm is |γ| √(σ²/(σ² + ε))",
        lambda weight, bias_before, bias_after, var, eps: np.abs(
            (bias_after - bias_before) / weight
        ),
    ),
    Mistake(
        "this is negative where γ is or where β fell: a distance has no sign",
        lambda weight, bias_before, bias_after, var, eps: (
            (bias_after - bias_before) / (weight * np.sqrt(var / (var + eps)))
        ),
    ),
    Mistake(
        "this is not divided by the standard deviation: a change of β is in the units of y",
        lambda weight, bias_before, bias_after, var, eps: np.abs(bias_after - bias_before),
    ),
    Mistake(
        "ε stands outside the square root",
        lambda weight, bias_before, bias_after, var, eps: (
            np.abs(bias_after - bias_before)
            / (np.abs(weight) * np.sqrt(var) / (np.sqrt(var) + eps))
        ),
    ),
]
mean_shift = (
    Criterion(
        "five units with a large ε",
        2,
        draw=a.draw_norm,
        reference=a.mean_shift,
        returns=("shift",),
        mistakes=_CONSTRUCTION,
    ),
)

_PUSH = [
    Mistake(
        "each example is pushed by its own amount: one amount belongs to one unit, along axis 1",
        lambda y, amount: y + amount[:, None],
    ),
    Mistake("this pulls: add the amount", lambda y, amount: y - amount),
    Mistake("this stretches: add the amount", lambda y, amount: y * amount),
]
push = (
    Criterion(
        "six examples of six units",
        1,
        draw=a.draw_push,
        reference=a.push,
        returns=("y",),
        mistakes=_PUSH,
    ),
)

_SWAPPED = Mistake(
    "the sign is turned: 1 means that the shift is smaller with the layer",
    lambda *args: (-a.verdict(*args)[0], a.verdict(*args)[1]),
)
_MEANS = Mistake("this compares means: one seed that disagrees makes the answer 0", a.wrong_verdict)
_ALWAYS = Mistake(
    "a net that is not better with the layer refutes nothing: there is no success to explain",
    lambda *args: (a.verdict(*args)[0], int(a.verdict(*args)[0] != 1)),
)
_NEVER = Mistake(
    "better without less shift refutes the sentence: whatever made it better, it was not that",
    lambda *args: (a.verdict(*args)[0], 0),
)
_v = partial(
    Criterion,
    points=1,
    reference=a.verdict,
    returns=("reduced", "refuted"),
    mistakes=[_SWAPPED, _MEANS, _ALWAYS, _NEVER],
)
verdict = (
    _v("better, and the shift is down in each seed", draw=partial(a.draw_runs, True, 1)),
    _v("better, though the shift is up in each seed", draw=partial(a.draw_runs, True, -1)),
    _v("better, and one seed of five disagrees", draw=partial(a.draw_runs, True, 0)),
    _v("worse, with the shift up in each seed", draw=partial(a.draw_runs, False, -1)),
)
