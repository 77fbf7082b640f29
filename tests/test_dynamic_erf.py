"""Dynamic erf in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
import math
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

NUMPY, TWIN = "numpy_layers.dynamic_erf", "torch_layers.dynamic_erf"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(x, alpha, shift, weight, bias, dy):
    y, cache = ours.dynamic_erf(x, alpha, shift, weight, bias)
    return y, list(ours.dynamic_erf_backward(dy, cache))


def twin_run(x, alpha, shift, weight, bias, dy):
    return autograd(twin.dynamic_erf, [x, alpha, shift, weight, bias], dy)


def exact_run(*case):
    """Write erf by the normal distribution's cumulative function, in float64."""

    def function(x, alpha, shift, weight, bias):
        z = alpha * x + shift
        return weight * (2 * torch.special.ndtr(math.sqrt(2) * z) - 1) + bias

    *arrays, dy = (value.astype(np.float64) for value in case)
    return autograd(function, arrays, dy)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# (shape of x, number of trailing axes of the weight); the square ones let a wrong broadcast fit.
SHAPES = [((3,), 1), ((3, 3), 1), ((3, 3, 3), 1), ((2, 3, 5), 2), ((3, 3, 3, 3), 2)]
SQUARE = SHAPES[2]
FLOAT64 = 1e-12  # float64 keeps 16 digits; each sum has at most 81 values
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.builds(lambda s: (tuple(s), 1), st.lists(st.integers(1, 4), min_size=1, max_size=4))
seeds = st.integers(0, 2**31)


def draw(shape, seed=0):
    """Draw input, scale, shift, weight, bias and upstream gradient."""
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(2, *shape[0][-shape[1] :]))
    x, dy = 1 + 2 * rng.normal(size=(2, *shape[0]))
    return x, rng.uniform(0.2, 1.0, (1,)), rng.normal(size=(1,)), weight, bias, dy


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


@pytest.mark.parametrize("without", [(3,), (4,), (3, 4)])
def test_parameter_that_is_not_given_counts_as_none(without):
    case = list(draw(SQUARE))
    for index in without:
        case[index] = np.full_like(case[index], 4 - index)  # 1 for the weight, 0 for the bias
    wanted = numpy_run(*case)
    for index in without:
        case[index] = None
    y, gradients = numpy_run(*case)
    tensors = [None if value is None else torch.from_numpy(value) for value in case[:5]]
    assert_near(y, wanted[0], FLOAT64)
    assert_near(twin.dynamic_erf(*tensors), wanted[0], FLOAT64)
    assert_near(gradients[0], wanted[1][0], FLOAT64)
    assert [index for index, gradient in enumerate(gradients) if gradient is None] == list(without)


def test_scale_and_shift_can_be_numbers():
    x, alpha, shift, *rest = draw(SQUARE)
    y, gradients = numpy_run(x, float(alpha[0]), float(shift[0]), *rest)
    wanted = numpy_run(x, alpha, shift, *rest)
    assert_near(y, wanted[0], 0)
    assert [gradients[1], gradients[2]] == [wanted[1][1][0], wanted[1][2][0]]


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_output_stays_within_the_weight(run, shape, seed):
    x, alpha, shift, weight, bias, dy = draw(shape, seed)
    squashed = run(100 * x, alpha, shift, weight, bias, dy)[0] - bias
    assert np.all(np.abs(squashed) <= np.abs(weight) * (1 + FLOAT64) + FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_offset_of_the_input_is_a_shift(run, shape, seed):
    x, alpha, shift, *rest = draw(shape, seed)
    moved, wanted = run(x + 3, alpha, shift, *rest)[0], run(x, alpha, shift + 3 * alpha, *rest)[0]
    assert_near(moved, wanted, 1e-10)  # where bias and squashed value cancel, digits are lost


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_sign_of_input_and_shift_is_the_sign_of_the_output(run, shape, seed):
    x, alpha, shift, weight, bias, dy = draw(shape, seed)
    y = run(x, alpha, shift, weight, 0 * bias, dy)[0]
    assert_near(run(-x, alpha, -shift, weight, 0 * bias, dy)[0], -y, 0)


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
    for index in (0, 1, 4, 5):  # not the sums over everything, in which much cancels
        # One rounding to 11 bits, or to a multiple of half precision's smallest step.
        np.testing.assert_allclose(*pairs[index], rtol=1.01 * 2**-11, atol=2**-24)


@both_layers
def test_arguments_keep_their_values(run):
    case = draw(SQUARE)
    before = copy.deepcopy(case)
    run(*case)
    for got, wanted in zip(case, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_empty_batch_gives_an_empty_output():
    x, alpha, shift, weight, bias, _ = draw(SQUARE)
    y, gradients = numpy_run(x[:0], alpha, shift, weight, bias, x[:0])
    assert (y.shape, gradients[0].shape, gradients[1].tolist()) == ((0, 3, 3), (0, 3, 3), [0])


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize(
    ("index", "value", "error", "words"),
    [
        (0, np.ones((3, 3, 3), int), TypeError, "floating-point.+int64; convert"),
        (1, np.ones(1, int), TypeError, "floating-point.+int64; convert"),
        (2, np.ones(1, complex), TypeError, "floating-point.+complex128; convert"),
        (1, np.ones(3), ValueError, r"^expected alpha of one value, got shape \(3,\); the layer"),
        (2, np.ones(3), ValueError, r"^expected shift of one value, got shape \(3,\); the layer"),
        (3, np.ones(2), ValueError, r"^expected x to end in .+ \(2,\), got x of shape .+; dynamic"),
        (4, np.ones(2), ValueError, r"^expected bias of shape \(3,\) .+ got \(2,\); dynamic_erf"),
    ],
)
def test_wrong_call_is_told_what_to_do(layer, index, value, error, words):
    case = list(draw(SQUARE)[:5])
    case[index] = value
    make = np.asarray if layer is ours else torch.from_numpy
    with pytest.raises(error, match=words):
        layer.dynamic_erf(*map(make, case))


def test_device_of_the_constructor_is_used():
    assert twin.DynamicErf(4, device="meta").shift.device.type == "meta"


def test_fresh_module_is_the_papers():
    state = {key: value.tolist() for key, value in twin.DynamicErf(2).state_dict().items()}
    assert state == {"alpha": [0.5], "shift": [0.0], "weight": [1.0, 1.0], "bias": [0.0, 0.0]}


def test_reset_returns_to_the_start():
    module, fresh = twin.DynamicErf(4, 0.8, 0.3), twin.DynamicErf(4, 0.8, 0.3)
    for parameter in module.parameters():
        torch.nn.init.constant_(parameter, 7.0)
    module.reset_parameters()
    torch.testing.assert_close(module.state_dict(), fresh.state_dict(), rtol=0, atol=0)


def test_repr_shows_the_arguments():
    wanted = "(4,), alpha_init_value=0.8, shift_init_value=0.0"
    assert twin.DynamicErf(4, 0.8).extra_repr() == wanted


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copy_of_the_module_is_the_same(travel):
    module, x = twin.DynamicErf(4, 0.5, 1.0), torch.linspace(-3, 3, 8).reshape(2, 4)
    assert torch.equal(travel(module)(x), torch.erf(x / 2 + 1))


def test_second_derivative_is_right():
    leaves = [torch.from_numpy(value).requires_grad_() for value in draw(((2, 3), 1))[:5]]
    assert torch.autograd.gradcheck(twin.dynamic_erf, leaves)
    assert torch.autograd.gradgradcheck(twin.dynamic_erf, leaves)


output, twin_output = (
    partial(test_output_and_gradients_are_the_formulas, run, SQUARE)
    for run in (numpy_run, twin_run)
)
half, twin_half = (
    partial(test_half_precision_rounds_only_the_result, run, 1.0) for run in (numpy_run, twin_run)
)
dtypes, fresh = (
    partial(test_everything_has_the_dtype_of_the_input, twin_run),
    test_fresh_module_is_the_papers,
)
ERRORS = [
    ("alpha ignored", NUMPY, "alpha.astype(wide.dtype).reshape(()) * wide", "wide", output),
    ("shift inside the product", TWIN, "alpha * as_statistics_dtype(x) + shift", "alpha * (as_statistics_dtype(x) + shift)", twin_output),
    ("normal distribution for erf", NUMPY, "np.vectorize(math.erf, otypes", "np.vectorize(lambda v: math.erf(v / math.sqrt(2)), otypes", output),
    ("weight ignored", NUMPY, "_erf(z) if weight is None else _erf(z) * weight", "_erf(z)", output),
    ("bias ignored", TWIN, "y = y + bias", "y = y + 0 * bias", twin_output),
    ("slope of erf missing", NUMPY, " * np.exp(-np.square(z))", "", output),
    ("slope without its factor", NUMPY, "(2 / math.sqrt(math.pi)) * ", "", output),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * weight", "wide_dy", output),
    ("alpha left out of the gradient", NUMPY, "(dz * alpha.reshape(()))", "dz", output),
    ("gradient of alpha without x", NUMPY, "(dz * x).sum()", "dz.sum()", output),
    ("half precision sums", NUMPY, "wide_dy = as_statistics_dtype(dy)", "wide_dy = dy", half),
    ("result left in float32", TWIN, "return y.to(x.dtype)", "return y", dtypes),
    ("shift starts elsewhere", TWIN, "float(shift_init_value)", "0.1", fresh),
    ("gain at random", TWIN, "torch.ones(self.normalized_shape, **like)", "torch.rand(self.normalized_shape, **like)", fresh),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
