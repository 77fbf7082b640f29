"""ScaleNorm in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the wrong calls stand one a line: a table)

import copy
import math
import pickle
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd
from wrong_calls import assert_told

NUMPY, TWIN = "numpy_layers.scale_norm", "torch_layers.scale_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(arrays, dy, eps=1e-5):
    y, cache = ours.scale_norm(*arrays, eps=eps)
    return y, [value for value in ours.scale_norm_backward(dy, cache) if value is not None]


def twin_run(arrays, dy, eps=1e-5):
    return autograd(lambda *leaves: twin.scale_norm(*leaves, eps=eps), arrays, dy)


def torch_run(arrays, dy, eps=1e-5):
    """Run the formula of the authors' code with torch's own norm."""
    return autograd(
        lambda x, g=1: x * (g / x.norm(dim=-1, keepdim=True).clamp(min=eps)), arrays, dy
    )


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
SHAPES = [(4, 4), (4, 4, 4), (7,), (2, 3, 2), (0, 3)]
SQUARE = SHAPES[0]
all_shapes = pytest.mark.parametrize("shape", SHAPES)
FLOAT64 = 1e-12  # 16 digits, less those that sums of a few values lose
FLOAT32 = 1e-6  # exact to 6e-8, and about ten roundings stand between x and y or dx
many = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 2**31)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def draw(shape, *, seed=0, offset=0.5, dtype=np.float64):
    """Draw x and g, and the upstream gradient."""
    rng = np.random.default_rng(seed)
    x, dy = rng.normal(size=(2, *shape))
    g = np.asarray(rng.uniform(0.5, 3.0))
    return [(x + offset).astype(dtype), g.astype(dtype)], dy.astype(dtype)


@both_layers
@all_shapes
@pytest.mark.parametrize("parameters", [0, 1])
@pytest.mark.parametrize("eps", [1e-5, 1.5])  # at 1.5 some vectors are shorter, some longer
def test_output_and_gradients_are_the_authors(run, shape, parameters, eps):
    arrays, dy = draw(shape)
    arrays = arrays[: 1 + parameters]
    assert_same(run(arrays, dy, eps), torch_run(arrays, dy, eps), FLOAT64)


@both_layers
@pytest.mark.parametrize("eps", [1e-5, 1.5])
def test_gradients_predict_the_slope(run, eps):
    arrays, dy = draw(SQUARE)
    _, gradients = run(arrays, dy, eps)
    assert_predicts_slope(lambda *moved: np.sum(run(moved, dy, eps)[0] * dy), arrays, gradients)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_every_vector_gets_the_length_g(run, shape, seed):
    arrays, dy = draw(shape, seed=seed)
    lengths = np.linalg.norm(run(arrays, dy, 0.0)[0], axis=-1)
    assert_near(lengths, np.full(shape[:-1], arrays[1]), FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_length_of_a_vector_does_not_matter(run, shape, seed):
    (x, g), dy = draw(shape, seed=seed)
    scale = np.random.default_rng(seed).uniform(0.1, 10, (*shape[:-1], 1))
    assert_near(run([scale * x, g], dy, 0.0)[0], run([x, g], dy, 0.0)[0], FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_input_gradient_is_orthogonal_to_the_input(run, shape, seed):
    (x, g), dy = draw(shape, seed=seed)
    dx = run([x, g], dy, 0.0)[1][0]
    # The size of dx * x before the part along x is projected out.
    size = g * np.abs(dy).sum(-1)
    assert np.all(np.abs((dx * x).sum(-1)) <= FLOAT64 * size)


@both_layers
def test_at_the_root_of_d_it_is_rms_norm(run):
    (x, _), dy = draw(SQUARE)
    rms = import_module("course_lib.numpy_layers.rms_norm")
    y, cache = rms.rms_norm(x, SQUARE[-1:], eps=0.0)
    y_of_scale, (dx, _) = run([x, np.asarray(math.sqrt(SQUARE[-1]))], dy, 0.0)
    assert_same((y_of_scale, [dx]), (y, [rms.rms_norm_backward(dy, cache).dx]), FLOAT64)


@both_layers
def test_zeros_stay_zeros_and_have_a_gradient(run):
    arrays, dy = draw(SQUARE)
    arrays[0][1] = 0
    y, gradients = run(arrays, dy)
    assert np.all(y[1] == 0)
    assert_near(gradients[0][1], dy[1] * arrays[1] / 1e-5, FLOAT64)


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(run, shape, dtype, seed):
    y, gradients = run(*draw(shape, seed=seed, dtype=dtype))
    assert [value.dtype for value in (y, *gradients)] == 3 * [dtype]


@both_layers
def test_half_precision_rounds_only_the_result(run):
    # The squares of values near 1000 are beyond the largest half-precision number, 65504.
    arrays, dy = draw((3, 200), offset=1000.0, dtype=np.float16)
    exact = torch_run([a.astype(float) for a in arrays], dy.astype(float))
    assert_same(run(arrays, dy), exact, 2**-11)  # rounded once, to 11 bits


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
def test_float32_is_accurate_at_every_mean(run, mean):
    arrays, dy = draw((16, 500), offset=mean, dtype=np.float32)
    exact = torch_run([a.astype(float) for a in arrays], dy.astype(float))
    assert_same(run(arrays, dy), exact, FLOAT32)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_arguments_keep_their_values(convert):
    arrays, _ = draw(SQUARE)
    x, g = (a.copy() for a in arrays)
    (ours if convert is np.asarray else twin).scale_norm(convert(x), convert(g))
    np.testing.assert_array_equal(x, arrays[0])
    np.testing.assert_array_equal(g, arrays[1])


def test_g_starts_at_the_root_of_d():
    assert dict(twin.ScaleNorm(16).state_dict()) == {"g": torch.tensor(4.0)}


def test_reset_returns_to_the_root_of_d():
    module = twin.ScaleNorm(16)
    torch.nn.init.constant_(module.g, 7.0)
    module.reset_parameters()
    assert module.g.item() == 4.0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_module_and_its_copies_compute_the_function(duplicate):
    module = twin.ScaleNorm(4, eps=1.5, dtype=torch.float64)
    torch.nn.init.constant_(module.g, 7.0)
    x = torch.from_numpy(draw(SQUARE)[0][0])
    torch.testing.assert_close(duplicate(module)(x), twin.scale_norm(x, module.g, 1.5))


def test_module_shows_its_arguments():
    assert repr(twin.ScaleNorm(16)) == "ScaleNorm(16, eps=1e-05)"


def test_device_of_the_constructor_is_used():
    assert twin.ScaleNorm(4, device="meta").g.device.type == "meta"


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_derivatives_of_the_module_are_right(check):
    module = twin.ScaleNorm(4, dtype=torch.float64)
    assert check(module, torch.from_numpy(draw(SQUARE)[0][0]).requires_grad_(), fast_mode=True)


WRONG_CALLS = {
    "a number": ([np.zeros(())], ValueError, ["(*b, d)", "got a single number", "last axis"]),
    "a scale for each feature": ([np.zeros((2, 3)), np.ones(3)], ValueError, ["one number", "got shape (3,)", "rms_norm"]),
    "integers": ([np.zeros((2, 3), np.int64)], TypeError, ["floating-point", "int64", "convert it"]),
    "complex numbers": ([np.zeros((2, 3), np.complex64)], TypeError, ["floating-point", "complex64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(layer, wrong):
    assert_told(layer.scale_norm, *WRONG_CALLS[wrong])


@pytest.mark.parametrize("shape", [(), (3,), (4, 3)])
def test_module_refuses_other_features(shape):
    with pytest.raises(ValueError, match=r"^ScaleNorm expected .+ \(\*b, 4\), got .+; put the"):
        twin.ScaleNorm(4)(torch.zeros(shape))
