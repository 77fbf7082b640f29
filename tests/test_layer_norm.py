"""Layer norm in NumPy and on tensors: the same claims hold for both."""

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
    numpy_layer_norm,
    torch_layer_norm,
    twin_layer_norm,
)
from torch.nn import functional as F

from course_lib import numpy_layers, torch_layers

# (shape of x, number of trailing axes that share a mean). The square ones let a broadcast over the
# wrong axis fit, so that it must show in the values.
SHAPES = [
    ((7,), 1),
    ((4, 4), 1),
    ((4, 4, 4), 1),
    ((2, 3, 5), 2),
    ((3, 3, 3, 3), 2),
    ((2, 4, 3, 2), 3),
]
SQUARE = SHAPES[2]
# float64 keeps 16 digits; sums of at most 50 values of size 10 lose fewer than three of them.
FLOAT64 = 1e-12
# Two values that happen to lie close together cost more of them.
ANY_SPREAD = 1e-9

both_layers = pytest.mark.parametrize("layer", [numpy_layer_norm, twin_layer_norm])
all_shapes = pytest.mark.parametrize("shape", SHAPES)
with_and_without = pytest.mark.parametrize("affine", [True, False])
shapes = st.builds(
    lambda batch, features: ((*batch, *features), len(features)),
    st.lists(st.integers(1, 4), max_size=2),
    st.lists(st.integers(2, 4), min_size=1, max_size=3),
)
seeds = st.integers(0, 2**31)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
many = settings(deadline=None, derandomize=True, max_examples=25)


def normalized(shape):
    return shape[0][-shape[1] :]


def axes_of(shape):
    return tuple(range(-shape[1], 0))


def case_of(shape, *, affine=True, **options):
    case = draw(shape[0], normalized(shape), **options)
    return case if affine else case.plain()


# eps is large wherever values are compared: its place in the formula must show.


@both_layers
@all_shapes
@with_and_without
def test_output_is_torchs(layer, shape, affine):
    case = case_of(shape, affine=affine)
    wanted = torch_layer_norm(case.copy(), normalized(shape), eps=0.1)
    assert_near(layer(case, normalized(shape), eps=0.1).y, wanted.y, FLOAT64)


@both_layers
@all_shapes
@with_and_without
def test_gradients_are_autograds(layer, shape, affine):
    case = case_of(shape, affine=affine)
    wanted = torch_layer_norm(case.copy(), normalized(shape), eps=0.1)
    assert_same_gradients(layer(case, normalized(shape), eps=0.1), wanted, FLOAT64)


@both_layers
@all_shapes
def test_gradients_predict_the_slope(layer, shape):
    case = case_of(shape)

    def value(moved):
        return np.sum(layer(moved, normalized(shape), eps=0.1).y * case.dy)

    assert_slope(value, case, layer(case.copy(), normalized(shape), eps=0.1))


@both_layers
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_one_parameter_alone_is_enough(layer, name):
    case = case_of(SQUARE)
    setattr(case, name, None)
    wanted = torch_layer_norm(case.copy(), normalized(SQUARE))
    got = layer(case, normalized(SQUARE))
    assert_near(got.y, wanted.y, FLOAT64)
    assert_same_gradients(got, wanted, FLOAT64)


@both_layers
def test_arguments_keep_their_values(layer):
    case = case_of(SQUARE)
    handed_over = case.copy()
    layer(handed_over, normalized(SQUARE))
    for got, wanted in list(zip(handed_over, case, strict=True))[:4]:
        np.testing.assert_array_equal(got, wanted)


@both_layers
def test_constant_example_becomes_its_bias(layer):
    case = case_of(SQUARE)
    case.x[1, 2] = case.x[1, 2, 0]
    with np.errstate(all="ignore"):
        y = layer(case, normalized(SQUARE)).y
    np.testing.assert_allclose(y[1, 2], case.bias, atol=FLOAT64)


@both_layers
def test_integers_are_refused(layer):
    case = case_of(SQUARE)
    case.x = np.arange(case.x.size).reshape(case.x.shape)
    with pytest.raises(TypeError, match="floating-point"):
        layer(case, normalized(SQUARE))


@both_layers
def test_half_precision_rounds_only_the_result(layer):
    # 200 values near 100: half precision stores them to the nearest 1/16 and cannot add them up.
    case = draw((3, 200), (200,), offset=100.0).to(np.float16)
    got, wanted = layer(case.copy(), (200,)), torch_layer_norm(case.to(np.float64), (200,))
    # The result is rounded once, to 11 bits: an error of at most 2^-11 of its own size.
    assert_near(got.y, wanted.y, 2**-11)
    assert_near(got.dx, wanted.dx, 2**-11)


@both_layers
def test_examples_do_not_see_each_other(layer):
    case = case_of(SQUARE)
    got = layer(case.copy(), normalized(SQUARE))
    for row in range(len(case.x)):
        alone = case.copy()
        alone.x, alone.dy = case.x[row : row + 1], case.dy[row : row + 1]
        assert_near(layer(alone, normalized(SQUARE)).dx, got.dx[row : row + 1], FLOAT64)


@both_layers
def test_empty_batch_gives_an_empty_output(layer):
    empty = draw((0, 3), (3,))
    assert layer(empty, (3,)).dx.shape == (0, 3)


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(layer, shape, dtype, seed):
    got = layer(case_of(shape, seed=seed).to(dtype), normalized(shape))
    for value in (got.y, got.dx, got.dweight, got.dbias):
        assert value.dtype == dtype


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_scale_and_shift_of_an_example_do_not_matter(layer, shape, seed):
    case = case_of(shape, seed=seed)
    moved = case.copy()
    rng = np.random.default_rng(seed)
    own = (*shape[0][: -shape[1]], *(1,) * shape[1])
    moved.x = rng.normal(0, 3, own) + rng.uniform(0.1, 10, own) * case.x
    got, wanted = (layer(c, normalized(shape), eps=0.0).y for c in (moved, case))
    assert_near(got, wanted, ANY_SPREAD)


@both_layers
def test_eps_is_measured_against_the_variance(layer):
    case, scaled = case_of(SQUARE), case_of(SQUARE)
    scaled.x = 4 * case.x
    got = layer(scaled, normalized(SQUARE), eps=16 * 0.1).y
    assert_near(got, layer(case, normalized(SQUARE), eps=0.1).y, FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_input_gradient_is_orthogonal_to_ones_and_x_hat(layer, shape, seed):
    case, axes = case_of(shape, seed=seed), axes_of(shape)
    dx = layer(case.copy(), normalized(shape), eps=0.0).dx
    x_hat = layer(case.plain(), normalized(shape), eps=0.0).y
    # The size of the gradient before the two directions are projected out.
    size = np.abs(case.dy * case.weight).sum(axes) / case.x.std(axes)
    assert np.all(np.abs(dx.sum(axes)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dx * x_hat).sum(axes)) <= ANY_SPREAD * size)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_order_of_the_batch_does_not_matter(layer, shape, seed):
    case = case_of(shape, seed=seed)
    order = (
        slice(None)
        if shape[1] == len(shape[0])
        else np.argsort(case.x.reshape(len(case.x), -1)[:, 0])
    )
    shuffled = case.copy()
    shuffled.x, shuffled.dy = case.x[order], case.dy[order]
    got, wanted = layer(shuffled, normalized(shape)), layer(case, normalized(shape))
    assert_near(got.y, wanted.y[order], FLOAT64)


@pytest.mark.parametrize("function", [numpy_layers.layer_norm, torch_layers.layer_norm])
def test_arguments_are_torchs(function):
    ours, torchs = inspect.signature(function), inspect.signature(F.layer_norm)
    described = [(name, argument.default) for name, argument in ours.parameters.items()]
    expected = [(name, argument.default) for name, argument in torchs.parameters.items()]
    assert described[1:] == expected[1:]  # ours calls the input x
