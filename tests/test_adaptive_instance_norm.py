"""Adaptive and conditional instance norm in NumPy and on tensors: the same claims hold for both."""

import copy
import pickle
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd, channels_last
from torch.nn import functional as F

NUMPY, TWIN = "numpy_layers.adaptive_instance_norm", "torch_layers.adaptive_instance_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(arrays, dy, eps=1e-5):
    y, cache = ours.adaptive_instance_norm(*arrays, eps)
    return y, list(ours.adaptive_instance_norm_backward(dy, cache))


def twin_run(arrays, dy, eps=1e-5):
    return autograd(lambda x, style: twin.adaptive_instance_norm(x, style, eps), arrays, dy)


def formula_run(arrays, dy, eps=1e-5):
    """Run the paper's formula with torch's own functions."""

    def formula(x, style):
        var, mean = torch.var_mean(style, tuple(range(2, style.ndim)), correction=0, keepdim=True)
        return F.instance_norm(x, eps=eps) * (var + eps).sqrt() + mean

    return autograd(formula, arrays, dy)


STYLES = np.array([2, 0, 2, 1])  # style 2 twice, style 3 never


def numpy_conditional(arrays, dy, eps=1e-5):
    y, cache = ours.conditional_instance_norm(arrays[0], STYLES, *arrays[1:], eps)
    return y, list(ours.conditional_instance_norm_backward(dy, cache))


def twin_conditional(arrays, dy, eps=1e-5):
    styles = torch.from_numpy(STYLES)
    return autograd(lambda x, *p: twin.conditional_instance_norm(x, styles, *p, eps), arrays, dy)


def torch_conditional(arrays, dy, eps=1e-5):
    """Run torch's instance norm on one example at a time, with the rows of its style."""

    def each(x, weight, bias):
        rows = zip(x.split(1), STYLES, strict=True)
        return torch.cat(
            [F.instance_norm(one, None, None, weight[k], bias[k], eps=eps) for one, k in rows]
        )

    return autograd(each, arrays, dy)


adaptive = pytest.mark.parametrize("run", [numpy_run, twin_run])
conditional = pytest.mark.parametrize("run", [numpy_conditional, twin_conditional])
all_four = pytest.mark.parametrize(
    "run", [numpy_run, twin_run, numpy_conditional, twin_conditional]
)
# (n, c), the content's positions, the style's; in the first a broadcast over the wrong axis fits.
SHAPES = [((4, 4), (4,), (4,)), ((4, 2), (3, 5), (2, 4)), ((4, 1), (2, 3, 2), (3, 1, 2))]
SQUARE = SHAPES[0]
all_shapes = pytest.mark.parametrize("shape", SHAPES)
FLOAT64 = 1e-12  # 16 digits, less those that sums of a few dozen values lose
ANY_SPREAD = 1e-9  # two positions that happen to lie close together cost more of them
FLOAT32 = 1e-6  # exact to 6e-8, and about ten roundings stand between x and y or dx
many = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 2**31)
positions = st.lists(st.integers(2, 4), min_size=1, max_size=2)
shapes = st.builds(
    lambda c, s, more: ((4, c), tuple(s), tuple(length + more for length in s)),
    st.integers(1, 3), positions, st.integers(0, 2),
)  # fmt: skip


def draw(run, shape, *, seed=0, offset=0.0, dtype=np.float64):
    """Draw the arrays of the layer that `run` runs, and the upstream gradient."""
    rng = np.random.default_rng(seed)
    (n, c), *images = shape

    def draw_image(positions):
        own = (n, c, *(1,) * len(positions))  # no two channels have the same mean or spread
        spread = rng.uniform(0.5, 3.0, own)
        return offset + rng.normal(size=own) + spread * rng.normal(size=(n, c, *positions))

    x, style = map(draw_image, images)
    tables = list(rng.normal(size=(2, 4, c)))
    arrays = [x, style] if run in (numpy_run, twin_run) else [x, *tables]
    return [a.astype(dtype) for a in arrays], rng.normal(size=x.shape).astype(dtype)


def exact(run, arrays, dy, eps=1e-5):
    """Run torch's functions in float64."""
    reference = formula_run if run in (numpy_run, twin_run) else torch_conditional
    return reference([a.astype(np.float64) for a in arrays], dy.astype(np.float64), eps)


@all_four
@all_shapes
def test_output_and_gradients_are_torchs(run, shape):
    arrays, dy = draw(run, shape)
    assert_same(run(arrays, dy, 0.1), exact(run, arrays, dy, 0.1), FLOAT64)


@all_four
@all_shapes
def test_gradients_predict_the_slope(run, shape):
    arrays, dy = draw(run, shape)
    _, gradients = run(arrays, dy, 0.1)
    assert_predicts_slope(lambda *moved: np.sum(run(moved, dy, 0.1)[0] * dy), arrays, gradients)


@adaptive
@many
@given(shape=shapes, seed=seeds)
def test_output_has_the_moments_of_the_style(run, shape, seed):
    arrays, dy = draw(run, shape, seed=seed)
    y, axes = run(arrays, dy, 0.0)[0], tuple(range(2, dy.ndim))
    assert_near(y.mean(axes), arrays[1].mean(axes), ANY_SPREAD)
    assert_near(y.std(axes), arrays[1].std(axes), ANY_SPREAD)


@adaptive
@many
@given(shape=shapes, seed=seeds)
def test_own_style_changes_nothing(run, shape, seed):
    (x, _), dy = draw(run, shape, seed=seed)
    assert_near(run([x, x], dy, 0.1)[0], x, FLOAT64)


@all_four
@many
@given(shape=shapes, seed=seeds)
def test_contrast_and_brightness_of_the_content_do_not_matter(run, shape, seed):
    (x, *rest), dy = draw(run, shape, seed=seed)
    rng, own = np.random.default_rng(seed), (*shape[0], *(1,) * len(shape[1]))
    moved = rng.normal(0, 3, own) + rng.uniform(0.1, 10, own) * x
    assert_near(run([moved, *rest], dy, 0.0)[0], run([x, *rest], dy, 0.0)[0], ANY_SPREAD)


@adaptive
@many
@given(shape=shapes, seed=seeds)
def test_order_of_the_styles_positions_does_not_matter(run, shape, seed):
    (x, style), dy = draw(run, shape, seed=seed)
    mirrored = np.flip(style, tuple(range(2, style.ndim))).copy()
    assert_near(run([x, mirrored], dy)[0], run([x, style], dy)[0], ANY_SPREAD)


@all_four
@many
@given(shape=shapes, seed=seeds)
def test_content_gradient_is_orthogonal_to_ones_and_x_hat(run, shape, seed):
    arrays, dy = draw(run, shape, seed=seed)
    axes, x = tuple(range(2, dy.ndim)), arrays[0]
    dx = run(arrays, dy, 0.0)[1][0]
    x_hat = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    # The size of the gradient before the two directions are projected out.
    scale = arrays[1].std(axes) if run in (numpy_run, twin_run) else np.abs(arrays[1][STYLES])
    size = np.abs(dy).sum(axes) * scale / x.std(axes)
    assert np.all(np.abs(dx.sum(axes)) <= ANY_SPREAD * size)
    assert np.all(np.abs((dx * x_hat).sum(axes)) <= ANY_SPREAD * size)


@conditional
def test_style_that_no_example_has_gets_no_gradient(run):
    _, (_, dweight, dbias) = run(*draw(run, SQUARE))
    assert np.all(dweight[3] == 0)
    assert np.all(dbias[3] == 0)


@all_four
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_input(run, dtype):
    y, gradients = run(*draw(run, SQUARE, dtype=dtype))
    assert {value.dtype for value in (y, *gradients)} == {np.dtype(dtype)}


@all_four
def test_half_precision_rounds_only_the_result(run):
    # 256 values near 100: half precision stores them to the nearest 1/16 and cannot add them up.
    case = draw(run, ((4, 3), (16, 16), (16, 16)), offset=100.0, dtype=np.float16)
    assert_same(run(*case), exact(run, *case), 2**-11)  # rounded once, to 11 bits


@all_four
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_float32_is_accurate_at_every_mean(run, mean, layout):
    arrays, dy = draw(run, ((4, 3), (11, 8), (9, 10)), offset=mean, dtype=np.float32)
    wanted = exact(run, arrays, dy)
    if layout == "channels last":
        arrays[0] = channels_last(arrays[0])
    assert_same(run(arrays, dy), wanted, FLOAT32)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_arguments_keep_their_values(convert):
    arrays, _ = draw(numpy_run, SQUARE)
    given_arrays = [a.copy() for a in arrays]
    layer = ours if convert is np.asarray else twin
    layer.adaptive_instance_norm(*map(convert, given_arrays))
    np.testing.assert_array_equal(given_arrays, arrays)


def image_modules():
    """Return the two modules with random parameters, and their second arguments."""
    table = twin.ConditionalInstanceNorm2d(2, 4, eps=0.1, dtype=torch.float64)
    for parameter in table.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    style = torch.from_numpy(draw(numpy_run, SHAPES[1])[0][1])
    return {
        "adaptive": (twin.AdaptiveInstanceNorm2d(0.1), style),
        "conditional": (table, torch.from_numpy(STYLES)),
    }


both_modules = pytest.mark.parametrize("name", ["adaptive", "conditional"])


@both_modules
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_module_and_its_copies_compute_the_function(name, duplicate):
    module, style = image_modules()[name]
    x = torch.from_numpy(draw(numpy_run, SHAPES[1])[0][0])
    function = getattr(twin, f"{name}_instance_norm")
    wanted = function(x, style, *module.parameters(), 0.1)
    torch.testing.assert_close(duplicate(module)(x, style), wanted)


@both_modules
@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_derivatives_of_the_module_are_right(name, check):
    module, style = image_modules()[name]
    x = torch.from_numpy(draw(numpy_run, SHAPES[1])[0][0]).requires_grad_()
    style = style.requires_grad_() if name == "adaptive" else style
    assert check(module, (x, style), fast_mode=True)
