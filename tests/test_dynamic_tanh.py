"""Dynamic tanh in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
import pickle
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd

NUMPY, TWIN = "numpy_layers.dynamic_tanh", "torch_layers.dynamic_tanh"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(x, alpha, weight, bias, dy):
    y, cache = ours.dynamic_tanh(x, alpha, weight, bias)
    return y, list(ours.dynamic_tanh_backward(dy, cache))


def twin_run(x, alpha, weight, bias, dy):
    return autograd(twin.dynamic_tanh, [x, alpha, weight, bias], dy)


def exact_run(*case):
    """Write tanh by exponentials, in float64."""

    def function(x, alpha, weight, bias):
        e = torch.exp(-2 * (alpha * x).abs())
        return weight * torch.sign(alpha * x) * (1 - e) / (1 + e) + bias

    *arrays, dy = (value.astype(np.float64) for value in case)
    return autograd(function, arrays, dy)


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


def draw(shape, seed=0):
    """Draw input, scale, weight, bias and upstream gradient."""
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(2, *shape[0][-shape[1] :]))
    x, dy = 1 + 2 * rng.normal(size=(2, *shape[0]))
    return x, rng.uniform(0.2, 1.0, (1,)), weight, bias, dy


@both_layers
@pytest.mark.parametrize("shape", SHAPES)
def test_output_and_gradients_are_the_formulas(run, shape):
    case = draw(shape)
    assert_same(run(*case), exact_run(*case), FLOAT64)


@both_layers
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_predict_the_slope(run, shape):
    *arrays, dy = draw(shape)
    gradients = run(*arrays, dy)[1]
    assert_predicts_slope(lambda *moved: np.sum(run(*moved, dy)[0] * dy), arrays, gradients)


@pytest.mark.parametrize("without", [(2,), (3,), (2, 3)])
def test_parameter_that_is_not_given_counts_as_none(without):
    case = list(draw(SQUARE))
    for index in without:
        case[index] = np.full_like(case[index], 3 - index)  # 1 for the weight, 0 for the bias
    wanted = numpy_run(*case)
    for index in without:
        case[index] = None
    y, gradients = numpy_run(*case)
    tensors = [None if value is None else torch.from_numpy(value) for value in case[:4]]
    assert_near(y, wanted[0], FLOAT64)
    assert_near(twin.dynamic_tanh(*tensors), wanted[0], FLOAT64)
    assert_near(gradients[0], wanted[1][0], FLOAT64)
    assert [index for index, gradient in enumerate(gradients) if gradient is None] == list(without)


def test_scale_can_be_a_number():
    x, alpha, weight, bias, dy = draw(SQUARE)
    y, gradients = numpy_run(x, float(alpha[0]), weight, bias, dy)
    wanted = numpy_run(x, alpha, weight, bias, dy)
    assert_near(y, wanted[0], 0)
    assert gradients[1] == wanted[1][1][0]


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_output_stays_within_the_weight(run, shape, seed):
    x, alpha, weight, bias, dy = draw(shape, seed)
    y = run(100 * x, alpha, weight, bias, dy)[0]
    assert np.all(np.abs(y - bias) <= np.abs(weight) * (1 + FLOAT64) + FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_scale_of_the_input_is_a_scale_of_alpha(run, shape, seed):
    x, alpha, *rest = draw(shape, seed)
    assert_near(run(3 * x, alpha, *rest)[0], run(x, 3 * alpha, *rest)[0], FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_sign_of_the_input_is_the_sign_of_the_output(run, shape, seed):
    x, alpha, weight, bias, dy = draw(shape, seed)
    assert_near(run(-x, alpha, weight, 0 * bias, dy)[0], -run(x, alpha, weight, 0 * bias, dy)[0], 0)


@both_layers
@many
@given(shape=shapes, dtype=st.sampled_from([np.float16, np.float32, np.float64]), seed=seeds)
def test_everything_has_the_dtype_of_the_input(run, shape, dtype, seed):
    y, gradients = run(*(value.astype(dtype) for value in draw(shape, seed)))
    assert {y.dtype, *(gradient.dtype for gradient in gradients)} == {np.dtype(dtype)}


@both_layers
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_half_precision_rounds_only_the_result(run, scale):
    x, *rest = draw(((300, 4), 1))
    case = [value.astype(np.float16) for value in (scale * x, *rest)]
    got, wanted = run(*case), exact_run(*case)
    pairs = [(got[0], wanted[0]), *zip(got[1], wanted[1], strict=True)]
    for index in (0, 1, 3, 4):  # not the sum over everything, in which much cancels
        # One rounding to 11 bits, or to a multiple of half precision's smallest step.
        np.testing.assert_allclose(*pairs[index], rtol=1.01 * 2**-11, atol=2**-24)


@both_layers
def test_arguments_keep_their_values(run):
    case = draw(SQUARE)
    before = copy.deepcopy(case)
    run(*case)
    for got, wanted in zip(case, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize(
    ("index", "value", "error", "words"),
    [
        (0, np.ones((3, 3, 3), int), TypeError, "floating-point.+int64; convert"),
        (0, np.ones((3, 3, 3), complex), TypeError, "floating-point.+complex128; convert"),
        (1, np.ones(1, int), TypeError, "floating-point.+int64; convert"),
        (1, np.ones(3), ValueError, r"^expected alpha of one value, got shape \(3,\); the layer"),
        (2, np.ones(2), ValueError, r"^expected x to end in .+ \(2,\), got x of shape .+; dynamic"),
        (3, np.ones(2), ValueError, r"^expected bias of shape \(3,\) .+ got \(2,\); dynamic_tanh"),
    ],
)
def test_wrong_call_is_told_what_to_do(layer, index, value, error, words):
    case = list(draw(SQUARE)[:4])
    case[index] = value
    make = np.asarray if layer is ours else torch.from_numpy
    with pytest.raises(error, match=words):
        layer.dynamic_tanh(*map(make, case))


def test_fresh_module_is_the_papers():
    state = twin.DynamicTanh((4, 3)).state_dict()
    wanted = {"alpha": torch.full((1,), 0.5), "weight": torch.ones(4, 3), "bias": torch.zeros(4, 3)}
    torch.testing.assert_close(dict(state), wanted, rtol=0, atol=0)


def test_reset_returns_to_the_start():
    module, fresh = twin.DynamicTanh(4, 0.8), twin.DynamicTanh(4, 0.8)
    for parameter in module.parameters():
        torch.nn.init.constant_(parameter, 7.0)
    module.reset_parameters()
    torch.testing.assert_close(module.state_dict(), fresh.state_dict(), rtol=0, atol=0)


def test_repr_shows_the_arguments():
    assert repr(twin.DynamicTanh(4, 0.8)) == "DynamicTanh((4,), alpha_init_value=0.8)"


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copy_of_the_module_is_the_same(travel):
    module, x = twin.DynamicTanh(4), torch.linspace(-3, 3, 8).reshape(2, 4)
    assert torch.equal(travel(module)(x), torch.tanh(x / 2))


def test_device_of_the_constructor_is_used():
    assert {p.device.type for p in twin.DynamicTanh(4, device="meta").parameters()} == {"meta"}


def test_second_derivative_is_right():
    leaves = [torch.from_numpy(value).requires_grad_() for value in draw(((2, 3), 1))[:4]]
    assert torch.autograd.gradcheck(twin.dynamic_tanh, leaves)
    assert torch.autograd.gradgradcheck(twin.dynamic_tanh, leaves)


output, twin_output = (
    partial(test_output_and_gradients_are_the_formulas, run, SQUARE)
    for run in (numpy_run, twin_run)
)
half, twin_half = (
    partial(test_half_precision_rounds_only_the_result, run, 1.0) for run in (numpy_run, twin_run)
)
ERRORS = [
    ("alpha ignored", NUMPY, "alpha.astype(wide.dtype).reshape(()) * wide", "wide", output),
    ("alpha after the squashing", TWIN, "torch.tanh(as_statistics_dtype(alpha).reshape(()) * as_statistics_dtype(x))", "as_statistics_dtype(alpha) * torch.tanh(x)", twin_output),
    ("weight ignored", NUMPY, "t if weight is None else t * weight", "t", output),
    ("weight ignored", TWIN, "y = y * weight", "y = y + 0 * weight", twin_output),
    ("bias ignored", NUMPY, "y = y + bias", "pass", output),
    ("broadcast that fits squares", NUMPY, "t if weight is None else t * weight", "t * weight[:, None]", output),
    ("slope of tanh missing", NUMPY, "g * (1 - np.square(t))", "g", output),
    ("slope 1 - tanh", NUMPY, "(1 - np.square(t))", "(1 - t)", output),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * weight", "wide_dy", output),
    ("alpha left out of the gradient", NUMPY, "(dz * alpha.reshape(()))", "dz", output),
    ("gradient of alpha without x", NUMPY, "(dz * x).sum()", "dz.sum()", output),
    ("half precision sums", NUMPY, "wide_dy = as_statistics_dtype(dy)", "wide_dy = dy", half),
    ("half precision inside", TWIN, "torch.tanh(as_statistics_dtype(alpha).reshape(()) * as_statistics_dtype(x))", "torch.tanh(alpha * x)", twin_half),
    ("alpha of the module not used", TWIN, "torch.full((1,), float(alpha_init_value), **like)", "torch.full((1,), 1.0, **like)", test_fresh_module_is_the_papers),
    ("gain at random", TWIN, "torch.ones(self.normalized_shape, **like)", "torch.rand(self.normalized_shape, **like)", test_fresh_module_is_the_papers),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
