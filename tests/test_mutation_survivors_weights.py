"""What mutmut changed in the layers of lengths, of weights and of squashing, unnoticed elsewhere.

Mutants that compute the same, so that no test can see them:

- spectral_norm: `reshape(-2)`, `strict` of a zip of equal lengths, `compute_uv=None` for False.
- weight_norm, `reshape(None)`, which leaves the shape.
- dynamic_erf, float64 inside `_erf`: all that it is multiplied with is rounded afterwards.
- query_key_norm, `g.reshape(None)`: leaves (1,), which broadcasts over logits of two axes or more.
- local_response_norm, one block more: zeros behind the last window that is read.
- dynamic_tanh, "weight" under another name: its shape is the wanted one: no message names it.
- unit_norm, 2 for 1: divides only rows of zeros, or of no column.
- unit_norm, `p <= inf`: the sum to the power 1 / inf is 1.
"""

import numpy as np
import pytest
import torch
from outcomes import assert_near
from pullbacks import assert_same, autograd
from torch.nn import functional as F
from wrong_calls import assert_says

from course_lib import numpy_layers, torch_layers

FLOAT64 = 1e-12  # float64 keeps 16 digits; no sum here has more than 24 values
RNG = np.random.default_rng(7)
both = pytest.mark.parametrize("layers", [numpy_layers, torch_layers])


def normalize(x, dy, *args):
    y, cache = numpy_layers.normalize(x, *args)
    return y, list(numpy_layers.normalize_backward(dy, cache))


def torchs_normalize(x, dy, *args):
    return autograd(lambda x: F.normalize(x, *args), [x], dy)


@pytest.mark.parametrize("short", ["queries", "keys"])
def test_eps_bounds_the_length_of_queries_and_of_keys(short):
    q, k = 3 + RNG.uniform(size=(2, 4, 3))  # every vector is longer than eps ...
    (q if short == "queries" else k)[1] *= 0.01  # ... but for one
    g, eps, dy = np.array(2.5), 0.5, RNG.normal(size=(4, 4))

    def formula(q, k, g):
        lengths = [x.norm(dim=-1, keepdim=True).clamp(min=eps) for x in (q, k)]
        return g * (q / lengths[0]) @ (k / lengths[1]).mT

    logits, cache = numpy_layers.query_key_norm(q, k, g, eps)
    got = logits, list(numpy_layers.query_key_norm_backward(dy, cache))
    assert_same(got, autograd(formula, [q, k, g], dy), FLOAT64)


def test_length_of_exactly_eps_has_torchs_gradient():
    # A corner of the function: torch's clamp lets the gradient through at its bound.
    x, dy = np.array([[3.0, 4.0]]), RNG.normal(size=(1, 2))
    assert_same(normalize(x, dy, 2.0, 1, 5.0), torchs_normalize(x, dy, 2.0, 1, 5.0), FLOAT64)


def test_length_of_exactly_eps_has_the_gradient_of_the_authors_scale_norm():
    x, g, dy = np.array([[3.0, 4.0]]), np.array(2.5), RNG.normal(size=(1, 2))
    wanted = autograd(lambda x, g: x * (g / x.norm(dim=-1).clamp(min=5.0)), [x, g], dy)
    y, cache = numpy_layers.scale_norm(x, g, 5.0)
    assert_same((y, list(numpy_layers.scale_norm_backward(dy, cache))), wanted, FLOAT64)


def test_gradient_at_zero_is_torchs_however_high_the_power():
    x, dy = np.array([[1.0, 0.0, -0.5]]), RNG.normal(size=(1, 3))
    p = 2000.0  # 2 to this power is infinite
    assert_same(normalize(x, dy, p), torchs_normalize(x, dy, p), FLOAT64)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0])
def test_vector_of_zeros_without_eps_is_no_number_and_harms_itself_alone(p):
    x, dy = np.array([[3.0, 4.0], [0.0, 0.0]]), RNG.normal(size=(2, 2))
    with np.errstate(invalid="ignore"):
        y, (dx,) = normalize(x, dy, p, 1, 0.0)
    assert_same((y[:1], [dx[:1]]), torchs_normalize(x[:1], dy[:1], p, 1, 0.0), FLOAT64)
    assert not np.isfinite([y[1], dx[1]]).any()


@both
def test_first_axis_can_be_counted_from_the_end(layers):
    x = RNG.normal(size=(2, 3, 4))
    x = x if layers is numpy_layers else torch.from_numpy(x)
    got, wanted = (layers.normalize(x, dim=dim) for dim in (-3, 0))
    got, wanted = (got[0], wanted[0]) if layers is numpy_layers else (got, wanted)
    assert_near(got, wanted, 0)


X = RNG.normal(size=(2, 3, 4))
WIDE = {  # what a layer keeps for the backward pass
    "length": lambda x: numpy_layers.normalize(x)[1][:2],
    "number of values": lambda x: numpy_layers.normalize(x, 0.0)[1][:2],
    "window": lambda x: numpy_layers.local_response_norm(x, 3)[1][:2],
    "tanh": lambda x: numpy_layers.dynamic_tanh(x, 0.5)[1][:2],
    "erf": lambda x: numpy_layers.dynamic_erf(x, 0.5, 0.1)[1][:2],
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kept", WIDE)
def test_layer_computes_in_the_precision_of_its_statistics(kept, dtype):
    # Neither in half precision nor, at twice the memory, in float64.
    wanted = np.promote_types(dtype, np.float32)
    assert {array.dtype for array in WIDE[kept](X.astype(dtype))} == {wanted}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_everything_of_a_scaled_weight_has_the_dtype_of_the_weight(dtype):
    w, dy, gain = X.astype(dtype), RNG.normal(size=X.shape).astype(dtype), np.ones(2, dtype)
    y, cache = numpy_layers.scaled_weight_standardization(w, gain)
    gradients = numpy_layers.scaled_weight_standardization_backward(dy, cache)
    assert {value.dtype for value in (y, *gradients)} == {np.dtype(dtype)}


def test_one_filter_has_the_formulas_scaled_weight_and_gradient():
    w, dy = RNG.normal(size=(2, 1, 5))

    def formula(w):
        return F.layer_norm(w, (5,), eps=1e-6) / 5**0.5

    y, cache = numpy_layers.scaled_weight_standardization(w)
    dw = numpy_layers.scaled_weight_standardization_backward(dy, cache).dw
    assert_same((y, [dw]), autograd(formula, [w], dy), FLOAT64)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize(("layer", "factors"), [("dynamic_tanh", 1), ("dynamic_erf", 2)])
def test_axes_of_the_one_alpha_do_not_reach_output_or_gradient(layer, factors, shape):
    x, dy = RNG.normal(size=(2, *shape))
    alpha = np.full((1, 1, 1), 0.5)
    y, cache = getattr(numpy_layers, layer)(x, *[alpha] * factors)
    dx, dalpha, *_ = getattr(numpy_layers, f"{layer}_backward")(dy, cache)
    assert (y.shape, dx.shape, dalpha.shape) == (shape, shape, (1, 1, 1))


def test_spectral_norm_iterates_once_unless_told_and_bounds_its_vectors_by_eps():
    w, start = 1e-3 * RNG.normal(size=(3, 4)), RNG.normal(size=7)
    (u, v), eps = (start[:3].copy(), start[3:].copy()), 0.5  # all vectors are shorter than eps
    numpy_layers.spectral_norm(w, u, v, eps=eps)
    np.testing.assert_allclose(u, w @ start[3:] / eps, rtol=1e-12)
    np.testing.assert_allclose(v, w.T @ u / eps, rtol=1e-12)


MESSAGES = {
    "scale norm, one scale a feature": (
        lambda: numpy_layers.scale_norm(X, np.ones(4)),
        "expected g to be one number, got shape (4,); "
        "a scale for each feature is rms_norm's weight",
    ),
    "local response norm without positions": (
        lambda: numpy_layers.local_response_norm(X[0], 3),
        "expected x of shape (n, c, ...) with at least 3 axes, got (3, 4); "
        "add an axis of positions with x[..., None]",
    ),
    "dynamic tanh, bias alone": (
        lambda: numpy_layers.dynamic_tanh(X, 0.5, bias=np.ones(1)),
        "expected x to end in normalized_shape (1,), got x of shape (2, 3, 4); "
        "dynamic_tanh reduces the trailing axes, so move the features to the end",
    ),
    "partial RMS norm, a little too much": (
        lambda: numpy_layers.partial_rms_norm(X, (4,), 1.5),
        "expected 0 < p <= 1 and at least one feature, got p = 1.5 of normalized_shape "
        "(4,); p = 1 measures all features",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_message_reads_as_written(case):
    assert_says(*MESSAGES[case])
