"""RMS norm, whole and partial, in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the wrong calls stand one a line: a table)

from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd
from torch.nn import functional as F
from wrong_calls import assert_told, zeros

NUMPY, TWIN = "numpy_layers.rms_norm", "torch_layers.rms_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(arrays, dy, shape, p=1.0, eps=None):
    x, weight = (*arrays, None)[:2]
    function = ours.rms_norm if p == 1 else partial(ours.partial_rms_norm, p=p)
    y, cache = function(x, shape, weight=weight, eps=eps)
    return y, [value for value in ours.rms_norm_backward(dy, cache) if value is not None]


def twin_run(arrays, dy, shape, p=1.0, eps=None):
    function = twin.rms_norm if p == 1 else partial(twin.partial_rms_norm, p=p)
    return autograd(lambda x, weight=None: function(x, shape, weight=weight, eps=eps), arrays, dy)


def torch_run(arrays, dy, shape, eps=None):
    return autograd(lambda x, weight=None: F.rms_norm(x, shape, weight, eps), arrays, dy)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# (shape of x, number of trailing axes); in the square ones a broadcast over the wrong axis fits.
SHAPES = [((4, 4, 4), 1), ((7,), 1), ((2, 3, 5), 2), ((3, 3, 3, 3), 2), ((2, 4, 3, 2), 3)]
SQUARE = SHAPES[0]
all_shapes = pytest.mark.parametrize("shape", SHAPES)
shares = pytest.mark.parametrize("p", [0.01, 0.5, 0.99, 1.0])
FLOAT64 = 1e-12  # 16 digits, less those that sums of a few dozen values lose
FLOAT32 = 1e-6  # exact to 6e-8, and about ten roundings stand between x and y or dx
many = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 2**31)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
shapes = st.builds(
    lambda batch, features: ((*batch, *features), len(features)),
    st.lists(st.integers(1, 4), max_size=2),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
)


def draw(shape, *, seed=0, offset=0.5, dtype=np.float64):
    """Draw x and weight, the upstream gradient, and the normalized shape."""
    rng = np.random.default_rng(seed)
    normalized = shape[0][-shape[1] :]
    x, dy = rng.normal(size=(2, *shape[0]))
    weight = rng.normal(size=normalized)
    return [(x + offset).astype(dtype), weight.astype(dtype)], dy.astype(dtype), normalized


@both_layers
@all_shapes
@pytest.mark.parametrize("eps", [None, 0.1])
@pytest.mark.parametrize("parameters", [0, 1])
def test_output_and_gradients_are_torchs(run, shape, eps, parameters):
    arrays, dy, normalized = draw(shape)
    arrays = arrays[: 1 + parameters]
    wanted = torch_run(arrays, dy, normalized, eps)
    assert_same(run(arrays, dy, normalized, eps=eps), wanted, FLOAT64)


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_eps_none_is_the_epsilon_of_the_precision_that_computes(run, dtype):
    case = draw(SQUARE, dtype=dtype)
    case[0][0] *= dtype(1e-4)  # so small that eps decides
    got, wanted = run(*case), torch_run(*case)
    assert_same(got, wanted, 4 * np.finfo(dtype).eps)


@both_layers
@all_shapes
@shares
def test_gradients_predict_the_slope(run, shape, p):
    arrays, dy, normalized = draw(shape)
    _, gradients = run(arrays, dy, normalized, p, 0.1)
    assert_predicts_slope(
        lambda *moved: np.sum(run(moved, dy, normalized, p, 0.1)[0] * dy), arrays, gradients
    )


@both_layers
@many
@given(shape=shapes, share=st.floats(0.01, 1), seed=seeds)
def test_first_features_alone_set_the_scale(run, shape, share, seed):
    (x, _), dy, normalized = draw(shape, seed=seed)
    rows = x.reshape(-1, np.prod(normalized, dtype=int))
    first = rows[:, : max(1, int(np.ceil(round(rows.shape[1] * share, 9))))]
    wanted = rows / np.sqrt((first**2).mean(1, keepdims=True) + 0.1)
    assert_near(run([x], dy, normalized, share, 0.1)[0], wanted.reshape(x.shape), FLOAT64)


def test_share_of_features_is_rounded_up_but_not_by_rounding():
    counts = [ours.measured_features((d,), p) for d, p in [(100, 0.07), (512, 0.0625), (10, 0.01)]]
    assert counts == [7, 32, 1]  # 100 * 0.07 is 7.000000000000001


@both_layers
@many
@given(shape=shapes, share=st.floats(0.01, 1), seed=seeds)
def test_scale_of_an_example_does_not_matter(run, shape, share, seed):
    (x, weight), dy, normalized = draw(shape, seed=seed)
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 10, (*shape[0][: -shape[1]], *(1,) * shape[1]))
    got, wanted = (run([a, weight], dy, normalized, share, 0.0)[0] for a in (scale * x, x))
    assert_near(got, wanted, 1e-10)  # a measured feature near 0 costs digits


@both_layers
def test_sign_of_the_example_is_kept(run):
    (x, weight), dy, normalized = draw(SQUARE)
    assert_near(run([-x, weight], dy, normalized)[0], -run([x, weight], dy, normalized)[0], FLOAT64)


@both_layers
def test_shift_of_an_example_does_matter(run):
    (x, _), dy, normalized = draw(SQUARE)
    shifted, plain = (run([a], dy, normalized)[0] for a in (x + 1, x))
    assert np.abs(shifted - shifted.mean(-1, keepdims=True) - plain).max() > 0.1


@both_layers
@many
@given(shape=shapes, share=st.floats(0.01, 1), seed=seeds)
def test_input_gradient_is_orthogonal_to_the_input(run, shape, share, seed):
    (x, weight), dy, normalized = draw(shape, seed=seed)
    dx, axes = run([x, weight], dy, normalized, share, 0.0)[1][0], tuple(range(-shape[1], 0))
    # Against the parts that cancel; of one feature alone, dx is nothing but rounding.
    assert np.all(np.abs((dx * x).sum(axes)) <= 1e-10 * np.abs(dx * x).sum(axes) + 1e-12)


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(run, shape, dtype, seed):
    y, gradients = run(*draw(shape, seed=seed, dtype=dtype))
    assert [value.dtype for value in (y, *gradients)] == 3 * [dtype]


@both_layers
def test_zeros_stay_zeros(run):
    (x, weight), dy, normalized = draw(SQUARE)
    x[1, 2] = 0
    y, gradients = run([x, weight], dy, normalized)
    assert np.all(y[1, 2] == 0)
    assert all(np.isfinite(value).all() for value in gradients)


@both_layers
def test_half_precision_rounds_only_the_result(run):
    # The squares of values near 1000 are beyond the largest half-precision number, 65504.
    arrays, dy, normalized = draw(((3, 200), 1), offset=1000.0, dtype=np.float16)
    exact = torch_run([a.astype(float) for a in arrays], dy.astype(float), normalized)
    assert_same(run(arrays, dy, normalized), exact, 2**-11)  # rounded once, to 11 bits


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_float32_is_accurate_at_every_mean(run, mean, layout):
    arrays, dy, normalized = draw(((5, 8, 7, 9), 3), offset=mean, dtype=np.float32)
    eps = np.finfo(np.float32).eps
    wanted = torch_run([a.astype(float) for a in arrays], dy.astype(float), normalized, eps)
    if layout == "channels last":
        arrays[0] = np.ascontiguousarray(arrays[0].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert_same(run(arrays, dy, normalized), wanted, FLOAT32)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_arguments_keep_their_values(convert):
    arrays, _, normalized = draw(SQUARE)
    x, weight = (a.copy() for a in arrays)
    (ours if convert is np.asarray else twin).rms_norm(convert(x), normalized, convert(weight))
    np.testing.assert_array_equal(x, arrays[0])
    np.testing.assert_array_equal(weight, arrays[1])


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_derivatives_of_the_partial_module_are_right(check):
    module = twin.PartialRMSNorm((4, 3), 0.3, dtype=torch.float64)
    x = torch.from_numpy(draw(((2, 4, 3), 2))[0][0]).requires_grad_()
    assert check(module, x, fast_mode=True)


def test_partial_module_shows_its_share():
    assert repr(twin.PartialRMSNorm(8, 0.25)) == "PartialRMSNorm((8,), p=0.25, eps=None)"


def test_partial_module_measures_its_share():
    x = torch.from_numpy(draw(((2, 8), 1))[0][0])
    got = twin.PartialRMSNorm(8, 0.25, dtype=torch.float64)(x)
    torch.testing.assert_close(got, twin.partial_rms_norm(x, (8,), 0.25))


WRONG_CALLS = {
    "other features": ("rms_norm", [zeros(2, 3), (4,)], ValueError, ["normalized_shape (4,)", "got x of shape (2, 3)", "rms_norm reduces"]),
    "no axis": ("rms_norm", [zeros(2, 3), ()], ValueError, ["normalized_shape ()", "got x of shape (2, 3)", "features to the end"]),
    "no feature": ("rms_norm", [zeros(2, 0), (0,)], ValueError, ["at least one value", "(2, 0)", "drop empty features"]),
    "one weight": ("rms_norm", [zeros(2, 3), (3,), zeros(1)], ValueError, ["weight of shape (3,)", "got (1,)", "one value a feature"]),
    "nothing measured": ("partial_rms_norm", [zeros(2, 3), (3,), 0.0], ValueError, ["0 < p <= 1", "got p = 0.0", "p = 1 measures"]),
    "percent": ("partial_rms_norm", [zeros(2, 3), (3,), 6.25], ValueError, ["0 < p <= 1", "got p = 6.25", "p = 1 measures"]),
    "integers": ("rms_norm", [zeros(2, 3, dtype=np.int64), (3,)], TypeError, ["floating-point", "int64", "convert it"]),
    "complex numbers": ("rms_norm", [zeros(2, 3, dtype=np.complex64), (3,)], TypeError, ["floating-point", "complex64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(layer, wrong):
    name, *call = WRONG_CALLS[wrong]
    assert_told(getattr(layer, name), *call)
