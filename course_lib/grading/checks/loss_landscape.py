"""Questions of the exercise on the loss landscape: invariance, lengths, rates and the probe."""

from functools import partial

import numpy as np

from course_lib.grading.answers import loss_landscape as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

_INVARIANT = [
    Mistake("this says yes to every function: compare the outputs", lambda f, w: 1),
    Mistake("this says no to every function: compare the outputs", lambda f, w: 0),
    Mistake(
        "negative factors were tried too: w → −w turns the output around, and the length of w is "
        "the same",
        partial(a.is_scale_invariant, factors=(*a.FACTORS, -1)),
    ),
    Mistake(
        "the tolerance is too wide: ε makes a difference of some per cent here",
        partial(a.is_scale_invariant, factors=(3, 100), rtol=0.2),
    ),
    Mistake(
        "this looks at the first output alone: compare all of them",
        partial(a.is_scale_invariant, first=True),
    ),
]
is_scale_invariant = (
    Criterion(
        "five functions",
        4,
        draw=a.draw_functions,
        reference=a.is_scale_invariant,
        returns=(
            "the answer for batch norm",
            "the answer for |w| / sum |w|",
            "the answer for batch norm whose ε is not small",
            "the answer for a function that is invariant in its first output",
            "the answer for a linear function",
        ),
        mistakes=_INVARIANT,
        call=a.each,
    ),
)

_RAY = [
    Mistake(
        "a longer weight has a shorter gradient here: divide by α, do not multiply",
        lambda w, g, alpha, decay: (g * alpha, g + decay * w),
    ),
    Mistake(
        "the gradient is not the same along the ray: L(αw) = L(w) gives α ∇L(αw) = ∇L(w)",
        lambda w, g, alpha, decay: (g, g + decay * w),
    ),
    Mistake(
        "this divides by α²: so does the curvature; the gradient is divided by α",
        lambda w, g, alpha, decay: (g / alpha**2, g + decay * w),
    ),
    Mistake(
        "the derivative of λ/2 ‖w‖² is λ w, not 2 λ w",
        lambda w, g, alpha, decay: (g / alpha, g + 2 * decay * w),
    ),
    Mistake(
        "decay is left out of the second gradient: it leaves the function as it is, and does "
        "shorten w",
        lambda w, g, alpha, decay: (g / alpha, g),
    ),
    Mistake(
        "this is the decay of the first weight taken against it: the gradient is g + λ w",
        lambda w, g, alpha, decay: (g / alpha, g - decay * w),
    ),
]
gradient_of_rescaled = (
    Criterion(
        "seven weights",
        2,
        draw=a.draw_ray,
        reference=a.gradient_of_rescaled,
        returns=("gradient at alpha w", "gradient with decay"),
        mistakes=_RAY,
    ),
)

_RATE = [
    Mistake(
        "this divides by ‖w‖: the gradient shrinks with ‖w‖ too, so the effective rate has ‖w‖²",
        lambda w, g, learning_rate: (
            learning_rate / np.linalg.norm(w, axis=1),
            a.effective_rate(w, g, learning_rate)[1],
        ),
    ),
    Mistake(
        "this takes all units together: each row stands in front of its own unit of the batch norm",
        lambda w, g, learning_rate: tuple(
            np.full(len(w), part[0])
            for part in a.effective_rate(w.reshape(1, -1), g.reshape(1, -1), learning_rate)
        ),
    ),
    Mistake(
        "these are lengths along axis 0: a unit's weight is a row",
        lambda w, g, learning_rate: a.effective_rate(w.T, g.T, learning_rate),
    ),
    Mistake(
        "this is the tangent of the angle: take the arctangent, the steps are not small",
        lambda w, g, learning_rate: (
            a.effective_rate(w, g, learning_rate)[0],
            np.tan(a.effective_rate(w, g, learning_rate)[1]),
        ),
    ),
    Mistake(
        "this is the angle in degrees",
        lambda w, g, learning_rate: (
            a.effective_rate(w, g, learning_rate)[0],
            np.degrees(a.effective_rate(w, g, learning_rate)[1]),
        ),
    ),
]
effective_rate = (
    Criterion(
        "four units of four inputs",
        2,
        draw=a.draw_units,
        reference=a.effective_rate,
        returns=("effective rate", "angle"),
        mistakes=_RATE,
    ),
)

_LENGTH = [
    Mistake(
        "this adds lengths: the gradient stands at right angles to w, so squares add",
        a.straight_length,
    ),
    Mistake(
        "the gradient keeps its first length here: it is G/‖w‖ and shrinks as w grows",
        partial(a.wrong_length, fixed=True),
    ),
]
_DECAYED = [
    Mistake("decay is left out", partial(a.wrong_length, shrink=lambda rate, decay: 1)),
    Mistake(
        "this shrinks by 1 − λ: SGD multiplies the decay by the learning rate",
        partial(a.wrong_length, shrink=lambda rate, decay: 1 - decay),
    ),
    Mistake(
        "this shrinks by 1 − 2ηλ: the square of the length shrinks by (1 − ηλ)²",
        partial(a.wrong_length, shrink=lambda rate, decay: 1 - 2 * rate * decay),
    ),
]
_l = partial(Criterion, reference=a.length_after, returns=("length",))
length_after = (
    _l("without decay", 1, draw=partial(a.draw_run, False), mistakes=_LENGTH),
    _l("with decay", 2, draw=partial(a.draw_run, True), mistakes=[*_LENGTH, *_DECAYED]),
)

_BALANCE = [
    Mistake(
        "the term in (ηλ)² is left out: the task asks for the exact length",
        a.simple_equilibrium,
    ),
    Mistake(
        "the effective rate is η/‖w‖², not √(2ηλ): that is about the angle of a step",
        lambda pull, rate, decay: (
            a.equilibrium(pull, rate, decay)[0],
            np.sqrt(2 * rate * decay),
        ),
    ),
    Mistake(
        "this is the square of the length",
        lambda pull, rate, decay: (
            a.equilibrium(pull, rate, decay)[0] ** 2,
            a.equilibrium(pull, rate, decay)[1],
        ),
    ),
    Mistake(
        "this divides by the length once: the effective rate is η/‖w‖²",
        lambda pull, rate, decay: (
            a.equilibrium(pull, rate, decay)[0],
            rate / a.equilibrium(pull, rate, decay)[0],
        ),
    ),
]
equilibrium = (
    Criterion(
        "a decay that is not small",
        3,
        draw=a.draw_balance,
        reference=a.equilibrium,
        returns=("length", "effective rate"),
        mistakes=_BALANCE,
    ),
)

_PROBE = [
    Mistake("this walks uphill: a step subtracts the gradient", partial(a.probe, sign=1)),
    Mistake(
        "the starting point is left out of the range of the loss", partial(a.probe, start=False)
    ),
    Mistake(
        "β is not multiplied by ‖w‖²: a longer weight would look smoother",
        partial(a.probe, size=lambda w: 1),
    ),
    Mistake(
        "β is multiplied by ‖w‖: a curvature shrinks with the square of the length",
        partial(a.probe, size=np.linalg.norm),
    ),
    Mistake(
        "this divides by the step size: the distance walked is the step size times ‖g‖",
        lambda loss, grad, w, rates: a.probe(
            loss, grad, w, rates, size=lambda w: w @ w * np.linalg.norm(grad(w))
        ),
    ),
]
probe = (
    Criterion(
        "six weights, four step sizes",
        4,
        draw=a.draw_loss,
        reference=a.probe,
        returns=("loss range", "gradient change", "beta times ‖w‖²"),
        mistakes=_PROBE,
    ),
)
