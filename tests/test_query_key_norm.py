"""Query-key norm in NumPy and on tensors: the same claims hold for both."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
import math
import pickle
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd
from torch.nn import functional as F

NUMPY, TWIN = "numpy_layers.query_key_norm", "torch_layers.query_key_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(q, k, g, dlogits, eps=1e-12):
    logits, cache = ours.query_key_norm(q, k, g, eps)
    return logits, list(ours.query_key_norm_backward(dlogits, cache))


def twin_run(q, k, g, dlogits, eps=1e-12):
    return autograd(lambda q, k, g: twin.query_key_norm(q, k, g, eps), [q, k, g], dlogits)


def exact_run(q, k, g, dlogits, eps=1e-12):
    """Take torch's own cosine of every pair, in float64."""

    def function(q, k, g):
        return g * F.cosine_similarity(q[..., :, None, :], k[..., None, :, :], -1, eps)

    *arrays, dy = (value.astype(np.float64) for value in (q, k, g, dlogits))
    return autograd(function, arrays, dy)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
SHAPES = [((), 3, 3, 3), ((), 5, 2, 4), ((3,), 3, 3, 3), ((2, 3), 4, 5, 2)]  # *b, n, m, d
FLOAT64 = 1e-12  # float64 keeps 16 digits; each sum has at most 120 values
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.tuples(st.lists(st.integers(1, 3), max_size=2), *[st.integers(2, 4)] * 3)
seeds = st.integers(0, 2**31)


def draw(shape, seed=0):
    """Draw queries, keys, the scale and the upstream gradient."""
    b, n, m, d = shape
    rng = np.random.default_rng(seed)
    q, k = 1 + rng.normal(size=(*b, n, d)), 2 * rng.normal(size=(*b, m, d))
    return q, k, rng.uniform(2, 9, (1,)), rng.normal(size=(*b, n, m))


@both_layers
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_and_gradients_are_torchs_cosines(run, shape):
    case = draw(shape)
    assert_same(run(*case), exact_run(*case), FLOAT64)


@both_layers
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_predict_the_slope(run, shape):
    *arrays, dlogits = draw(shape)
    gradients = run(*arrays, dlogits)[1]
    assert_predicts_slope(lambda *a: np.sum(run(*a, dlogits)[0] * dlogits), arrays, gradients)


def test_scale_can_be_a_number():
    q, k, g, dlogits = draw(SHAPES[0])
    logits, gradients = numpy_run(q, k, float(g[0]), dlogits)
    wanted = numpy_run(q, k, g, dlogits)
    assert_near(logits, wanted[0], 0)
    assert gradients[2] == wanted[1][2][0]


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_lengths_do_not_matter(run, shape, seed):
    q, k, g, dlogits = draw(shape, seed)
    rng = np.random.default_rng(seed)
    longer = [x * rng.uniform(0.1, 10, (*x.shape[:-1], 1)) for x in (q, k)]
    assert_near(run(*longer, g, dlogits)[0], run(q, k, g, dlogits)[0], FLOAT64)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_gradients_are_orthogonal_to_queries_and_keys(run, shape, seed):
    q, k, g, dlogits = draw(shape, seed)
    dq, dk, _ = run(q, k, g, dlogits)[1]
    size = g * np.abs(dlogits).sum()  # a bound of the gradient's part along a unit vector
    assert np.all(np.abs((dq * q).sum(-1)) <= FLOAT64 * size)
    assert np.all(np.abs((dk * k).sum(-1)) <= FLOAT64 * size)


@both_layers
@many
@given(shape=shapes, seed=seeds)
def test_scale_bounds_the_logits(run, shape, seed):
    q, k, g, dlogits = draw(shape, seed)
    assert np.all(np.abs(run(1e100 * q, 1e100 * k, g, dlogits)[0]) <= g * (1 + FLOAT64))


@both_layers
def test_query_that_is_a_key_has_the_scale_as_its_logit(run):
    q, _, g, dlogits = draw(SHAPES[2])
    logits = run(q, 3 * q, g, dlogits)[0]
    np.testing.assert_allclose(np.diagonal(logits, axis1=-2, axis2=-1), g[0], rtol=FLOAT64)


@both_layers
def test_zero_query_looks_everywhere_alike(run):
    q, k, g, dlogits = draw(SHAPES[1])
    q[2] = 0
    np.testing.assert_array_equal(run(q, k, g, dlogits)[0][2], 0)


@both_layers
def test_half_precision_does_not_overflow(run):
    q, k, g, dlogits = draw(((2,), 6, 5, 64))
    case = [v.astype(np.float16) for v in (5e3 * q, 5e3 * k, g, dlogits)]
    # q·k reaches 1e9, half precision ends at 65504. The result is rounded once, to 11 bits.
    assert_near(run(*case)[0], exact_run(*case)[0], 2**-11)


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_queries(run, dtype):
    logits, gradients = run(*(value.astype(dtype) for value in draw(SHAPES[2])))
    assert {logits.dtype, *(gradient.dtype for gradient in gradients)} == {np.dtype(dtype)}


@both_layers
def test_arguments_keep_their_values(run):
    case = draw(SHAPES[2])
    before = copy.deepcopy(case)
    run(*case)
    for got, wanted in zip(case, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize(
    ("q", "k", "g", "error", "words"),
    [
        (np.ones((4, 3)), np.ones((4, 2)), np.ones(1), ValueError, r"same \*b and d, got \(4, 3\) and"),
        (np.ones((2, 4, 3)), np.ones((1, 4, 3)), np.ones(1), ValueError, r"got .+; the head .+ repeat"),
        (np.ones(3), np.ones(3), np.ones(1), ValueError, r"^expected q .+ got \(3,\) and \(3,\); the"),
        (np.ones((4, 3)), np.ones((4, 3)), np.ones(3), ValueError, r"g of one value, got shape \(3,\);"),
        (np.ones((4, 3), int), np.ones((4, 3)), np.ones(1), TypeError, "floating-point.+int64; conv"),
        (np.ones((4, 3)), np.ones((4, 3), int), np.ones(1), TypeError, "floating-point.+int64; conv"),
        (np.ones((4, 3)), np.ones((4, 3)), np.ones(1, int), TypeError, "floating-point.+int64; conv"),
    ],
)  # fmt: skip
def test_wrong_call_is_told_what_to_do(layer, q, k, g, error, words):
    make = np.asarray if layer is ours else torch.from_numpy
    with pytest.raises(error, match=words):
        layer.query_key_norm(make(q), make(k), make(g))


def test_module_is_the_function_with_its_scale():
    q, k, *_ = map(torch.from_numpy, draw(SHAPES[3]))
    module = twin.QueryKeyNorm(10, dtype=torch.float64)
    torch.testing.assert_close(module(q, k), twin.query_key_norm(q, k, module.g), rtol=0, atol=0)


@pytest.mark.parametrize(("length", "g"), [(2, 1.0), (10, math.log2(90))])
def test_fresh_scale_is_the_papers(length, g):
    state = dict(twin.QueryKeyNorm(length).state_dict())
    torch.testing.assert_close(state, {"g": torch.tensor([g])})


def test_module_refuses_a_sequence_without_pairs():
    with pytest.raises(ValueError, match="expected length of at least 2, got 1; pass"):
        twin.QueryKeyNorm(1)


def test_repr_shows_the_arguments():
    assert repr(twin.QueryKeyNorm(10)) == "QueryKeyNorm(length=10, eps=1e-12)"


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copy_of_the_module_is_the_same(travel):
    q, k, *_ = map(torch.from_numpy, draw(SHAPES[3]))
    module = twin.QueryKeyNorm(10)
    torch.testing.assert_close(travel(module)(q, k), module(q, k), rtol=0, atol=0)


def test_device_of_the_constructor_is_used():
    assert twin.QueryKeyNorm(10, device="meta").g.device.type == "meta"


def test_second_derivative_is_right():
    leaves = [torch.from_numpy(value).requires_grad_() for value in draw(SHAPES[1])[:3]]
    assert torch.autograd.gradcheck(twin.query_key_norm, leaves)
    assert torch.autograd.gradgradcheck(twin.query_key_norm, leaves, fast_mode=True)


output, twin_output = (
    partial(test_logits_and_gradients_are_torchs_cosines, run, SHAPES[2])
    for run in (numpy_run, twin_run)
)
half, twin_half = (
    partial(test_half_precision_does_not_overflow, run) for run in (numpy_run, twin_run)
)
KEYS = "normalize(as_statistics_dtype(k), dim=-1, eps=eps)"
ERRORS = [
    ("divided by the root of d as well", NUMPY, "logits = g.reshape(())", "logits = g.reshape(()) / np.sqrt(q.shape[-1])", output),
    ("divided by the root of d as well", TWIN, "* cosines)", "* cosines / q.shape[-1] ** 0.5)", twin_output),
    ("scale ignored", TWIN, "(as_statistics_dtype(g).reshape(()) * cosines)", "(0 * g + cosines)", twin_output),
    ("keys along the sequence", NUMPY, KEYS, KEYS.replace("-1", "-2"), output),
    ("unit along the sequence", TWIN, "dim=-1, eps=eps", "dim=-2, eps=eps", twin_output),
    ("keys as they are", NUMPY, "(queries.y @ keys.y.swapaxes(-1, -2))\n    return logits", "(queries.y @ k.swapaxes(-1, -2))\n    return logits", output),
    ("scale left out of the gradient", NUMPY, "scaled = wide * g.reshape(())", "scaled = wide", output),
    ("gradient of the query left along it", NUMPY, "dq = normalize_backward(scaled @ keys.y, queries).dx", "dq = scaled @ keys.y / queries.size", output),
    ("queries and keys confused", NUMPY, "normalize_backward(scaled.swapaxes(-1, -2) @ queries.y", "normalize_backward(scaled @ queries.y", output),
    ("lengths detached", TWIN, "queries @ keys.transpose", "(queries.detach() + 0 * q) @ keys.transpose", twin_output),
    ("unit vectors in half precision", NUMPY, KEYS + "[1]", KEYS + "[1]; keys = keys._replace(y=keys.y.astype(k.dtype).round(2))", half),
    ("products in half precision", TWIN, "cosines = queries @ keys.transpose(-1, -2)", "cosines = (q @ k.transpose(-1, -2)) / (q.norm(dim=-1, keepdim=True) * k.norm(dim=-1)[..., None, :])", twin_half),
    ("scale starts at one", TWIN, "math.log2(self.length**2 - self.length)", "1.0", partial(test_fresh_scale_is_the_papers, 10, math.log2(90))),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
