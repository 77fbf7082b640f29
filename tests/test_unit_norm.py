"""Rows of length 1, in NumPy and on tensors: scikit-learn's values, and the right slope."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from sklearn import preprocessing

from course_lib.numpy_layers.unit_norm import unit_norm as numpy_unit_norm
from course_lib.torch_layers.unit_norm import unit_norm as torch_unit_norm


def twin_unit_norm(x, p=2.0):
    return torch_unit_norm(torch.from_numpy(x), p).numpy()


both = pytest.mark.parametrize("layer", [numpy_unit_norm, twin_unit_norm])
ORDERS = [1.0, 1.5, 2.0, 3.0, math.inf]
all_orders = pytest.mark.parametrize("p", ORDERS)


def rows(shape=(5, 4), seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@both
@pytest.mark.parametrize(("p", "norm"), [(1.0, "l1"), (2.0, "l2"), (math.inf, "max")])
def test_values_are_sklearns(layer, p, norm):
    x = rows()
    x[2] = 0
    assert_near(layer(x, p), preprocessing.normalize(x, norm), 1e-14)


@both
@all_orders
@settings(deadline=None, derandomize=True, max_examples=15)
@given(shape=st.tuples(st.integers(0, 4), st.integers(1, 5)), seed=st.integers(0, 1000))
def test_every_row_has_length_one(layer, p, shape, seed):
    y = layer(rows(shape, seed), p)
    np.testing.assert_allclose(np.linalg.norm(y, p, axis=1), 1, rtol=1e-12)


@both
@all_orders
@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1e300])  # the squares of the outer two are lost
def test_scale_of_a_row_does_not_matter(layer, p, scale):
    assert_near(layer(scale * rows(), p), layer(rows(), p), 1e-13)


@both
@all_orders
def test_row_of_zeros_and_table_without_columns_stay(layer, p):
    np.testing.assert_array_equal(layer(np.zeros((2, 3)), p), np.zeros((2, 3)))
    assert layer(np.zeros((2, 0)), p).shape == (2, 0)


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtype_is_the_inputs_and_only_the_result_is_rounded(layer, dtype):
    x = (1e4 * rows()).astype(dtype)  # its squares overflow half precision
    got = layer(x)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, layer(x.astype(np.float64)).astype(dtype))


@both
def test_data_keep_their_values(layer):
    x = rows()
    layer(x)
    np.testing.assert_array_equal(x, rows())


@all_orders
def test_gradient_and_second_derivative_of_the_twin_are_right(p):
    x = torch.from_numpy(rows()).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: torch_unit_norm(x, p), x, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: torch_unit_norm(x, p), x, fast_mode=True)


@all_orders
def test_gradient_of_the_twin_is_orthogonal_to_the_row(p):
    x = torch.from_numpy(rows()).requires_grad_()
    torch_unit_norm(x, p).backward(torch.from_numpy(rows(seed=1)))
    np.testing.assert_allclose((x.grad * x.detach()).sum(1).numpy(), 0, atol=1e-13)


@both
@pytest.mark.parametrize("p", [0.5, -1.0, math.nan])
def test_order_without_a_norm_is_refused(layer, p):
    with pytest.raises(ValueError, match=r"expected p of at least 1, got .+; use"):
        layer(rows(), p)


@both
def test_wrong_shape_and_integers_are_refused(layer):
    with pytest.raises(ValueError, match=r"expected x of shape \(n, d\), got \(4,\); one row"):
        layer(rows()[0])
    with pytest.raises(TypeError, match="floating-point"):
        layer(np.ones((2, 3), int))
