"""LayerScale in NumPy and on tensors: one factor a channel."""

# ruff: noqa: E501 (one error a line: a table)

import copy
from importlib import import_module

import numpy as np
import pytest
import torch
import twins
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted

# By name: the packages export a function that is called as its module.
numpy_layer = import_module("course_lib.numpy_layers.layer_scale")
torch_layer = import_module("course_lib.torch_layers.layer_scale")
CASES = [((5, 4), -1), ((4, 4, 4), -1), ((4, 4, 4), 1), ((2, 3, 4, 5), 1), ((3,), 0), ((2, 3), -2)]
all_cases = pytest.mark.parametrize(("shape", "dim"), CASES)


def case(shape, dim, seed=0):
    layer = twins.Layer(
        numpy_layer.layer_scale, numpy_layer.layer_scale_backward, torch_layer.layer_scale
    )
    *arrays, dy = twins.draw(shape, (shape[dim],), shape, seed=seed)
    return layer, arrays, dy


@all_cases
def test_gradients_are_autograds(shape, dim):
    twins.assert_twins_agree(*case(shape, dim), 1e-14, dim=dim)


@all_cases
def test_gradients_predict_the_slope(shape, dim):
    twins.assert_slope(*case(shape, dim), dim=dim)


@all_cases
def test_each_channel_has_its_own_factor(shape, dim):
    layer, (x, weight), _ = case(shape, dim)
    y, _ = layer.forward(x, weight, dim)
    for channel in range(shape[dim]):
        part = np.take(x, channel, dim)
        np.testing.assert_array_equal(np.take(y, channel, dim), part * weight[channel])


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    shape=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    data=st.data(),
)
def test_twins_agree_on_every_shape_and_dtype(shape, dtype, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    layer, arrays, dy = case(shape, dim)
    arrays = [array.astype(dtype) for array in arrays]
    # Sums of up to 27 products are rounded once to the dtype; float32 sums add a few roundings.
    twins.assert_twins_agree(layer, arrays, dy.astype(dtype), 8 * np.finfo(dtype).eps, dim=dim)


def test_derivatives_of_the_twin_are_right():
    layer, arrays, _ = case((2, 3, 4), 1)
    twins.assert_twin_is_smooth(layer, arrays, dim=1)


def test_arguments_keep_their_values():
    twins.assert_arguments_stay(*case((2, 3, 4), 1), dim=1)


def test_module_starts_at_its_constant_and_uses_its_axis():
    module = torch_layer.LayerScale(3, start=0.1, dim=1)
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(module(x), 0.1 * x)
    assert repr(module) == "LayerScale(3, start=0.1, dim=1)"
    torch.nn.init.normal_(module.weight)
    torch.testing.assert_close(copy.deepcopy(module)(x), x * module.weight[:, None])
    module.reset_parameters()
    torch.testing.assert_close(module(x), 0.1 * x)


def test_module_has_one_parameter_on_its_device():
    state = torch_layer.LayerScale(3, device="meta", dtype=torch.float16).state_dict()
    assert [
        (name, value.shape, value.device.type, value.dtype) for name, value in state.items()
    ] == [("weight", (3,), "meta", torch.float16)]


@pytest.mark.parametrize(("depth", "start"), [(1, 0.1), (18, 0.1), (24, 1e-5), (36, 1e-6)])
def test_start_is_the_papers(depth, start):
    assert numpy_layer.layer_scale_start(depth) == start


@pytest.mark.parametrize("package", [numpy_layer, torch_layer])
@pytest.mark.parametrize(
    ("shape", "dim"), [((4,), -1), ((1,), -1), ((), -1), ((2, 3), -1), ((3,), 2)]
)
def test_wrong_weight_is_told_what_to_do(package, shape, dim):
    make = np.ones if package is numpy_layer else torch.ones
    with pytest.raises(
        ValueError, match=r"^expected weight .+ x \(2, 3\) .+, got .+; name the axis"
    ):
        package.layer_scale(make((2, 3)), make(shape), dim)


@pytest.mark.parametrize("package", [numpy_layer, torch_layer])
def test_integers_are_refused(package):
    x = np.ones((2, 3)) if package is numpy_layer else torch.ones(2, 3)
    with pytest.raises(TypeError, match="floating-point"):
        package.layer_scale(x > 0, x[0])


def values():
    test_each_channel_has_its_own_factor((4, 4, 4), 1)


def gradients():
    test_gradients_predict_the_slope((4, 4, 4), 1)


NUMPY, TWIN = "numpy_layers.layer_scale", "torch_layers.layer_scale"
ERRORS = [
    ("wrong axis that fits squares", NUMPY, "(x.ndim - 1 - dim % x.ndim)", "0", values),
    ("added", NUMPY, "(wide * weight).astype", "(wide + wide * weight).astype", values),
    ("weight left out of the gradient", NUMPY, "(wide_dy * weight)", "wide_dy", gradients),
    ("weight gradient without x", NUMPY, "(wide_dy * as_statistics_dtype(x)).sum", "wide_dy.sum", gradients),
    ("weight gradient over the wrong axes", NUMPY, "axis != dim % x.ndim", "axis != 0", gradients),
    ("start at random", TWIN, "nn.init.constant_(self.weight, self.start)", "nn.init.normal_(self.weight)", test_module_starts_at_its_constant_and_uses_its_axis),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
