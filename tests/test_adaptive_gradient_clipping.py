"""Adaptive gradient clipping: unit by unit, in NumPy and on tensors."""

# ruff: noqa: E501 (one error a line: a table)

from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted

# By name: the packages export a function that is called as its module.
numpy_layer = import_module("course_lib.numpy_layers.adaptive_gradient_clipping")
torch_layer = import_module("course_lib.torch_layers.adaptive_gradient_clipping")


def numpy_clip(gradient, weight, *args):
    return numpy_layer.adaptive_gradient_clipping(gradient, weight, *args)


def twin_clip(gradient, weight, *args):
    tensors = (torch.from_numpy(np.array(array)) for array in (gradient, weight))
    return torch_layer.adaptive_gradient_clipping(*tensors, *args).numpy()


both = pytest.mark.parametrize("clip", [numpy_clip, twin_clip])
SHAPES = [(), (5,), (4, 4), (6, 3), (4, 3, 2, 2), (1, 5), (5, 1)]
all_shapes = pytest.mark.parametrize("shape", SHAPES)


def draw(shape, seed=0):
    """Draw weights and gradients; rows of unlike lengths, some shorter and some longer by far."""
    rng = np.random.default_rng(seed)
    own = 10 ** rng.uniform(-3, 3, (*shape[:1], *(1,) * (len(shape) - 1)))
    return own * rng.normal(size=shape), rng.normal(size=shape)


def written_out(gradient, weight, clipping, eps):
    """Clip one unit after the other, as the paper's equation says."""
    if gradient.ndim > 1:
        pairs = zip(gradient, weight, strict=True)
        return np.stack(
            [written_out(g.ravel(), w.ravel(), clipping, eps) for g, w in pairs]
        ).reshape(gradient.shape)
    length, longest = np.linalg.norm(gradient), clipping * max(np.linalg.norm(weight), eps)
    return gradient * (longest / length) if length > longest else gradient


@both
@all_shapes
@pytest.mark.parametrize(("clipping", "eps"), [(0.01, 1e-3), (0.5, 1e-3), (0.5, 3.0)])
def test_each_unit_is_clipped_by_its_own_length(clip, shape, clipping, eps):
    gradient, weight = draw(shape)
    got = clip(gradient, weight, clipping, eps)
    np.testing.assert_allclose(got, written_out(gradient, weight, clipping, eps), rtol=1e-13)


@both
@settings(deadline=None, derandomize=True, max_examples=20)
@given(shape=st.lists(st.integers(0, 4), max_size=4).map(tuple), seed=st.integers(0, 1000))
def test_no_unit_is_longer_and_short_ones_stay(clip, shape, seed):
    gradient, weight = draw(shape, seed)
    got = clip(gradient, weight, 0.5)
    wanted = written_out(gradient, weight, 0.5, 1e-3) if gradient.size else gradient
    np.testing.assert_allclose(got, wanted, rtol=1e-13)
    short = clip(1e-9 * gradient, weight + 1, 0.5)
    np.testing.assert_array_equal(short, 1e-9 * gradient) if gradient.size else None


@both
def test_second_clipping_changes_nothing(clip):
    gradient, weight = draw((6, 3))
    once = clip(gradient, weight, 0.1)
    np.testing.assert_allclose(clip(once, weight, 0.1), once, rtol=1e-14)


@both
def test_weights_of_zero_can_move_and_no_gradient_stays_none(clip):
    gradient, _ = draw((6, 3))
    gradient[2] = 0
    got = clip(gradient, np.zeros((6, 3)))
    np.testing.assert_array_equal(got[2], 0)
    lengths = np.linalg.norm(np.delete(got, 2, 0), axis=1)
    assert np.all((lengths > 0) & (lengths <= 1e-5 * (1 + 1e-12)))


@both
def test_scaling_weight_and_gradient_scales_the_result(clip):
    gradient, weight = draw((6, 3))
    got = clip(8 * gradient, 8 * weight, 0.1)
    np.testing.assert_allclose(got, 8 * clip(gradient, weight, 0.1), rtol=1e-14)


@both
def test_half_precision_measures_in_float32(clip):
    gradient, weight = (array.astype(np.float16) for array in draw((4, 3)))
    gradient[:] = 300 * np.sign(gradient)  # the square, 90,000, is beyond half precision
    got = clip(gradient, weight)
    wanted = clip(gradient.astype(np.float64), weight.astype(np.float64))
    assert got.dtype == np.float16
    # Rounded once; below 6e-5 half precision has steps of 6e-8.
    np.testing.assert_allclose(got, wanted, rtol=2**-10, atol=6e-8)


@both
def test_arguments_keep_their_values(clip):
    gradient, weight = draw((6, 3))
    clip(gradient, weight)
    for got, wanted in zip((gradient, weight), draw((6, 3)), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_gradients_are_clipped_in_place():
    parameters = [
        torch.nn.Parameter(torch.from_numpy(draw(shape)[1])) for shape in ((6, 3), (5,), (2,))
    ]
    handles = []
    for parameter in parameters[:2]:
        parameter.grad = torch.from_numpy(draw(parameter.shape)[0])
        handles.append(parameter.grad)
    torch_layer.adaptive_gradient_clipping_(parameters, 0.1)
    for parameter, handle in zip(parameters, handles, strict=False):
        gradient, weight = draw(parameter.shape)
        assert parameter.grad is handle
        np.testing.assert_allclose(handle.numpy(), numpy_clip(gradient, weight, 0.1), rtol=1e-13)
        np.testing.assert_array_equal(parameter.detach().numpy(), weight)
    assert parameters[2].grad is None


@both
@pytest.mark.parametrize(
    ("clipping", "eps"), [(0.0, 1e-3), (-1.0, 1e-3), (0.1, 0.0), (np.nan, 1.0)]
)
def test_limit_that_is_none_is_refused(clip, clipping, eps):
    with pytest.raises(ValueError, match=r"expected clipping and eps above 0, got .+; try"):
        clip(*draw((6, 3)), clipping, eps)


@both
def test_wrong_shape_and_integers_are_refused(clip):
    gradient, weight = draw((6, 3))
    with pytest.raises(ValueError, match=r"shape of weight \(6, 3\), got \(3,\); give"):
        clip(gradient[0], weight)
    with pytest.raises(TypeError, match="floating-point"):
        clip(gradient > 0, weight)


def clipped(clip, shape=(4, 4)):
    return lambda: test_each_unit_is_clipped_by_its_own_length(clip, shape, 0.5, 3.0)


NUMPY, TWIN = (
    f"{package}.adaptive_gradient_clipping" for package in ("numpy_layers", "torch_layers")
)
ERRORS = [
    ("whole matrix in place of rows", NUMPY, "range(1 if values.ndim > 1 else 0, values.ndim)", "range(values.ndim)", clipped(numpy_clip)),
    ("whole matrix in place of rows", TWIN, "tuple(range(1, values.ndim)) or None", "None", clipped(twin_clip)),
    ("eps added", NUMPY, "np.maximum(_unit_length(weight), eps)", "(_unit_length(weight) + eps)", clipped(numpy_clip)),
    ("eps added", TWIN, "_unit_length(weight).clamp(min=eps)", "(_unit_length(weight) + eps)", clipped(twin_clip)),
    ("squares not rooted", NUMPY, "np.sqrt(", "(", clipped(numpy_clip)),
    ("short gradients made longer", NUMPY, "too_long = length > longest", "too_long = length > 0", clipped(numpy_clip)),
    ("short gradients made longer", TWIN, "too_long = length > longest", "too_long = length > 0", clipped(twin_clip)),
    ("a new gradient in place of the old", TWIN, "parameter.grad.copy_(clipped)", "parameter.grad = clipped", test_gradients_are_clipped_in_place),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
