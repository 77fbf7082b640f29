"""ReZero in NumPy and on tensors: the identity at first."""

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
numpy_layer = import_module("course_lib.numpy_layers.re_zero")
torch_layer = import_module("course_lib.torch_layers.re_zero")
shapes = pytest.mark.parametrize("shape", [(), (5,), (4, 4), (2, 3, 4)])


def case(shape, seed=0):
    layer = twins.Layer(numpy_layer.re_zero, numpy_layer.re_zero_backward, torch_layer.re_zero)
    *arrays, dy = (np.asarray(array) for array in twins.draw(shape, shape, (), shape, seed=seed))
    return layer, arrays, dy


@shapes
def test_gradients_are_autograds(shape):
    twins.assert_twins_agree(*case(shape), 1e-14)


@shapes
def test_gradients_predict_the_slope(shape):
    twins.assert_slope(*case(shape))


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    shape=st.lists(st.integers(0, 3), max_size=3),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    seed=st.integers(0, 1000),
)
def test_twins_agree_on_every_shape_and_dtype(shape, dtype, seed):
    layer, arrays, dy = case(shape, seed)
    arrays = [array.astype(dtype) for array in arrays]
    # The products of one sum may cancel: measured by their own size, not by the sum's.
    got, wanted = (
        run(layer, arrays, dy.astype(dtype)) for run in (twins.run_numpy, twins.run_twin)
    )
    size = 1 + max((np.abs(a).max(initial=0) for a in [*arrays, dy]), default=0) ** 2 * max(
        1, dy.size
    )
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.dtype == theirs.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=4 * np.finfo(dtype).eps * size)


def test_derivatives_of_the_twin_are_right():
    layer, arrays, _ = case((2, 3))
    twins.assert_twin_is_smooth(layer, arrays)


def test_arguments_keep_their_values():
    twins.assert_arguments_stay(*case((2, 3)))


def test_fresh_block_is_the_identity_and_only_its_factor_learns():
    sublayer = torch.nn.Linear(4, 4)
    block, x = torch_layer.ReZero(sublayer), torch.randn(3, 4, requires_grad=True)
    y, dy = block(x), torch.randn(3, 4)
    torch.testing.assert_close(y, x, rtol=0, atol=0)
    y.backward(dy)
    torch.testing.assert_close(x.grad, dy, rtol=0, atol=0)
    torch.testing.assert_close(block.weight.grad, (dy * sublayer(x)).sum())
    assert sublayer.weight.grad.abs().max() == 0


def test_block_adds_its_sublayer_with_further_arguments():
    class Power(torch.nn.Module):
        def forward(self, x, p, *, scale):
            return scale * x**p

    block, x = torch_layer.ReZero(Power()), torch.randn(3, 4)
    torch.nn.init.constant_(block.weight, 0.5)
    torch.testing.assert_close(copy.deepcopy(block)(x, 2, scale=3), x + 1.5 * x**2)
    block.reset_parameters()
    torch.testing.assert_close(block(x, 2, scale=3), x)


def test_block_has_one_factor_on_its_device():
    state = torch_layer.ReZero(torch.nn.ReLU(), device="meta", dtype=torch.float16).state_dict()
    assert [
        (name, value.shape, value.device.type, value.dtype) for name, value in state.items()
    ] == [("weight", (), "meta", torch.float16)]


@pytest.mark.parametrize("package", [numpy_layer, torch_layer])
def test_wrong_call_is_told_what_to_do(package):
    make = np.ones if package is numpy_layer else torch.ones
    with pytest.raises(ValueError, match=r"^expected g of the shape of x \(2, 3\), got \(3,\); a"):
        package.re_zero(make((2, 3)), make(3), make(()))
    with pytest.raises(ValueError, match=r"^expected weight of shape \(\), got \(3,\); ReZero"):
        package.re_zero(make((2, 3)), make((2, 3)), make(3))
    with pytest.raises(TypeError, match="floating-point"):
        package.re_zero(make((2, 3)) > 0, make((2, 3)), make(()))


def slope():
    test_gradients_predict_the_slope((4, 4))


NUMPY, TWIN = "numpy_layers.re_zero", "torch_layers.re_zero"
fresh = test_fresh_block_is_the_identity_and_only_its_factor_learns
ERRORS = [
    ("factor left out of the gradient", NUMPY, "(weight * wide_dy)", "wide_dy", slope),
    ("factor on the skip", NUMPY, "dy.astype(dtype)", "(weight * dy).astype(dtype)", slope),
    ("factor's gradient averaged", NUMPY, "(g)).sum()", "(g)).mean()", slope),
    ("gain at random", TWIN, "torch.zeros(()", "torch.rand(()", fresh),
    ("skip forgotten", TWIN, "as_statistics_dtype(x) + weight", "weight", fresh),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
