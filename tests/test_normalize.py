"""Unit norm in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import inspect
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

NUMPY, TWIN = "numpy_layers.normalize", "torch_layers.normalize"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(x, dy, *args, **options):
    y, cache = ours.normalize(x, *args, **options)
    return y, list(ours.normalize_backward(dy, cache))


def twin_run(x, dy, *args, **options):
    return autograd(lambda x: twin.normalize(x, *args, **options), [x], dy)


def torch_run(x, dy, *args, **options):
    return autograd(lambda x: F.normalize(x, *args, **options), [x], dy)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
POWERS = [2.0, 1.0, 1.5, 3.0, 0.5, -1.0, 0.0, math.inf, -math.inf]
all_powers = pytest.mark.parametrize("p", POWERS)
# (shape, axes of a vector); the square one lets a broadcast over the wrong axis fit.
SHAPES = [((3, 3), 1), ((5,), 0), ((2, 3, 4), -1), ((2, 3, 4), 0), ((2, 3, 4), (1, 2))]
FLOAT64 = 1e-11  # float64 keeps 16 digits; powers near 0 lose a few of them
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.lists(st.integers(1, 4), min_size=2, max_size=4)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
seeds = st.integers(0, 2**31)


def draw(shape, seed=0):
    """Draw vectors, none of whose values is near 0, and their upstream gradient."""
    rng = np.random.default_rng(seed)
    x = np.asarray(rng.uniform(0.3, 3.0, shape) * rng.choice([-1.0, 1.0], shape))
    return x, np.asarray(rng.normal(size=shape))


@both_layers
@all_powers
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_output_and_gradient_are_torchs(run, p, shape, dim):
    x, dy = draw(shape)
    assert_same(run(x, dy, p, dim, 1e-3), torch_run(x, dy, p, dim, 1e-3), FLOAT64)


@both_layers
def test_single_number_becomes_its_sign(run):
    y, (dx,) = run(np.array(-3.0), np.array(0.7), 1.2, 0)
    assert (y.shape, float(y), dx.shape) == ((), -1.0, ())


@both_layers
def test_defaults_are_torchs(run):
    x, dy = draw((3, 3, 3))
    assert_same(run(x, dy), torch_run(x, dy), FLOAT64)


@both_layers
@all_powers
def test_zeros_and_ties_are_torchs(run, p):
    x, dy = np.array([[0.0, 2.0, -2.0, 0.5], [1.0, 0.0, 0.0, 0.0]]), draw((2, 4))[1]
    assert_same(run(x, dy, p, 1, 1e-3), torch_run(x, dy, p, 1, 1e-3), FLOAT64)


@both_layers
@all_powers
@pytest.mark.parametrize("size", [0.0, 1e-4])
def test_norm_below_eps_is_torchs(run, p, size):
    x, dy = draw((3, 3))
    x[1] *= size
    assert_same(run(x, dy, p, 1, 0.5), torch_run(x, dy, p, 1, 0.5), FLOAT64)


@both_layers
@pytest.mark.parametrize("p", [2.0, 1.0, 3.0, 0.5, math.inf])
def test_gradient_predicts_the_slope(run, p):
    x, dy = draw((3, 3))
    gradient = run(x, dy, p)[1]
    assert_predicts_slope(lambda x: np.sum(run(x, dy, p)[0] * dy), [x], gradient)


@both_layers
@many
@given(shape=shapes, seed=seeds, p=st.sampled_from([0.5, 1.0, 2.0, 3.0, math.inf]))
def test_every_vector_has_norm_one(run, shape, seed, p):
    x, dy = draw(shape, seed)
    norms = np.linalg.norm(np.moveaxis(run(x, dy, p)[0], 1, -1).reshape(-1, shape[1]), p, axis=-1)
    np.testing.assert_allclose(norms, 1.0, rtol=FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds, p=st.sampled_from([0.5, 1.0, 2.0, 3.0, math.inf]))
def test_scale_does_not_matter_and_sign_does(run, shape, seed, p):
    x, dy = draw(shape, seed)
    own = np.random.default_rng(seed).uniform(0.1, 10, (shape[0], 1, *shape[2:]))
    assert_near(run(-own * x, dy, p)[0], -run(x, dy, p)[0], FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds, p=st.sampled_from([0.5, 1.0, 2.0, 3.0, math.inf]))
def test_gradient_is_orthogonal_to_the_vector(run, shape, seed, p):
    x, dy = draw(shape, seed)
    (dx,) = run(x, dy, p)[1]
    assert np.all(np.abs((dx * x).sum(1)) <= FLOAT64 * np.abs(x * dy).sum(1))


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(run, shape, dtype, seed):
    x, dy = (value.astype(dtype) for value in draw(shape, seed))
    y, (dx,) = run(x, dy)
    assert (y.dtype, dx.dtype) == (dtype, dtype)


@both_layers
@pytest.mark.parametrize("scale", [0.0, 1e-7, 1.0, 3e4])
def test_half_precision_rounds_only_the_result(run, scale):
    x, dy = draw((3, 50))
    x = (scale * x / 3).astype(np.float16)
    got = run(x, dy.astype(np.float16), eps=1.0)
    wanted = torch_run(x.astype(np.float64), dy.astype(np.float16).astype(np.float64), eps=1.0)
    assert_near(got[0], wanted[0], 2**-11)
    # A gradient below half precision's smallest step, 2^-24, rounds to a multiple of it.
    np.testing.assert_allclose(got[1][0], wanted[1][0], rtol=2**-10, atol=2**-24)


@both_layers
def test_zero_vector_stays_zero_in_half_precision(run):
    x = np.zeros((2, 3), np.float16)
    assert_near(run(x, x)[0], x, 0)


@both_layers
def test_arguments_keep_their_values(run):
    x, dy = draw((3, 3))
    before = x.copy(), dy.copy()
    run(x, dy)
    np.testing.assert_array_equal((x, dy), before)


@both_layers
def test_channels_last_gives_the_same(run):
    x, dy = draw((2, 3, 4, 5))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert_same(run(last, dy), run(x, dy), FLOAT64)


@pytest.mark.parametrize("layer", [ours.normalize, twin.normalize])
def test_arguments_are_torchs(layer):
    described, torchs = (
        [(a.name, a.default) for a in inspect.signature(f).parameters.values()]
        for f in (layer, F.normalize)
    )
    assert described[1:] == torchs[1:4]  # ours calls the input x and has no out


@pytest.mark.parametrize("p", [2.0, 1.0, 3.0])
def test_second_derivative_is_right(p):
    x = torch.from_numpy(draw((3, 4))[0]).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: twin.normalize(x, p), x)
    assert torch.autograd.gradgradcheck(lambda x: twin.normalize(x, p), x)


@both_layers
@pytest.mark.parametrize(
    ("x", "dim", "error", "words"),
    [
        (np.zeros((2, 3)), 2, ValueError, r"dim from -2 to 1 for shape \(2, 3\), got 2; count"),
        (np.zeros(3), (0, -2), ValueError, r"^expected dim from -1 .+ got \(0, -2\); count"),
        (np.zeros((2, 3), np.int64), 1, TypeError, "^expected .*floating-point.+int64; convert"),
        (np.zeros((2, 3), np.complex128), 1, TypeError, "floating-point.+complex128; convert"),
    ],
)
def test_wrong_call_is_told_what_to_do(run, x, dim, error, words):
    with pytest.raises(error, match=words):
        run(x, x, dim=dim) if run is numpy_run else twin.normalize(torch.from_numpy(x), dim=dim)


output, twin_output = (partial(test_output_and_gradient_are_torchs, run, 3.0, (3, 3), 1)
                       for run in (numpy_run, twin_run))  # fmt: skip
square, twin_square = (partial(test_defaults_are_torchs, run) for run in (numpy_run, twin_run))
ties = partial(test_zeros_and_ties_are_torchs, numpy_run, math.inf)
short, twin_short = (partial(test_norm_below_eps_is_torchs, run, 2.0, 1e-4)
                     for run in (numpy_run, twin_run))  # fmt: skip
half, twin_half = (partial(test_half_precision_rounds_only_the_result, run, 3e4)
                   for run in (numpy_run, twin_run))  # fmt: skip
ERRORS = [
    ("gradient without the y term", NUMPY, "wide_dy - along_y * _norm_gradient(y, p, axes)", "wide_dy", output),
    ("gradient of the 2-norm for every p", NUMPY, "_norm_gradient(y, p, axes)) / size", "y) / size", output),
    ("wrong axis", NUMPY, "axes = require_axes(x, dim)", "axes = (0,)", square),
    ("wrong axis", TWIN, "axes = require_axes(x, dim)", "axes = (0,)", twin_square),
    ("norm detached", TWIN, "norm.clamp_min(eps)", "norm.detach().clamp_min(eps)", twin_output),
    ("eps added, not a floor", NUMPY, "np.maximum(norm, np.asarray(eps, wide.dtype))", "norm + eps", short),
    ("eps added, not a floor", TWIN, "norm.clamp_min(eps)", "(norm + eps)", twin_short),
    ("gradient through the clamp", NUMPY, "np.where(clamped, 0, (wide_dy * y).sum(axes, keepdims=True))", "(wide_dy * y).sum(axes, keepdims=True)", short),
    ("divided by the square", NUMPY, "y = wide / size", "y = wide / size**2", output),
    ("ties not shared", NUMPY, "np.maximum(peaks.sum(axes, keepdims=True), 1)", "1", ties),
    ("half precision sums", NUMPY, "wide = as_statistics_dtype(x)", "wide = np.asarray(x)", half),
    ("half precision sums", TWIN, "wide = as_statistics_dtype(x)", "wide = x", twin_half),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
