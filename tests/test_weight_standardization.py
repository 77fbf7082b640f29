"""Weight standardization in NumPy, on tensors and in layers; layer norm of a filter is the judge."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
import math
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
from torch.nn import functional as F

NUMPY, TWIN = "numpy_layers.weight_standardization", "torch_layers.weight_standardization"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(w, dy, eps=1e-6):
    y, cache = ours.weight_standardization(w, eps)
    return y, list(ours.weight_standardization_backward(dy, cache))


def twin_run(w, dy, eps=1e-6):
    return autograd(lambda w: twin.weight_standardization(w, eps), [w], dy)


def exact_run(w, dy, eps=1e-6):
    """Run torch's layer norm in float64: a filter is an example, its fan-in the features."""
    w, dy = w.astype(np.float64), dy.astype(np.float64)
    return autograd(lambda w: F.layer_norm(w, w.shape[1:], None, None, eps), [w], dy)


def numpy_scaled(w, gain, dy, gamma=1.7, eps=1e-6):
    y, cache = ours.scaled_weight_standardization(w, gain, gamma, eps)
    return y, list(ours.scaled_weight_standardization_backward(dy, cache))


def twin_scaled(w, gain, dy, gamma=1.7, eps=1e-6):
    def function(w, gain):
        return twin.scaled_weight_standardization(w, gain, gamma, eps)

    return autograd(function, [w, gain], dy)


def exact_scaled(w, gain, dy, gamma=1.7, eps=1e-6):
    def function(w, gain):
        w_hat = F.layer_norm(w, w.shape[1:], None, None, eps)
        return gamma / math.sqrt(w[0].numel()) * torch.einsum("n...,n->n...", w_hat, gain)

    return autograd(function, [value.astype(np.float64) for value in (w, gain)], dy.astype(float))


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
both_scaled = pytest.mark.parametrize("run", [numpy_scaled, twin_scaled])
SHAPES = [(3, 3), (4, 5), (3, 3, 3), (4, 3, 3, 2), (2, 1, 3, 3), (2, 2, 2, 2, 2)]
all_shapes = pytest.mark.parametrize("shape", SHAPES)
FLOAT64 = 1e-12  # float64 keeps 16 digits; each sum has at most 18 values
ANY_SPREAD = 1e-9  # two weights that happen to lie close together cost more of them
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.lists(st.integers(2, 4), min_size=2, max_size=4)
seeds = st.integers(0, 2**31)


def draw(shape, seed=0, offset=0.0):
    """Draw filters, no two of the same mean and spread, gains and the upstream gradient."""
    rng = np.random.default_rng(seed)
    own = (shape[0], *(1,) * (len(shape) - 1))
    w = offset + rng.normal(size=own) + rng.uniform(0.5, 3, own) * rng.normal(size=shape)
    return w, rng.normal(size=shape[0]), rng.normal(size=shape)


@both_layers
@all_shapes
def test_weight_and_gradient_are_those_of_layer_norm(run, shape):
    w, _, dy = draw(shape)
    assert_same(run(w, dy, 0.1), exact_run(w, dy, 0.1), FLOAT64)


@both_scaled
@all_shapes
def test_scaled_weight_and_gradients_are_the_formulas(run, shape):
    case = draw(shape)
    assert_same(run(*case, 1.7, 0.1), exact_scaled(*case, 1.7, 0.1), FLOAT64)


@both_layers
@all_shapes
def test_gradient_predicts_the_slope(run, shape):
    w, _, dy = draw(shape)
    assert_predicts_slope(lambda w: np.sum(run(w, dy, 0.1)[0] * dy), [w], run(w, dy, 0.1)[1])


@both_scaled
def test_scaled_gradients_predict_the_slope(run):
    w, gain, dy = draw((3, 3, 3))
    gradients = run(w, gain, dy)[1]
    assert_predicts_slope(lambda w, g: np.sum(run(w, g, dy)[0] * dy), [w, gain], gradients)


def test_without_gain_there_is_no_gradient_of_it():
    w, _, dy = draw((3, 3))
    y, (dw, dgain) = numpy_scaled(w, None, dy)
    wanted = numpy_scaled(w, np.ones(3), dy)
    assert dgain is None
    assert_near(y, wanted[0], FLOAT64)
    assert_near(dw, wanted[1][0], FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_offset_and_scale_of_a_filter_do_not_matter(run, shape, seed):
    w, gain, dy = draw(shape, seed)
    own = gain.reshape(-1, *(1,) * (w.ndim - 1))
    assert_near(run(own + np.exp(own) * w, dy, 0.0)[0], run(w, dy, 0.0)[0], ANY_SPREAD)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_gradient_is_orthogonal_to_ones_and_to_the_filter(run, shape, seed):
    w, _, dy = draw(shape, seed)
    (dw,), axes = run(w, dy, 0.0)[1], tuple(range(1, w.ndim))
    size = np.abs(dy).sum(axes) / w.std(axes)
    assert np.all(np.abs(dw.sum(axes)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dw * w).sum(axes)) <= ANY_SPREAD * size * np.abs(w).max(axes))


@both_scaled
@many
@given(seed=seeds)
def test_scaled_filters_keep_the_variance_of_a_signal(run, seed):
    w, _, dy = draw((4, 3, 2, 2), seed)
    y = run(w, np.ones(4), dy, 1.0, 0.0)[0]
    np.testing.assert_allclose(np.square(y).sum((1, 2, 3)), 1.0, rtol=ANY_SPREAD)


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1)])
def test_float32_is_accurate_at_every_mean_and_layout(run, mean, order):
    w = np.random.default_rng(0).normal(mean, 1.0, (16, 8, 3, 3)).astype(np.float32)
    dy = np.random.default_rng(1).normal(size=w.shape).astype(np.float32)
    back = np.argsort(order)
    w, dy = (np.ascontiguousarray(value.transpose(order)).transpose(back) for value in (w, dy))
    # float32 is exact to 6e-8; about ten roundings stand between w and the result.
    assert_same(run(w, dy), exact_run(w, dy), 1e-6)


@both_layers
def test_half_precision_rounds_only_the_result(run):
    w, _, dy = (value.astype(np.float16) for value in draw((3, 200), offset=100.0))
    assert_same(run(w, dy), exact_run(w, dy), 2**-11)


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_weight(run, dtype):
    w, _, dy = (value.astype(dtype) for value in draw((3, 3)))
    y, (dw,) = run(w, dy)
    assert (y.dtype, dw.dtype) == (dtype, dtype)


@both_layers
def test_constant_filter_becomes_zero(run):
    w, _, dy = draw((3, 3))
    w[1] = 7.0
    np.testing.assert_array_equal(run(w, dy)[0][1], 0)


@both_scaled
def test_arguments_keep_their_values(run):
    case = draw((3, 3))
    before = copy.deepcopy(case)
    run(*case)
    for got, wanted in zip(case, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize(
    ("w", "gain", "error", "words"),
    [
        (np.ones((3, 1)), None, ValueError, r"at least two weights a filter, got \(3, 1\); the"),
        (np.ones(3), None, ValueError, r"^expected w of shape .+ got \(3,\); the variance"),
        (np.ones((3, 4)), np.ones(4), ValueError, r"gain of shape \(3,\) .+ got \(4,\); scaled"),
        (np.ones((3, 4), int), None, TypeError, "floating-point.+int64; convert"),
        (np.ones((3, 4), complex), None, TypeError, "floating-point.+complex128; convert"),
    ],
)
def test_wrong_call_is_told_what_to_do(layer, w, gain, error, words):
    make = np.asarray if layer is ours else torch.from_numpy
    with pytest.raises(error, match=words):
        layer.scaled_weight_standardization(make(w), None if gain is None else make(gain))


output, twin_output = (
    partial(test_weight_and_gradient_are_those_of_layer_norm, run, (3, 3, 3))
    for run in (numpy_run, twin_run)
)
scaled, twin_scale = (
    partial(test_scaled_weight_and_gradients_are_the_formulas, run, (3, 3, 3))
    for run in (numpy_scaled, twin_scaled)
)
half = partial(test_half_precision_rounds_only_the_result, numpy_run)
twin_half = partial(test_half_precision_rounds_only_the_result, twin_run)
ERRORS = [
    ("channels last", NUMPY, "standardize(w, tuple(range(1, w.ndim)), eps)", "standardize(w, (0,), eps)", output),
    ("positions alone", TWIN, "standardize(w, tuple(range(1, w.ndim)), eps)", "standardize(w, tuple(range(2, w.ndim)), eps)", twin_output),
    ("eps ignored", NUMPY, "standardize(w, tuple(range(1, w.ndim)), eps)", "standardize(w, tuple(range(1, w.ndim)), 0.0)", output),
    ("weight detached", TWIN, "standardize(w, tuple", "standardize(w.detach() + 0 * w, tuple", twin_output),
    ("divided by fan-in", NUMPY, "math.prod(w.shape[1:]) ** -0.5", "math.prod(w.shape[1:]) ** -1.0", scaled),
    ("fan-in without positions", TWIN, "math.prod(w.shape[1:]) ** -0.5", "w.shape[1] ** -0.5", twin_scale),
    ("gain ignored", TWIN, "y if gain is None else y * per_filter(gain, w)", "y if gain is None else y + 0 * per_filter(gain, w)", twin_scale),
    ("gain left out of the gradient", NUMPY, "dw_hat = g * per_filter(gain, dy)", "dw_hat = g", scaled),
    ("scale left out of the gradient", NUMPY, "g = scale * as_statistics_dtype(dy)", "g = as_statistics_dtype(dy)", scaled),
    ("gain along the inputs", NUMPY, "return gain.reshape(-1, *(1,) * (w.ndim - 1))", "return gain", scaled),
    ("result left in float32", NUMPY, "return w_hat.astype(w.dtype)", "return w_hat", partial(test_everything_has_the_dtype_of_the_weight, numpy_run, np.float16)),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
