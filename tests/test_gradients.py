"""The lab's gradients: central differences, and the backward pass in stages."""

import numpy as np
import pytest
import torch
from mutants import mutate

from course_lib import numpy_layers
from course_lib.lab.gradients import numeric_gradient, staged_backward

RNG = np.random.default_rng(0)
X, G = RNG.normal(2, 3, (7, 4)), RNG.normal(size=(7, 4))
EPS = 0.1


def stages_by_autograd():
    """Return the gradients of inv_std, var, centered, mean and x, in that order."""
    x = torch.tensor(X, requires_grad=True)
    mean = x.mean(0, keepdim=True)
    centered = x - mean
    var = centered.square().mean(0, keepdim=True)
    inv_std = (var + EPS).rsqrt()
    nodes = [inv_std, var, centered, mean, x]
    return torch.autograd.grad(centered * inv_std, nodes, torch.tensor(G))


def assert_stages_right(backward):
    for ours, wanted in zip(backward(G, X, EPS), stages_by_autograd(), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-12, atol=1e-14)


def test_each_node_has_the_gradient_of_autograd():
    assert_stages_right(staged_backward)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-0.5 * inv_std**3", "-0.5 * inv_std**2"),
        ("2 * centered / m", "centered / m"),
        ("dcentered + dmean / m", "dcentered"),
    ],
)
def test_wrong_stage_is_seen(old, new):
    with pytest.raises(AssertionError):
        assert_stages_right(mutate(staged_backward, old, new))


def test_stages_end_where_the_closed_form_does():
    x_hat, inv_std, *_ = numpy_layers.standardize(X, (0,), EPS)
    closed = numpy_layers.standardize_backward(G, x_hat, inv_std, (0,))
    np.testing.assert_allclose(staged_backward(G, X, EPS).dx, closed, rtol=1e-12, atol=1e-14)


def test_numeric_gradient_of_a_cubic_errs_by_the_squared_step():
    x, dy = np.array([[1.0, -2.0]]), np.array([[3.0, 5.0]])
    error = numeric_gradient(lambda v: v**3, x, dy, 1e-2) - dy * 3 * x**2
    np.testing.assert_allclose(error, dy * 1e-4, rtol=1e-6)


def test_numeric_gradient_takes_an_output_of_another_shape():
    matrix, dy = RNG.normal(size=(4, 3)), RNG.normal(size=(7, 3))
    got = numeric_gradient(lambda x: x @ matrix, X, dy, 1e-3)
    np.testing.assert_allclose(got, dy @ matrix.T, rtol=1e-10)


def test_numeric_gradient_leaves_its_input_and_keeps_its_precision():
    x = X.astype(np.float32)
    before = x.copy()
    assert numeric_gradient(np.tanh, x, G, 1e-2).dtype == np.float32
    np.testing.assert_array_equal(x, before)
