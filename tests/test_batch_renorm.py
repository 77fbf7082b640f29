"""Batch renorm in NumPy and on tensors: what evaluation computes, as far as the limits allow."""

import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import (
    Outcome,
    assert_near,
    assert_same_gradients,
    assert_slope,
    draw,
    torch_batch_norm,
)

NUMPY = importlib.import_module("course_lib.numpy_layers.batch_renorm")
TWIN = importlib.import_module("course_lib.torch_layers.batch_renorm")
SHAPES = [(6, 4), (5, 3, 3), (2, 3, 3, 3), (2, 3, 2, 4, 3)]
IMAGES = SHAPES[2]
OPEN = {"r_max": 1e6, "d_max": 1e6}  # nothing is clipped
TIGHT = {"r_max": 1.2, "d_max": 0.3}  # most channels are
# float64 keeps 16 digits; sums of at most 50 values of size 10 lose fewer than three of them.
FLOAT64, FLOAT32 = 1e-12, 1e-6
ANY_SPREAD = 1e-9  # two values that happen to lie close together cost more digits

both_modes = pytest.mark.parametrize("training", [True, False])
all_shapes = pytest.mark.parametrize("shape", SHAPES)
all_limits = pytest.mark.parametrize("limits", [OPEN, TIGHT], ids=["open", "tight"])
many = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 2**31)
shapes = st.builds(
    lambda n, c, positions: (n, c, *positions),
    st.integers(2, 5),
    st.integers(1, 4),
    st.lists(st.integers(1, 4), max_size=3),
)


def numpy_layer(case, training=True, momentum=0.1, eps=0.1, **limits):
    memory = (case.running_mean, case.running_var)  # the second one holds the deviation here
    options = (case.weight, case.bias, training, momentum, eps)
    y, cache = NUMPY.batch_renorm(case.x, *memory, *options, **limits)
    return Outcome(y, *NUMPY.batch_renorm_backward(case.dy, cache), *memory)


def twin_layer(case, training=True, momentum=0.1, eps=0.1, **limits):
    x, dy, *rest = (None if value is None else torch.from_numpy(value) for value in case)
    leaves = [x, *rest[:2]]
    for leaf in leaves:
        if leaf is not None and leaf.is_floating_point():
            leaf.requires_grad_()
    y = TWIN.batch_renorm(x, *rest[2:], *rest[:2], training, momentum, eps, **limits)
    y.backward(dy)
    grads = [None if leaf is None else leaf.grad for leaf in leaves]
    return Outcome(*(None if v is None else v.detach().numpy() for v in (y, *grads, *rest[2:])))


both_layers = pytest.mark.parametrize("layer", [numpy_layer, twin_layer])


def case_of(shape, **options):
    return draw(shape, shape[1:2], **options)


@all_shapes
@both_modes
@all_limits
@pytest.mark.parametrize("affine", [True, False])
def test_numpy_and_twin_agree(shape, training, limits, affine):
    case = case_of(shape) if affine else case_of(shape).plain()
    got, wanted = (run(case.copy(), training, **limits) for run in (numpy_layer, twin_layer))
    for a, b in zip(vars(got).values(), vars(wanted).values(), strict=True):
        assert_near(a, b, FLOAT64)


@both_layers
@all_shapes
def test_limits_of_one_and_zero_are_batch_norm(layer, shape):
    case = case_of(shape)
    got, wanted = layer(case.copy(), r_max=1.0, d_max=0.0), torch_batch_norm(case.copy(), eps=0.1)
    assert_near(got.y, wanted.y, FLOAT64)
    assert_same_gradients(got, wanted, FLOAT64)


@both_layers
@all_shapes
def test_open_limits_compute_what_evaluation_does(layer, shape):
    case = case_of(shape)
    got, wanted = layer(case.copy(), **OPEN), layer(case.copy(), training=False)
    assert_near(got.y, wanted.y, ANY_SPREAD)


@both_layers
@all_limits
def test_gradient_is_batch_norms_times_r(layer, limits):
    case = case_of(IMAGES)
    case.running_var[:] = 0.1, 1.0, 10.0  # clipped from above, perhaps, from below
    batch_std = np.sqrt(case.x.var((0, 2, 3)) + 0.1)
    r = np.clip(batch_std / case.running_var, 1 / limits["r_max"], limits["r_max"])
    wanted = torch_batch_norm(case.copy(), eps=0.1)
    assert_near(layer(case, **limits).dx, wanted.dx * r[:, None, None], FLOAT64)


@both_layers
def test_parameter_gradients_predict_the_slope(layer):
    case = case_of(IMAGES)
    got = layer(case.copy(), **TIGHT)

    def value(moved):
        moved.x = case.x.copy()
        return np.sum(layer(moved, **TIGHT).y * case.dy)

    got.dx = np.zeros_like(got.dx)  # r and d are constants: x is held
    assert_slope(value, case, got)


@both_layers
@all_shapes
def test_gradients_in_evaluation_predict_the_slope(layer, shape):
    case = case_of(shape)

    def value(moved):
        return np.sum(layer(moved, training=False).y * case.dy)

    assert_slope(value, case, layer(case.copy(), training=False))


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_input_gradient_is_orthogonal_to_ones_and_x_hat(layer, shape, seed):
    case, axes = case_of(shape, seed=seed), (0, *range(2, len(shape)))
    dx = layer(case.copy(), eps=0.0, **OPEN).dx
    centered = case.x - case.x.mean(axes, keepdims=True)
    size = np.abs(case.dy).sum(axes) * np.abs(case.weight) / case.running_var
    assert np.all(np.abs(dx.sum(axes)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dx * centered).sum(axes)) <= ANY_SPREAD * size * case.x.std(axes))


@both_layers
@pytest.mark.parametrize("momentum", [0.0, 0.3, 1.0])
@all_shapes
def test_memory_averages_means_and_deviations(layer, momentum, shape):
    case, axes = case_of(shape), (0, *range(2, len(shape)))
    got = layer(case.copy(), momentum=momentum)
    std = np.sqrt(case.x.var(axes) + 0.1)
    keep = 1 - momentum
    wanted = keep * case.running_mean + momentum * case.x.mean(axes)
    assert_near(got.running_mean, wanted, FLOAT64)
    assert_near(got.running_var, keep * case.running_var + momentum * std, FLOAT64)


@both_layers
@pytest.mark.parametrize("training", [True, False])
def test_arguments_keep_their_values(layer, training):
    case = case_of(IMAGES)
    handed_over = case.copy()
    layer(handed_over, training)
    kept = list(zip(handed_over, case, strict=True))
    for got, wanted in kept[:4] if training else kept:
        np.testing.assert_array_equal(got, wanted)


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
@all_limits
def test_float32_is_accurate_at_every_mean(layer, mean, limits):
    case = case_of((64, 3, 4), offset=mean, spread=(1.0, 1.0))
    case.running_mean += mean
    case = case.to(np.float32)
    got, exact = layer(case.copy(), **limits), numpy_layer(case.to(np.float64), **limits)
    for name in ("y", "dx", "dweight"):
        assert_near(getattr(got, name), getattr(exact, name), FLOAT32)


@both_layers
@both_modes
def test_half_precision_rounds_only_the_result(layer, training):
    case = case_of((50, 3, 4), offset=100.0).to(np.float16)
    got = layer(case.copy(), training)
    wanted = numpy_layer(case.to(np.float64), training)
    assert_near(got.y, wanted.y, 2**-11)  # rounded once, to 11 bits
    assert_near(got.dx, wanted.dx, 2**-11)


@both_layers
@many
@given(shape=shapes, dtype=st.sampled_from([np.float16, np.float32, np.float64]), seed=seeds)
def test_everything_has_the_dtype_of_the_input(layer, shape, dtype, seed):
    for value in vars(layer(case_of(shape, seed=seed).to(dtype))).values():
        assert value.dtype == dtype
