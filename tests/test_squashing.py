"""Dynamic tanh and dynamic erf, in NumPy and on tensors: the same claims hold for all four."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd

from course_lib import numpy_layers, torch_layers

ARGUMENTS = {
    "dynamic_tanh": ("x", "alpha", "weight", "bias"),
    "dynamic_erf": ("x", "alpha", "shift", "weight", "bias"),
}
MODULES = {"dynamic_tanh": "DynamicTanh", "dynamic_erf": "DynamicErf"}


def numpy_run(name, *case):
    *arrays, dy = case
    y, cache = getattr(numpy_layers, name)(*arrays)
    return y, list(getattr(numpy_layers, f"{name}_backward")(dy, cache))


def twin_run(name, *case):
    return autograd(getattr(torch_layers, name), case[:-1], case[-1])


def tanh_by_exponentials(x, alpha, weight, bias):
    e = torch.exp(-2 * (alpha * x).abs())
    return weight * torch.sign(alpha * x) * (1 - e) / (1 + e) + bias


def erf_by_the_normal_distribution(x, alpha, shift, weight, bias):
    z = alpha * x + shift
    return weight * (2 * torch.special.ndtr(math.sqrt(2) * z) - 1) + bias


def exact_run(name, *case):
    """Write the formula with another function, in float64."""
    formulas = {
        "dynamic_tanh": tanh_by_exponentials,
        "dynamic_erf": erf_by_the_normal_distribution,
    }
    *arrays, dy = (value.astype(np.float64) for value in case)
    return autograd(formulas[name], arrays, dy)


both_names = pytest.mark.parametrize("name", ARGUMENTS)
both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# (shape of x, number of trailing axes of the weight); the square ones let a wrong broadcast fit.
SHAPES = [((3,), 1), ((3, 3), 1), ((3, 3, 3), 1), ((2, 3, 5), 2), ((3, 3, 3, 3), 2)]
SQUARE = SHAPES[2]
FLOAT64 = 1e-12  # float64 keeps 16 digits; each sum has at most 81 values
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.builds(
    lambda s, n: (tuple(s), min(n, len(s))),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(1, 2),
)
seeds = st.integers(0, 2**31)


def draw(name, shape, seed=0):
    """Draw the arguments of the layer and the upstream gradient."""
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(2, *shape[0][-shape[1] :]))
    x, dy = 1 + 2 * rng.normal(size=(2, *shape[0]))
    shift = [rng.normal(size=(1,))] if "shift" in ARGUMENTS[name] else []
    return x, rng.uniform(0.2, 1.0, (1,)), *shift, weight, bias, dy


@both_names
@both_layers
@pytest.mark.parametrize("shape", SHAPES)
def test_output_and_gradients_are_the_formulas(name, run, shape):
    case = draw(name, shape)
    assert_same(run(name, *case), exact_run(name, *case), FLOAT64)


@both_names
@both_layers
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_predict_the_slope(name, run, shape):
    *arrays, dy = draw(name, shape)
    gradients = run(name, *arrays, dy)[1]
    assert_predicts_slope(lambda *moved: np.sum(run(name, *moved, dy)[0] * dy), arrays, gradients)


@both_names
@pytest.mark.parametrize("without", [(-3,), (-2,), (-3, -2)])
def test_parameter_that_is_not_given_counts_as_none(name, without):
    case = list(draw(name, SQUARE))
    for index in without:
        case[index] = np.full_like(case[index], -2 - index)  # 1 for the weight, 0 for the bias
    wanted = numpy_run(name, *case)
    for index in without:
        case[index] = None
    y, gradients = numpy_run(name, *case)
    tensors = [None if value is None else torch.from_numpy(value) for value in case[:-1]]
    assert_near(y, wanted[0], FLOAT64)
    assert_near(getattr(torch_layers, name)(*tensors), wanted[0], FLOAT64)
    assert_near(gradients[0], wanted[1][0], FLOAT64)
    is_none = [gradient is None for gradient in gradients]
    assert is_none == [value is None for value in case[:-1]]


@both_names
def test_scale_and_shift_can_be_numbers(name):
    case = draw(name, SQUARE)
    y, gradients = numpy_run(name, *(v.item() if v.shape == (1,) else v for v in case))
    wanted = numpy_run(name, *case)
    assert_near(y, wanted[0], 0)
    assert gradients[1:-2] == [gradient[0] for gradient in wanted[1][1:-2]]


@both_names
@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_output_stays_within_the_weight(name, run, shape, seed):
    x, *rest = draw(name, shape, seed)
    weight, bias, _ = rest[-3:]
    squashed = run(name, 100 * x, *rest)[0] - bias
    assert np.all(np.abs(squashed) <= np.abs(weight) * (1 + FLOAT64) + FLOAT64)


@both_names
@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_sign_of_input_and_shift_is_the_sign_of_the_output(name, run, shape, seed):
    x, alpha, *shift, weight, bias, dy = draw(name, shape, seed)
    y = run(name, x, alpha, *shift, weight, 0 * bias, dy)[0]
    turned = [-value for value in shift]
    assert_near(run(name, -x, alpha, *turned, weight, 0 * bias, dy)[0], -y, 0)


@both_names
@both_layers
@many
@given(shape=shapes, dtype=st.sampled_from([np.float16, np.float32, np.float64]), seed=seeds)
def test_everything_has_the_dtype_of_the_input(name, run, shape, dtype, seed):
    y, gradients = run(name, *(value.astype(dtype) for value in draw(name, shape, seed)))
    assert {y.dtype, *(gradient.dtype for gradient in gradients)} == {np.dtype(dtype)}


@both_names
@both_layers
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_half_precision_rounds_only_the_result(name, run, scale):
    x, *rest = draw(name, ((300, 4), 1))
    case = [value.astype(np.float16) for value in (scale * x, *rest)]
    got, wanted = run(name, *case), exact_run(name, *case)
    pairs = [(got[0], wanted[0]), *zip(got[1], wanted[1], strict=True)]
    for index in (0, 1, -2, -1):  # not the sums over everything, in which much cancels
        # One rounding to 11 bits, or to a multiple of half precision's smallest step.
        np.testing.assert_allclose(*pairs[index], rtol=1.01 * 2**-11, atol=2**-24)


@both_names
@both_layers
def test_arguments_keep_their_values(name, run):
    case = draw(name, SQUARE)
    before = copy.deepcopy(case)
    run(name, *case)
    for got, wanted in zip(case, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@both_names
def test_empty_batch_gives_an_empty_output(name):
    x, *rest, _ = draw(name, SQUARE)
    y, gradients = numpy_run(name, x[:0], *rest, x[:0])
    assert (y.shape, gradients[0].shape, gradients[1].tolist()) == ((0, 3, 3), (0, 3, 3), [0])


WRONG = [
    ("x", np.ones((3, 3, 3), int), TypeError, "floating-point.+int64; convert"),
    ("x", np.ones((3, 3, 3), complex), TypeError, "floating-point.+complex128; convert"),
    ("alpha", np.ones(1, int), TypeError, "floating-point.+int64; convert"),
    ("alpha", np.ones(3), ValueError, r"^expected alpha of one value, got shape \(3,\); the layer"),
    ("shift", np.ones(1, complex), TypeError, "floating-point.+complex128; convert"),
    ("shift", np.ones(3), ValueError, r"^expected shift of one value, got shape \(3,\); the layer"),
    ("weight", np.ones(2), ValueError, r"^expected x to end in .+ \(2,\), got x .+; dynamic_"),
    ("bias", np.ones(2), ValueError, r"^expected bias of shape \(3,\) .+ got \(2,\); dynamic_"),
]


@pytest.mark.parametrize("package", [numpy_layers, torch_layers])
@pytest.mark.parametrize(
    ("name", "argument", "value", "error", "words"),
    [(name, *wrong) for name in ARGUMENTS for wrong in WRONG if wrong[0] in ARGUMENTS[name]],
)
def test_wrong_call_is_told_what_to_do(package, name, argument, value, error, words):
    case = dict(zip(ARGUMENTS[name], draw(name, SQUARE), strict=False)) | {argument: value}
    make = np.asarray if package is numpy_layers else torch.from_numpy
    with pytest.raises(error, match=words.replace("dynamic_", name)):
        getattr(package, name)(*map(make, case.values()))


@both_names
def test_reset_returns_to_the_start(name):
    starts = (0.8, 0.3)[: len(ARGUMENTS[name]) - 3]
    module, fresh = (getattr(torch_layers, MODULES[name])(4, *starts) for _ in range(2))
    for parameter in module.parameters():
        torch.nn.init.constant_(parameter, 7.0)
    module.reset_parameters()
    torch.testing.assert_close(module.state_dict(), fresh.state_dict(), rtol=0, atol=0)


@both_names
@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copy_of_the_module_is_the_same(name, travel):
    module, x = getattr(torch_layers, MODULES[name])(4, 0.7), torch.linspace(-3, 3, 8).reshape(2, 4)
    assert torch.equal(travel(module)(x), module(x))


@both_names
def test_device_of_the_constructor_is_used(name):
    module = getattr(torch_layers, MODULES[name])(4, device="meta")
    assert {parameter.device.type for parameter in module.parameters()} == {"meta"}


@both_names
def test_second_derivative_is_right(name):
    leaves = [torch.from_numpy(value).requires_grad_() for value in draw(name, ((2, 3), 1))[:-1]]
    assert torch.autograd.gradcheck(getattr(torch_layers, name), leaves)
    assert torch.autograd.gradgradcheck(getattr(torch_layers, name), leaves)
