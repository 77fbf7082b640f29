"""Questions of the exercise on how signals and gradients grow with depth."""

import math
from functools import partial

import numpy as np

from course_lib.grading.answers import signal_propagation as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake


def _times(answer, factor, hint):
    """Return the mistake that multiplies the right answer."""
    return Mistake(hint, lambda *args: answer(*args) * factor)


_VARIANCE = "this is the variance: return its square root, the standard deviation"
_UNIFORM = "this is the bound of a uniform distribution, √3 times the standard deviation"
_SCALE = "the scale is not squared: σ_w is a standard deviation"
_BIAS_STD = "the bias enters by its variance, the square of bias_std"
_NO_BIAS = "the bias is missing"
_AT_OUTPUT = "the derivative is taken at tanh(x): its argument is the pre-activation x"

_XAVIER = [
    Mistake(_VARIANCE, lambda shape: a.xavier_std(shape) ** 2),
    _times(a.xavier_std, math.sqrt(3), _UNIFORM),
    _times(a.xavier_std, math.sqrt(0.5), "the fans enter by their mean: the 2 is missing"),
    Mistake("this is He's scale for ReLU", lambda shape: a.he_std(shape, 0.0, False)),
    Mistake(
        "this uses fan_in alone, which holds the signal and not the gradient",
        lambda shape: a.he_std(shape, 1.0, False),
    ),
    Mistake(
        "this uses fan_out alone, which holds the gradient and not the signal",
        lambda shape: a.he_std(shape, 1.0, True),
    ),
]
_xavier = partial(Criterion, points=1, reference=a.xavier_std, returns=("std",), mistakes=_XAVIER)
xavier_std = (_xavier("weight (n_out, n_in)", draw=a.draw_dense_shape),)

_HE = [
    Mistake(_VARIANCE, lambda *args: a.he_std(*args) ** 2),
    _times(a.he_std, math.sqrt(3), _UNIFORM),
    _times(
        a.he_std,
        math.sqrt(0.5),
        "the factor 2 of ReLU is missing: it passes half of the mean square",
    ),
    Mistake(
        "fan_in and fan_out are exchanged: a weight has the shape (n_out, n_in)",
        lambda shape, slope, backward: a.he_std(shape, slope, not backward),
    ),
]
_SLOPE = [
    Mistake(
        "the slope of the LeakyReLU is not used: the negative half passes something too",
        lambda shape, slope, backward: a.he_std(shape, 0.0, backward),
    ),
    Mistake(
        "the slope is not squared: a mean square passes through a line of slope a times a²",
        lambda shape, slope, backward: a.he_std(shape, math.sqrt(slope), backward),
    ),
]
_AREA = Mistake(
    "the kernel's area is missing: an output of a convolution sums over positions too",
    lambda shape, *rest: a.he_std(shape[:2], *rest),
)
_he = partial(Criterion, points=1, reference=a.he_std, returns=("std",))
_draw_he = partial(partial, a.draw_he)
he_std = (
    _he("ReLU, for the signal", draw=_draw_he(a.draw_dense_shape, False, False), mistakes=_HE),
    _he(
        "LeakyReLU, for the gradient",
        draw=_draw_he(a.draw_dense_shape, True, True),
        mistakes=[*_HE, *_SLOPE],
    ),
    _he(
        "LeakyReLU in a convolution (c_out, c_in, 3, 3)",
        draw=_draw_he(a.draw_image_shape, True, False),
        mistakes=[*_HE, *_SLOPE, _AREA],
    ),
)

_STEP = ("next_q", "growth")
_LEAKY = [
    Mistake(_SCALE, lambda q, scale, *rest: a.leaky_step(q, math.sqrt(scale), *rest)),
    Mistake(_BIAS_STD, lambda *args: a.leaky_step(*args[:3], math.sqrt(args[3]))),
    Mistake(_NO_BIAS, lambda *args: a.leaky_step(*args[:3], 0.0)),
    Mistake(
        "the bias stands in the gradient's growth: a constant has no part in a derivative",
        partial(a.wrong_leaky_step, grown=lambda kept, q, bias_std: kept + bias_std**2),
    ),
    Mistake(
        "q stands in the gradient's growth: the squared slope multiplies it, and nothing else",
        partial(a.wrong_leaky_step, grown=lambda kept, q, bias_std: kept * q),
    ),
    Mistake(
        "the half is missing: half of the pre-activations are negative",
        partial(a.wrong_leaky_step, half=1.0),
    ),
]
_LEAKY_SLOPE = [
    Mistake(
        _SLOPE[0].hint, lambda q, scale, slope, bias_std: a.leaky_step(q, scale, 0.0, bias_std)
    ),
    Mistake(
        _SLOPE[1].hint,
        lambda q, scale, slope, bias_std: a.leaky_step(q, scale, math.sqrt(slope), bias_std),
    ),
]
_leaky = partial(Criterion, points=1, reference=a.leaky_step, returns=_STEP)
leaky_step = (
    _leaky("ReLU", draw=partial(a.draw_leaky, False), mistakes=_LEAKY),
    _leaky("LeakyReLU", draw=partial(a.draw_leaky, True), mistakes=_LEAKY + _LEAKY_SLOPE),
)

_TANH = [
    Mistake(
        "q is a variance: the pre-activation is √q z, not q z",
        partial(a.wrong_tanh_step, std=lambda q: q),
    ),
    Mistake(
        "the derivative is left out of the growth: it averages tanh′², not tanh²",
        partial(a.wrong_tanh_step, slope=np.tanh),
    ),
    Mistake("the derivative is not squared in the growth", partial(a.wrong_tanh_step, power=1)),
    Mistake(_AT_OUTPUT, partial(a.wrong_tanh_step, slope=a.slope_at_output)),
    Mistake(_SCALE, lambda q, scale, bias_std: a.tanh_step(q, math.sqrt(scale), bias_std)),
    Mistake(_BIAS_STD, lambda q, scale, bias_std: a.tanh_step(q, scale, math.sqrt(bias_std))),
    Mistake(_NO_BIAS, lambda q, scale, bias_std: a.tanh_step(q, scale, 0.0)),
]
_digits = partial(Criterion, rtol=2e-3)  # three digits: any quadrature will do
tanh_step = (_digits("next_q and growth", 2, a.draw_tanh, a.tanh_step, _STEP, mistakes=_TANH),)

_NORMS = [
    Mistake(
        "the weight is transposed once too often: with examples in rows, δ @ weight is Wᵀδ",
        partial(a.wrong_norms, transposed=True),
    ),
    Mistake("the derivative is left out", partial(a.wrong_norms, slope=np.ones_like)),
    Mistake(
        "the derivative is taken one layer too high: δ of layer l − 1 needs the slope there",
        partial(a.wrong_norms, slope_of=1),
    ),
    Mistake(_AT_OUTPUT, partial(a.wrong_norms, slope=a.slope_at_output)),
    Mistake("tanh stands in place of its derivative", partial(a.wrong_norms, slope=np.tanh)),
    Mistake("the last layer comes first", lambda *args: a.gradient_norms(*args)[::-1]),
    Mistake("these are the squared norms", lambda *args: a.gradient_norms(*args) ** 2),
]
_norms = partial(Criterion, reference=a.gradient_norms, returns=("norms",))
gradient_norms = (
    _norms("six layers", 2, draw=partial(a.draw_net, 6), mistakes=_NORMS),
    _norms("one layer", 1, draw=partial(a.draw_net, 1), mistakes=_NORMS[-1:]),
)

_FIXED = [
    Mistake(
        "this is the root of q*: q is a mean square",
        lambda *args: math.sqrt(a.fixed_point(*args)),
    ),
    Mistake(
        "this is q after one step from q = 1: repeat until it stays",
        lambda *args: a.tanh_step(1.0, *args)[0],
    ),
    Mistake(_NO_BIAS, lambda scale, bias_std: a.fixed_point(scale, 0.0)),
    Mistake(_BIAS_STD, lambda scale, bias_std: a.fixed_point(scale, math.sqrt(bias_std))),
    Mistake(_SCALE, lambda scale, bias_std: a.fixed_point(math.sqrt(scale), bias_std)),
]
fixed_point = (_digits("q*", 1, a.draw_scale, a.fixed_point, ("q",), mistakes=_FIXED),)

_CRITICAL = [
    Mistake(
        "this is the critical scale without biases: the bias keeps q* above 0", lambda bias_std: 1.0
    ),
    Mistake(
        "this is the squared scale σ_w²: return σ_w",
        lambda bias_std: a.critical_scale(bias_std) ** 2,
    ),
    Mistake(
        "χ is 1 at q = 1 here: it must be 1 at the fixed point q*",
        lambda bias_std: a.scale_at(1.0),
    ),
    Mistake(
        "χ is 1 at q = bias_std² here: it must be 1 at the fixed point q*",
        lambda bias_std: a.scale_at(bias_std**2),
    ),
    Mistake(_BIAS_STD, lambda bias_std: a.critical_scale(math.sqrt(bias_std))),
]
_critical = partial(_digits, reference=a.critical_scale, returns=("scale",), mistakes=_CRITICAL)
critical_scale = (
    _critical("small biases", 1, a.draw_small_bias),
    _critical("large biases", 1, a.draw_large_bias),
)

_DEPTH = [
    Mistake(
        "growth multiplies the mean square: the root mean square grows by its square root",
        lambda growth, rms: math.ceil(a.layers(growth, rms) / 2),
    ),
    Mistake(
        "after this many layers the value is still inside the range: round up",
        lambda growth, rms: math.floor(a.layers(growth, rms)),
    ),
    Mistake(
        "this starts from 1: the gradient at the last layer is rms",
        lambda growth, rms: math.ceil(a.layers(growth, 1.0)),
    ),
]
_NORMAL = Mistake(
    "this stops at the smallest normal number, 2⁻¹⁴: float16 goes on below it with fewer digits",
    lambda growth, rms: math.ceil(a.layers(growth, rms, smallest=2.0**-14)),
)
_leave = partial(Criterion, points=1, reference=a.layers_to_leave_float16, returns=("layers",))
layers_to_leave_float16 = (
    _leave("growing gradients", draw=partial(a.draw_growth, 1.1, 1.5), mistakes=_DEPTH),
    _leave(
        "shrinking gradients", draw=partial(a.draw_growth, 0.6, 0.9), mistakes=[*_DEPTH, _NORMAL]
    ),
)
