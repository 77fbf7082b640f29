"""Group norm in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the wrong calls stand one a line: a table)

from importlib import import_module

import numpy as np
import outcomes
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd, channels_last
from torch.nn import functional as F
from wrong_calls import assert_told, zeros

NUMPY, TWIN = "numpy_layers.group_norm", "torch_layers.group_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(arrays, dy, groups, eps=1e-5):
    x, *parameters = arrays
    y, cache = ours.group_norm(x, groups, *parameters, eps=eps)
    return y, [value for value in ours.group_norm_backward(dy, cache) if value is not None]


def twin_run(arrays, dy, groups, eps=1e-5):
    return autograd(lambda x, *p: twin.group_norm(x, groups, *p, eps=eps), arrays, dy)


def torch_run(arrays, dy, groups, eps=1e-5):
    return autograd(lambda x, *p: F.group_norm(x, groups, *p, eps=eps), arrays, dy)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# (shape, groups); in the square ones a broadcast over the wrong axis fits.
SHAPES = [((3, 6), 2), ((4, 4, 4), 2), ((4, 4, 4, 4), 4), ((2, 6, 3, 5), 1), ((1, 4, 2, 3, 2), 2)]
SQUARE = SHAPES[1]
all_shapes = pytest.mark.parametrize(("shape", "groups"), SHAPES)
FLOAT64 = 1e-12  # 16 digits, less those that sums of a few dozen values lose
ANY_SPREAD = 1e-9  # two values of a group that happen to lie close together cost more of them
FLOAT32 = 1e-6  # exact to 6e-8, and about ten roundings stand between x and y or dx
many = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 2**31)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
shapes = st.builds(
    lambda n, groups, channels, positions: ((n, groups * channels, *positions), groups),
    st.integers(1, 3), st.integers(1, 3), st.integers(2, 3), st.lists(st.integers(1, 3), max_size=2),
)  # fmt: skip


def draw(shape, **options):
    """Draw x, weight and bias, and the upstream gradient; channels differ in mean and spread."""
    case = outcomes.draw(shape, shape[1:2], **options)
    return [case.x, case.weight, case.bias], case.dy


def grouped(array, groups):
    """Return one row for each example and group."""
    return array.reshape(len(array), groups, -1)


@both_layers
@all_shapes
@pytest.mark.parametrize("parameters", [0, 1, 2])
def test_output_and_gradients_are_torchs(run, shape, groups, parameters):
    arrays, dy = draw(shape)
    arrays = arrays[: 1 + parameters]
    assert_same(run(arrays, dy, groups, 0.1), torch_run(arrays, dy, groups, 0.1), FLOAT64)


@both_layers
@all_shapes
def test_gradients_predict_the_slope(run, shape, groups):
    arrays, dy = draw(shape)
    _, gradients = run(arrays, dy, groups, 0.1)
    assert_predicts_slope(
        lambda *moved: np.sum(run(list(moved), dy, groups, 0.1)[0] * dy), arrays, gradients
    )


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_one_group_is_layer_norm_over_channels_and_positions(run, shape, seed):
    arrays, dy = draw(shape[0], seed=seed)
    got = run(arrays[:1], dy, 1)
    layer = import_module(f"course_lib.{NUMPY.replace('group', 'layer')}")
    y, cache = layer.layer_norm(arrays[0], shape[0][1:])
    assert_same(got, (y, [layer.layer_norm_backward(dy, cache).dx]), ANY_SPREAD)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_a_group_for_each_channel_is_instance_norm(run, shape, seed):
    shape = (*shape[0], 2)
    arrays, dy = draw(shape, seed=seed)
    instance = import_module(f"course_lib.{NUMPY.replace('group', 'instance')}")
    y, cache = instance.instance_norm(arrays[0], weight=arrays[1], bias=arrays[2])
    wanted = (y, list(instance.instance_norm_backward(dy, cache)))
    assert_same(run(arrays, dy, shape[1]), wanted, ANY_SPREAD)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_scale_and_shift_of_a_group_do_not_matter(run, shape, seed):
    shape, groups = shape
    arrays, dy = draw(shape, seed=seed)
    rng = np.random.default_rng(seed)
    shift, scale = (
        rng.normal(0, 3, (shape[0], groups, 1)),
        rng.uniform(0.1, 10, (shape[0], groups, 1)),
    )
    moved = (shift + scale * grouped(arrays[0], groups)).reshape(shape)
    got, wanted = (run([x, *arrays[1:]], dy, groups, 0.0)[0] for x in (moved, arrays[0]))
    assert_near(got, wanted, ANY_SPREAD)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_input_gradient_is_orthogonal_to_ones_and_x_hat(run, shape, seed):
    shape, groups = shape
    arrays, dy = draw(shape, seed=seed)
    dx = grouped(run(arrays, dy, groups, 0.0)[1][0], groups)
    x_hat = grouped(run(arrays[:1], dy, groups, 0.0)[0], groups)
    weight = arrays[1].reshape(-1, *(1,) * (len(shape) - 2))
    # The size of the gradient before the two directions are projected out.
    size = np.abs(grouped(dy * weight, groups)).sum(-1) / grouped(arrays[0], groups).std(-1)
    assert np.all(np.abs(dx.sum(-1)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dx * x_hat).sum(-1)) <= ANY_SPREAD * size)


@both_layers
def test_examples_do_not_see_each_other(run):
    arrays, dy = draw(SQUARE[0])
    _, (dx, *_) = run(arrays, dy, SQUARE[1])
    alone = run([arrays[0][1:2], *arrays[1:]], dy[1:2], SQUARE[1])
    assert_near(alone[1][0], dx[1:2], FLOAT64)


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(run, shape, dtype, seed):
    arrays, dy = draw(shape[0], seed=seed)
    y, gradients = run([a.astype(dtype) for a in arrays], dy.astype(dtype), shape[1])
    assert [value.dtype for value in (y, *gradients)] == 4 * [dtype]


@both_layers
def test_constant_group_becomes_its_bias(run):
    arrays, dy = draw(SQUARE[0])
    arrays[0][1, 2:] = 7.0
    with np.errstate(all="ignore"):
        y, _ = run(arrays, dy, SQUARE[1])
    assert_near(y[1, 2:], np.broadcast_to(arrays[2][2:, None], (2, 4)), FLOAT64)


@both_layers
def test_half_precision_rounds_only_the_result(run):
    # 128 values near 100: half precision stores them to the nearest 1/16 and cannot add them up.
    arrays, dy = draw((2, 4, 8, 8), offset=100.0)
    arrays, dy = [a.astype(np.float16) for a in arrays], dy.astype(np.float16)
    wanted = torch_run([a.astype(np.float64) for a in arrays], dy.astype(np.float64), 2)
    assert_same(run(arrays, dy, 2), wanted, 2**-11)  # rounded once, to 11 bits


@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
@pytest.mark.parametrize("package", [NUMPY, TWIN])
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
def test_float32_is_accurate_at_every_mean(package, layout, mean):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 4, 8, 7, 9)).astype(np.float32)
    x += np.float32(mean)
    parameters = list(rng.normal(size=(2, 8)).astype(np.float32))
    wanted = torch_run([a.astype(np.float64) for a in (x, *parameters)], dy.astype(np.float64), 2)
    if layout == "channels last":
        x, dy = channels_last(x), channels_last(dy)
    if package == NUMPY:
        got = numpy_run([x, *parameters], dy, 2)
    else:
        leaves = [torch.from_numpy(a).requires_grad_() for a in (x, *parameters)]
        y = twin.group_norm(leaves[0], 2, *leaves[1:])
        assert y.stride() == leaves[0].stride()
        y.backward(torch.from_numpy(dy))
        got = y.detach(), [leaf.grad for leaf in leaves]
    assert_same(got, wanted, FLOAT32)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_arguments_keep_their_values(convert):
    arrays, _ = draw(SQUARE[0])
    before = [a.copy() for a in arrays]
    layer = ours if convert is np.asarray else twin
    layer.group_norm(convert(arrays[0]), SQUARE[1], *map(convert, arrays[1:]))
    for got, wanted in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


WRONG_CALLS = {
    "groups of unequal size": ([zeros(2, 6), 4], ValueError, ["divide the 6 channels", "got 4", "[1, 2, 3, 6]"]),
    "no groups": ([zeros(2, 6), 0], ValueError, ["divide the 6 channels", "got 0", "choose one of"]),
    "more groups than channels": ([zeros(2, 3), 6], ValueError, ["divide the 3 channels", "got 6"]),
    "no channels": ([zeros(6), 2], ValueError, ["(n, c, ...)", "got (6,)", "x[None]"]),
    "a weight for each group": ([zeros(2, 6), 2, zeros(2)], ValueError, ["weight of shape (6,)", "got (2,)", "group_norm keeps"]),
    "one value a group": ([zeros(1, 6), 6], ValueError, ["more than one value", "(1, 6) in 6 groups", "fewer groups"]),
    "integers": ([zeros(2, 6, dtype=np.int64), 2], TypeError, ["floating-point", "int64", "convert it"]),
    "complex numbers": ([zeros(2, 6, dtype=np.complex128), 2], TypeError, ["floating-point", "complex128", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(layer, wrong):
    assert_told(layer.group_norm, *WRONG_CALLS[wrong])
