"""Weight norm in NumPy and as a parametrization: torch's numbers, state and words."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
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

NUMPY, TWIN = "numpy_layers.weight_norm", "torch_layers.weight_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(v, g, dw, dim=0):
    w, cache = ours.weight_norm(v, g, dim)
    return w, list(ours.weight_norm_backward(dw, cache))


def twin_run(v, g, dw, dim=0):
    return autograd(lambda v, g: twin._WeightNorm(dim)(g, v), [v, g], dw)


def torch_run(v, g, dw, dim=0):
    def function(v, g):
        return torch._weight_norm(v, g, -1 if dim is None else dim)

    return autograd(function, [v, g], dw)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# (shape of v, dim); the square ones let a broadcast over the wrong axis fit.
SHAPES = [((3, 3), 0), ((3, 3), 1), ((4, 3), None), ((4, 3), -1), ((3, 3, 3), 1), ((3, 3, 3), -2)]
SHAPES += [((4, 2, 3, 3), 0), ((5,), None)]
FLOAT64 = 1e-12  # float64 keeps 16 digits; each sum has at most 18 values
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.lists(st.integers(2, 4), min_size=2, max_size=4)
seeds = st.integers(0, 2**31)


def draw(shape, dim=0, seed=0):
    """Draw directions, lengths and the upstream gradient."""
    rng = np.random.default_rng(seed)
    v, dw = 1 + rng.normal(size=shape), rng.normal(size=shape)
    lengths = torch.norm_except_dim(torch.from_numpy(v), 2, -1 if dim is None else dim).shape
    return v, np.asarray(rng.normal(size=tuple(lengths))), dw


@both_layers
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_weight_and_gradients_are_torchs(run, shape, dim):
    case = draw(shape, dim)
    assert_same(run(*case, dim), torch_run(*case, dim), FLOAT64)


@both_layers
def test_vector_keeps_only_its_signs(run):
    v, g, dw = draw((5,))
    w, (dv, dg) = run(v, g, dw)
    np.testing.assert_allclose([w, dg], [g * np.sign(v), dw * np.sign(v)], rtol=FLOAT64)
    np.testing.assert_allclose(dv, 0, atol=FLOAT64)


@both_layers
@pytest.mark.parametrize(("shape", "dim"), SHAPES[:7])
def test_gradients_predict_the_slope(run, shape, dim):
    v, g, dw = draw(shape, dim)
    gradients = run(v, g, dw, dim)[1]
    assert_predicts_slope(lambda v, g: np.sum(run(v, g, dw, dim)[0] * dw), [v, g], gradients)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_every_slice_has_its_length(run, shape, seed):
    v, g, dw = draw(shape, 0, seed)
    w = run(v, g, dw)[0].reshape(shape[0], -1)
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), np.abs(g).reshape(-1), rtol=FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_length_of_v_does_not_matter(run, shape, seed):
    v, g, dw = draw(shape, 0, seed)
    own = np.random.default_rng(seed).uniform(0.1, 10, g.shape)
    assert_near(run(own * v, g, dw)[0], run(v, g, dw)[0], FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_gradient_is_orthogonal_to_v(run, shape, seed):
    v, g, dw = draw(shape, 0, seed)
    dv = run(v, g, dw)[1][0]
    axes = tuple(range(1, v.ndim))
    size = np.abs(g * dw).sum(axes, keepdims=True)  # the gradient before the projection
    assert np.all(np.abs((dv * v).sum(axes, keepdims=True)) <= FLOAT64 * size)


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_weight(run, dtype):
    w, gradients = run(*(value.astype(dtype) for value in draw((3, 3))))
    assert {w.dtype, *(gradient.dtype for gradient in gradients)} == {np.dtype(dtype)}


@both_layers
@pytest.mark.parametrize("scale", [2e-4, 1.0, 2e4])
def test_half_precision_rounds_only_the_result(run, scale):
    v, g, dw = draw((3, 200))
    case = [value.astype(np.float16) for value in (scale * v / 4, g, dw)]
    got, wanted = run(*case), torch_run(*(value.astype(np.float64) for value in case))
    # One rounding to 11 bits, or to a multiple of half precision's smallest step.
    near = partial(np.testing.assert_allclose, rtol=1.01 * 2**-11, atol=2**-24)
    near(got[0], wanted[0])
    near(got[1][0], wanted[1][0])


@both_layers
def test_zero_slice_is_nan_as_torchs(run):
    v, g, dw = draw((3, 3))
    v[1] = 0
    with np.errstate(all="ignore"):
        assert np.isnan(run(v, g, dw)[0]).sum(1).tolist() == [0, 3, 0]


@both_layers
def test_arguments_keep_their_values(run):
    case = draw((3, 3))
    before = copy.deepcopy(case)
    run(*case)
    for got, wanted in zip(case, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@both_layers
@pytest.mark.parametrize(
    ("v", "g", "dim", "error", "words"),
    [
        (np.ones((2, 3)), np.ones(2), 0, ValueError, r"expected g of shape \(2, 1\).+got \(2,\);"),
        (np.ones((3, 3)), np.ones((3, 1)), 1, ValueError, r"shape \(1, 3\).+got \(3, 1\); weight"),
        (np.ones((2, 3)), np.ones((2, 1)), None, ValueError, r"shape \(\) .+got \(2, 1\); weight"),
        (np.ones((2, 3)), np.ones((2, 1)), 2, ValueError, r"expected dim .+ got 2; count"),
        (np.ones((2, 3), int), np.ones((2, 1)), 0, TypeError, "floating-point.+int64; convert"),
        (np.ones((2, 3), complex), np.ones((2, 1)), 0, TypeError, "floating-point.+complex128"),
    ],
)
def test_wrong_call_is_told_what_to_do(run, v, g, dim, error, words):
    def call_twin(v, g, dim):
        return twin._WeightNorm(dim)(torch.from_numpy(g), torch.from_numpy(v))

    call = ours.weight_norm if run is numpy_run else call_twin
    with pytest.raises(error, match=words):
        call(v, g, dim)


def test_second_derivative_is_right():
    v, g, _ = (torch.from_numpy(value).requires_grad_() for value in draw((3, 2, 2)))
    assert torch.autograd.gradcheck(twin._WeightNorm(), (g, v))
    assert torch.autograd.gradgradcheck(twin._WeightNorm(), (g, v))


output, twin_output = (partial(test_weight_and_gradients_are_torchs, run, (3, 3), 0)
                       for run in (numpy_run, twin_run))  # fmt: skip
whole = partial(test_weight_and_gradients_are_torchs, numpy_run, (4, 3), -1)
half, twin_half = (partial(test_half_precision_rounds_only_the_result, run, 2e4)
                   for run in (numpy_run, twin_run))  # fmt: skip
UNIT = "normalize(as_statistics_dtype(v), 2.0, axes, eps=0.0)"
ERRORS = [
    ("length ignored", NUMPY, "(g * unit)", "(unit)", output),
    ("length ignored", TWIN, "(weight_g * unit)", "(0 * weight_g + unit)", twin_output),
    ("wrong axes", NUMPY, UNIT, UNIT.replace("axes", "(0,)"), output),
    ("wrong axes", TWIN, "_lengths(wide, axes)", "_lengths(wide, (0,))", twin_output),
    ("divided by the square", TWIN, "_lengths(wide, axes)", "_lengths(wide, axes)**2", twin_output),
    ("norm detached", TWIN, "_lengths(wide, axes)", "_lengths(wide.detach(), axes)", twin_output),
    ("length left out of the gradient", NUMPY, "wide_dw * g, direction", "wide_dw, direction", output),
    ("gradient of the length without the direction", NUMPY, "(wide_dw * direction.y).sum", "wide_dw.sum", output),
    ("direction in half precision", NUMPY, UNIT, UNIT.replace("as_statistics_dtype(v)", "v"), half),
    ("half precision sums", TWIN, "wide = as_statistics_dtype(weight_v)", "wide = weight_v", twin_half),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
