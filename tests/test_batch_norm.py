"""Batch norm in NumPy and on tensors: the same claims hold for both."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import (
    assert_near,
    assert_same_gradients,
    assert_slope,
    draw,
    numpy_batch_norm,
    torch_batch_norm,
    twin_batch_norm,
)
from torch.nn import functional as F

from course_lib import numpy_layers, torch_layers

# Two of them are as wide as they have channels: a broadcast over the wrong axis fits and must show.
SHAPES = [(6, 4), (5, 3, 3), (2, 3, 3, 3), (2, 3, 2, 4, 3)]
# float64 keeps 16 digits; sums of at most 50 values of size 10 lose fewer than three of them.
FLOAT64 = 1e-12
# Two values that happen to lie close together cost more of them.
ANY_SPREAD = 1e-9

both_layers = pytest.mark.parametrize("layer", [numpy_batch_norm, twin_batch_norm])
all_shapes = pytest.mark.parametrize("shape", SHAPES)
both_modes = pytest.mark.parametrize("training", [True, False])
with_and_without = pytest.mark.parametrize("affine", [True, False])
shapes = st.builds(
    lambda n, c, positions: (n, c, *positions),
    st.integers(2, 5),
    st.integers(1, 4),
    st.lists(st.integers(1, 4), max_size=3),
)
seeds = st.integers(0, 2**31)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
many = settings(deadline=None, derandomize=True, max_examples=25)


def case_of(shape, *, affine=True, **options):
    case = draw(shape, shape[1:2], **options)
    return case if affine else case.plain()


def reduced(shape):
    return (0, *range(2, len(shape)))


# eps is large wherever values are compared: its place in the formula must show.


@both_layers
@all_shapes
@both_modes
@with_and_without
def test_output_is_torchs(layer, shape, training, affine):
    case = case_of(shape, affine=affine)
    wanted = torch_batch_norm(case.copy(), training, eps=0.1)
    assert_near(layer(case, training, eps=0.1).y, wanted.y, FLOAT64)


@both_layers
@all_shapes
@both_modes
@with_and_without
def test_gradients_are_autograds(layer, shape, training, affine):
    case = case_of(shape, affine=affine)
    wanted = torch_batch_norm(case.copy(), training, eps=0.1)
    assert_same_gradients(layer(case, training, eps=0.1), wanted, FLOAT64)


@both_layers
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_one_parameter_alone_is_enough(layer, name):
    case = case_of(SHAPES[2])
    setattr(case, name, None)
    wanted = torch_batch_norm(case.copy())
    got = layer(case)
    assert_near(got.y, wanted.y, FLOAT64)
    assert_same_gradients(got, wanted, FLOAT64)


@both_layers
@all_shapes
def test_training_needs_no_memory(layer, shape):
    case = case_of(shape)
    case.running_mean = case.running_var = None
    assert_near(layer(case).y, torch_batch_norm(case).y, FLOAT64)


@both_layers
@all_shapes
@both_modes
def test_gradients_predict_the_slope(layer, shape, training):
    case = case_of(shape)
    gradients = layer(case.copy(), training, eps=0.1)
    assert_slope(lambda moved: np.sum(layer(moved, training, eps=0.1).y * case.dy), case, gradients)


@both_layers
@all_shapes
@pytest.mark.parametrize("momentum", [0.0, 0.3, 1.0])
def test_running_mean_is_torchs(layer, shape, momentum):
    case = case_of(shape)
    wanted = torch_batch_norm(case.copy(), momentum=momentum)
    assert_near(layer(case, momentum=momentum).running_mean, wanted.running_mean, FLOAT64)


@both_layers
@all_shapes
@pytest.mark.parametrize("momentum", [0.0, 0.3, 1.0])
def test_running_variance_is_torchs(layer, shape, momentum):
    case = case_of(shape)
    wanted = torch_batch_norm(case.copy(), momentum=momentum)
    assert_near(layer(case, momentum=momentum).running_var, wanted.running_var, FLOAT64)


@both_layers
def test_evaluation_keeps_the_running_statistics(layer):
    case = case_of(SHAPES[2])
    got = layer(case.copy(), training=False)
    np.testing.assert_array_equal(got.running_mean, case.running_mean)
    np.testing.assert_array_equal(got.running_var, case.running_var)


@both_layers
@both_modes
def test_arguments_keep_their_values(layer, training):
    case = case_of(SHAPES[2])
    handed_over = case.copy()
    layer(handed_over, training)
    for got, wanted in list(zip(handed_over, case, strict=True))[:4]:
        np.testing.assert_array_equal(got, wanted)


@both_layers
def test_constant_channel_becomes_its_bias(layer):
    case = case_of(SHAPES[2])
    case.x[:, 1] = case.x[0, 1, 0, 0]
    with np.errstate(all="ignore"):
        y = layer(case).y
    np.testing.assert_allclose(y[:, 1], case.bias[1], atol=FLOAT64)


@both_layers
def test_one_value_a_channel_is_refused_in_training(layer):
    with pytest.raises(ValueError, match="more than one value a channel"):
        layer(case_of((1, 4)))


@both_layers
@both_modes
def test_integers_are_refused(layer, training):
    case = case_of(SHAPES[2])
    case.x = np.arange(case.x.size).reshape(case.x.shape)
    with pytest.raises(TypeError, match="floating-point"):
        layer(case, training)


@both_layers
@both_modes
def test_half_precision_rounds_only_the_result(layer, training):
    # 200 values near 100: half precision stores them to the nearest 1/16 and cannot add them up.
    case = case_of((50, 3, 4), offset=100.0).to(np.float16)
    got, wanted = layer(case.copy(), training), torch_batch_norm(case.to(np.float64), training)
    # The result is rounded once, to 11 bits: an error of at most 2^-11 of its own size.
    assert_near(got.y, wanted.y, 2**-11)
    assert_near(got.dx, wanted.dx, 2**-11)


@both_layers
def test_half_precision_running_variance_keeps_eps(layer):
    case = case_of(SHAPES[0]).to(np.float16)
    case.running_var[:] = 0.0  # in half precision 1e-5 is stored to one digit, and 1e-8 as 0
    y = layer(case.copy(), training=False, eps=1e-6).y
    wanted = torch_batch_norm(case.to(np.float64), training=False, eps=1e-6).y
    assert_near(y, wanted, 2**-11)


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(layer, shape, dtype, seed):
    for value in vars(layer(case_of(shape, seed=seed).to(dtype))).values():
        assert value.dtype == dtype


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_scale_and_shift_of_a_channel_do_not_matter(layer, shape, seed):
    case = case_of(shape, seed=seed)
    moved = case.copy()
    rng = np.random.default_rng(seed)
    own = (1, shape[1], *(1,) * (len(shape) - 2))
    moved.x = rng.normal(0, 3, own) + rng.uniform(0.1, 10, own) * case.x
    assert_near(layer(moved, eps=0.0).y, layer(case, eps=0.0).y, ANY_SPREAD)


@both_layers
def test_eps_is_measured_against_the_variance(layer):
    case, scaled = case_of(SHAPES[2]), case_of(SHAPES[2])
    scaled.x = 4 * case.x
    assert_near(layer(scaled, eps=16 * 0.1).y, layer(case, eps=0.1).y, FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_input_gradient_is_orthogonal_to_ones_and_x_hat(layer, shape, seed):
    case, axes = case_of(shape, seed=seed), reduced(shape)
    dx = layer(case.copy(), eps=0.0).dx
    x_hat = layer(case.plain(), eps=0.0).y
    # The size of the gradient before the two directions are projected out.
    size = np.abs(case.dy).sum(axes) * np.abs(case.weight) / case.x.std(axes)
    assert np.all(np.abs(dx.sum(axes)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dx * x_hat).sum(axes)) <= ANY_SPREAD * size)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_order_of_the_batch_does_not_matter(layer, shape, seed):
    case = case_of(shape, seed=seed)
    order = np.random.default_rng(seed).permutation(shape[0])
    shuffled = case.copy()
    shuffled.x, shuffled.dy = case.x[order], case.dy[order]
    got, wanted = layer(shuffled), layer(case)
    assert_near(got.y, wanted.y[order], ANY_SPREAD)
    assert_near(got.dweight, wanted.dweight, ANY_SPREAD)


@pytest.mark.parametrize("function", [numpy_layers.batch_norm, torch_layers.batch_norm])
def test_arguments_are_torchs(function):
    ours, torchs = inspect.signature(function), inspect.signature(F.batch_norm)
    described = [(name, argument.default) for name, argument in ours.parameters.items()]
    expected = [(name, argument.default) for name, argument in torchs.parameters.items()]
    assert described[1:] == expected[1:]  # ours calls the input x
