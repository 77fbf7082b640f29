"""Mean, variance and standardization: exact, widened, and without torch where NumPy suffices."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import (
    Outcome,
    assert_near,
    draw,
    numpy_batch_norm,
    numpy_layer_norm,
    torch_batch_norm,
    torch_layer_norm,
    twin_batch_norm,
    twin_layer_norm,
)

from course_lib import numpy_layers, torch_layers


def numpy_moments(x: np.ndarray, axes):
    return numpy_layers.moments(x, axes)


def twin_moments(x: np.ndarray, axes):
    return [value.numpy() for value in torch_layers.moments(torch.from_numpy(x), axes)]


FEATURES = (48,)
LAYERS = {
    "batch_norm": (numpy_batch_norm, torch_batch_norm),
    "twin_batch_norm": (twin_batch_norm, torch_batch_norm),
    "layer_norm": (
        partial(numpy_layer_norm, shape=FEATURES),
        partial(torch_layer_norm, shape=FEATURES),
    ),
    "twin_layer_norm": (
        partial(twin_layer_norm, shape=FEATURES),
        partial(torch_layer_norm, shape=FEATURES),
    ),
}
both = pytest.mark.parametrize("moments", [numpy_moments, twin_moments])
many = settings(deadline=None, derandomize=True, max_examples=25)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=5)


def axes_of(shape, seed):
    """Choose at least one axis."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, len(shape) + 1)
    return tuple(int(axis) for axis in sorted(rng.permutation(len(shape))[:count]))


def float32_run(layer: str, mean: float) -> tuple[Outcome, Outcome]:
    """Run a layer in float32, and torch's in float64 on the very same numbers."""
    got, exact = LAYERS[layer]
    case = draw((64, 48), FEATURES, offset=mean, spread=(1.0, 1.0)).to(np.float32)
    return got(case.copy()), exact(case.to(np.float64))


# float32 is exact to 6e-8, and about ten roundings of that size stand between x and y or dx: the
# mean itself must add nothing, although at 1e6 the inputs are stored to the nearest 1/16 only.
FLOAT32 = 1e-6
all_layers = pytest.mark.parametrize("layer", LAYERS)
all_means = pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])


@all_layers
@all_means
def test_float32_output_is_accurate_at_every_mean(layer, mean):
    got, exact = float32_run(layer, mean)
    assert_near(got.y, exact.y, FLOAT32)


@all_layers
@all_means
def test_float32_input_gradient_is_accurate_at_every_mean(layer, mean):
    got, exact = float32_run(layer, mean)
    assert_near(got.dx, exact.dx, FLOAT32)


@all_layers
@all_means
def test_float32_weight_gradient_is_accurate_at_every_mean(layer, mean):
    got, exact = float32_run(layer, mean)
    assert_near(got.dweight, exact.dweight, FLOAT32)


def test_float32_output_is_accurate_with_channels_last_in_memory():
    x = np.random.default_rng(0).normal(1e6, 1.0, (16, 28, 28, 64)).astype(np.float32)
    x = np.moveaxis(x, -1, 1)
    got, _ = numpy_layers.batch_norm(x, None, None, training=True)
    exact, _ = numpy_layers.batch_norm(x.astype(np.float64), None, None, training=True)
    assert_near(got, exact, FLOAT32)  # one sum of 12,544 values after the other loses 4e-4


@both
@many
@given(shape=shapes, seed=st.integers(0, 2**31))
def test_moments_are_numpys_in_higher_precision(moments, shape, seed):
    x, axes = np.random.default_rng(seed).normal(3.0, 1.0, shape), axes_of(shape, seed)
    mean, var, centered = moments(x, axes)
    wide = x.astype(np.longdouble)
    # 1e-14 is a hundred roundings of float64; the spread may be small beside the values near 3.
    np.testing.assert_allclose(mean, wide.mean(axes, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(var, wide.var(axes, keepdims=True), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(centered, wide - wide.mean(axes, keepdims=True), atol=1e-14)


@both
@many
@given(shape=shapes, dtype=float_types, seed=st.integers(0, 2**31))
def test_statistics_are_at_least_float32(moments, shape, dtype, seed):
    x = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    for value in moments(x, axes_of(shape, seed)):
        assert value.dtype == np.promote_types(dtype, np.float32)


def test_bfloat16_is_widened_to_float32():
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert {value.dtype for value in torch_layers.moments(x, (0,))} == {torch.float32}


@both
@many
@given(shape=shapes, dtype=float_types, seed=st.integers(0, 2**31))
def test_argument_keeps_its_values(moments, shape, dtype, seed):
    x = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    before = x.copy()
    moments(x, axes_of(shape, seed))
    np.testing.assert_array_equal(x, before)


@both
def test_integers_are_refused_with_the_repair(moments):
    with pytest.raises(TypeError, match=r"expected a floating-point .+, got .+; convert it .+"):
        moments(np.arange(6).reshape(2, 3), (0,))


@both
@pytest.mark.parametrize("axes", [(0,), (0, 2)])
def test_empty_groups_are_refused_with_the_repair(moments, axes):
    with pytest.raises(ValueError, match=r"expected at least one value .+, got .+; drop .+"):
        moments(np.zeros((0, 3, 2)), axes)


@both
def test_no_groups_at_all_are_fine(moments):
    mean, _, centered = moments(np.zeros((0, 3)), (1,))
    assert (mean.shape, centered.shape) == ((0, 1), (0, 3))


def test_standardize_backward_is_autograds():
    rng = np.random.default_rng(0)
    x, g = rng.normal(2.0, 3.0, (2, 4, 3, 5))
    tensor = torch.from_numpy(x).requires_grad_()
    torch_layers.standardize(tensor, (0, 2), 0.1)[0].backward(torch.from_numpy(g))
    x_hat, inv_std, _, _ = numpy_layers.standardize(x, (0, 2), 0.1)
    dx = numpy_layers.standardize_backward(g, x_hat, inv_std, (0, 2))
    assert_near(dx, tensor.grad, 1e-13)  # float64, twenty values a group


def test_autograd_sees_through_the_correction():
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x += 100.0
    assert torch.autograd.gradcheck(
        lambda x: tuple(torch_layers.moments(x, (0,))), x.requires_grad_()
    )


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after the statement."""
    code = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_numpy_layers_load_numpy_alone():
    heavy = {"torch", "matplotlib", "sklearn", "scipy", "IPython", "tqdm"}
    assert loaded_by("import course_lib.numpy_layers") & heavy == set()


def test_package_itself_loads_nothing_heavy():
    assert loaded_by("import course_lib") & {"numpy", "torch", "matplotlib"} == set()
