"""Instance norm in NumPy and on tensors: the same claims hold for both."""

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

NUMPY, TWIN = "numpy_layers.instance_norm", "torch_layers.instance_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(arrays, dy, memory=(None, None), use_input_stats=True, momentum=0.1, eps=1e-5):
    x, *parameters = (*arrays, None, None)[:3]
    y, cache = ours.instance_norm(x, *memory, *parameters, use_input_stats, momentum, eps)
    return y, [value for value in ours.instance_norm_backward(dy, cache) if value is not None]


def twin_run(arrays, dy, memory=(None, None), *options, function=None, **named):
    function = function or twin.instance_norm
    memory = [None if value is None else torch.from_numpy(value) for value in memory]

    def call(x, weight=None, bias=None):
        return function(x, *memory, weight, bias, *options, **named)

    return autograd(call, arrays, dy)


def torch_run(*args, **options):
    return twin_run(*args, function=F.instance_norm, **options)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# In the square ones a broadcast over the wrong axis fits.
SHAPES = [(4, 4, 4), (4, 4, 4, 4), (2, 3, 5), (1, 3, 2, 5), (2, 3, 2, 3, 2)]
SQUARE = SHAPES[0]
all_shapes = pytest.mark.parametrize("shape", SHAPES)
FLOAT64 = 1e-12  # 16 digits, less those that sums of a few dozen values lose
ANY_SPREAD = 1e-9  # two positions that happen to lie close together cost more of them
FLOAT32 = 1e-6  # exact to 6e-8, and about ten roundings stand between x and y or dx
many = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 2**31)
float_types = st.sampled_from([np.float16, np.float32, np.float64])
shapes = st.builds(
    lambda n, c, length, positions: (n, c, length, *positions),
    st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), st.lists(st.integers(1, 3), max_size=2),
)  # fmt: skip


def draw(shape, **options):
    """Draw x, weight and bias, and the upstream gradient; no two channels are alike."""
    case = outcomes.draw(shape, shape[1:2], **options)
    return [case.x, case.weight, case.bias], case.dy


def draw_memory(shape, seed=1):
    """Draw a running mean and variance."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape[1]), rng.uniform(0.5, 2.0, shape[1])


@both_layers
@all_shapes
@pytest.mark.parametrize("parameters", [0, 1, 2])
def test_output_and_gradients_are_torchs(run, shape, parameters):
    arrays, dy = draw(shape)
    arrays = arrays[: 1 + parameters]
    assert_same(run(arrays, dy, eps=0.1), torch_run(arrays, dy, eps=0.1), FLOAT64)


@both_layers
@all_shapes
@pytest.mark.parametrize("use_input_stats", [True, False])
def test_with_a_memory_output_and_gradients_are_torchs(run, shape, use_input_stats):
    arrays, dy = draw(shape)
    got = run(arrays, dy, draw_memory(shape), use_input_stats, eps=0.1)
    assert_same(got, torch_run(arrays, dy, draw_memory(shape), use_input_stats, eps=0.1), FLOAT64)


@both_layers
@all_shapes
@pytest.mark.parametrize("use_input_stats", [True, False])
def test_running_statistics_are_torchs(run, shape, use_input_stats):
    arrays, dy = draw(shape)
    got, wanted = draw_memory(shape), draw_memory(shape)
    run(arrays, dy, got, use_input_stats, momentum=0.3)
    torch_run(arrays, dy, wanted, use_input_stats, momentum=0.3)
    assert_near(got[0], wanted[0], FLOAT64)
    assert_near(got[1], wanted[1], FLOAT64)


@both_layers
def test_empty_batch_leaves_the_memory(run):
    memory = draw_memory((0, 3, 4))
    run(*draw((0, 3, 4)), memory)
    np.testing.assert_array_equal(memory, draw_memory((0, 3, 4)))


@both_layers
@all_shapes
@pytest.mark.parametrize("use_input_stats", [True, False])
def test_gradients_predict_the_slope(run, shape, use_input_stats):
    arrays, dy = draw(shape)

    def outcome(arrays):
        return run(list(arrays), dy, draw_memory(shape), use_input_stats, eps=0.1)

    assert_predicts_slope(lambda *moved: np.sum(outcome(moved)[0] * dy), arrays, outcome(arrays)[1])


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_contrast_and_brightness_of_a_channel_do_not_matter(run, shape, seed):
    arrays, dy = draw(shape, seed=seed)
    rng, own = np.random.default_rng(seed), (*shape[:2], *(1,) * (len(shape) - 2))
    moved = rng.normal(0, 3, own) + rng.uniform(0.1, 10, own) * arrays[0]
    got, wanted = (run([x, *arrays[1:]], dy, eps=0.0)[0] for x in (moved, arrays[0]))
    assert_near(got, wanted, ANY_SPREAD)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_input_gradient_is_orthogonal_to_ones_and_x_hat(run, shape, seed):
    arrays, dy = draw(shape, seed=seed)
    positions = tuple(range(2, len(shape)))
    dx, x_hat = run(arrays, dy, eps=0.0)[1][0], run(arrays[:1], dy, eps=0.0)[0]
    # The size of the gradient before the two directions are projected out.
    size = np.abs(dy).sum(positions) * np.abs(arrays[1]) / arrays[0].std(positions)
    assert np.all(np.abs(dx.sum(positions)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dx * x_hat).sum(positions)) <= ANY_SPREAD * size)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_one_example_is_batch_norm_of_it(run, shape, seed):
    shape = (1, *shape[1:])
    arrays, dy = draw(shape, seed=seed)
    batch = import_module("course_lib.numpy_layers.batch_norm")
    y, cache = batch.batch_norm(arrays[0], None, None, *arrays[1:], training=True)
    assert_same(run(arrays, dy), (y, list(batch.batch_norm_backward(dy, cache))), ANY_SPREAD)


@both_layers
def test_examples_do_not_see_each_other(run):
    arrays, dy = draw(SQUARE)
    alone = run([arrays[0][1:2], *arrays[1:]], dy[1:2])
    assert_near(alone[1][0], run(arrays, dy)[1][0][1:2], FLOAT64)


@both_layers
@many
@given(shape=shapes, dtype=float_types, seed=seeds)
def test_everything_has_the_dtype_of_the_input(run, shape, dtype, seed):
    arrays, dy = draw(shape, seed=seed)
    y, gradients = run([a.astype(dtype) for a in arrays], dy.astype(dtype))
    assert [value.dtype for value in (y, *gradients)] == 4 * [dtype]


@both_layers
def test_constant_channel_becomes_its_bias(run):
    arrays, dy = draw(SQUARE)
    arrays[0][1, 2] = 7.0
    with np.errstate(all="ignore"):
        y, _ = run(arrays, dy)
    assert_near(y[1, 2], np.full(4, arrays[2][2]), FLOAT64)


@both_layers
def test_half_precision_rounds_only_the_result(run):
    # 256 values near 100: half precision stores them to the nearest 1/16 and cannot add them up.
    arrays, dy = draw((2, 4, 16, 16), offset=100.0)
    arrays, dy = [a.astype(np.float16) for a in arrays], dy.astype(np.float16)
    wanted = torch_run([a.astype(np.float64) for a in arrays], dy.astype(np.float64))
    assert_same(run(arrays, dy), wanted, 2**-11)  # rounded once, to 11 bits


@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
@pytest.mark.parametrize("package", [NUMPY, TWIN])
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
def test_float32_is_accurate_at_every_mean(package, layout, mean):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 4, 3, 13, 9)).astype(np.float32)
    x += np.float32(mean)
    parameters = list(rng.normal(size=(2, 3)).astype(np.float32))
    wanted = torch_run([a.astype(np.float64) for a in (x, *parameters)], dy.astype(np.float64))
    if layout == "channels last":
        x, dy = channels_last(x), channels_last(dy)
    if package == NUMPY:
        got = numpy_run([x, *parameters], dy)
    else:
        leaves = [torch.from_numpy(a).requires_grad_() for a in (x, *parameters)]
        y = twin.instance_norm(leaves[0], weight=leaves[1], bias=leaves[2])
        assert y.stride() == leaves[0].stride()
        y.backward(torch.from_numpy(dy))
        got = y.detach(), [leaf.grad for leaf in leaves]
    assert_same(got, wanted, FLOAT32)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("use_input_stats", [True, False])
def test_arguments_keep_their_values(convert, use_input_stats):
    (x, *parameters), _ = draw(SQUARE)
    before = [a.copy() for a in (x, *parameters)]
    arrays = [convert(a) for a in (x, *draw_memory(SQUARE), *parameters)]
    (ours if convert is np.asarray else twin).instance_norm(*arrays, use_input_stats)
    for got, wanted in zip((x, *parameters), before, strict=True):
        np.testing.assert_array_equal(got, wanted)


WRONG_CALLS = {
    "one pixel": ([zeros(2, 3, 1, 1)], ValueError, ["more than one position", "(2, 3, 1, 1)", "shrunk to a point"]),
    "no positions": ([zeros(2, 3)], ValueError, ["more than one position", "(2, 3)", "variance of one value is 0"]),
    "no channels": ([zeros(3)], ValueError, ["(n, c, ...)", "got (3,)", "x[None]"]),
    "a mean for each example": ([zeros(2, 3, 4), zeros(2), zeros(2)], ValueError, ["running_mean of shape (3,)", "got (2,)", "instance_norm keeps"]),
    "one weight for all channels": ([zeros(2, 3, 4), None, None, zeros(1)], ValueError, ["weight of shape (3,)", "got (1,)"]),
    "a mean without a variance": ([zeros(2, 3, 4), zeros(3)], ValueError, ["together", "None for ['running_var']", "pass both"]),
    "evaluation without a memory": ([zeros(2, 3, 4), None, None, None, None, False], ValueError, ["together", "None for", "use_input_stats=True"]),
    "integers": ([zeros(2, 3, 4, dtype=np.int64)], TypeError, ["floating-point", "int64", "convert it"]),
    "complex numbers": ([zeros(2, 3, 4, dtype=np.complex64)], TypeError, ["floating-point", "complex64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(layer, wrong):
    assert_told(layer.instance_norm, *WRONG_CALLS[wrong])
