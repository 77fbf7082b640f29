"""Local response norm in NumPy and on tensors: torch's numbers, windows that hide nothing."""

# ruff: noqa: E501 (one error a line: a table)

import importlib
import inspect
import re
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted
from outcomes import Outcome, assert_near, assert_slope, draw
from torch import nn
from torch.nn import functional as F

NUMPY = importlib.import_module("course_lib.numpy_layers.local_response_norm")
TWIN = importlib.import_module("course_lib.torch_layers.local_response_norm")
SHAPES = [(2, 5, 5), (3, 4, 4, 4), (2, 7, 3, 2, 2)]
STRONG = {"alpha": 2.0, "beta": 0.6, "k": 0.5}  # the defaults change x by a ten-thousandth only
# float64 keeps 16 digits; sums of a dozen positive values lose none to speak of.
FLOAT64, FLOAT32 = 1e-12, 1e-6


def numpy_layer(case, size, **options):
    y, cache = NUMPY.local_response_norm(case.x, size, **options)
    return Outcome(y, *NUMPY.local_response_norm_backward(case.dy, cache), None, None)


def twin_layer(case, size, function=None, **options):
    x = torch.from_numpy(case.x)
    leaf = x.requires_grad_() if x.is_floating_point() else x
    y = (function or TWIN.local_response_norm)(leaf, size, **options)
    y.backward(torch.from_numpy(case.dy))
    return Outcome(y.detach().numpy(), leaf.grad.numpy(), None, None)


torch_layer = partial(twin_layer, function=F.local_response_norm)
both_layers = pytest.mark.parametrize("layer", [numpy_layer, twin_layer])
all_shapes = pytest.mark.parametrize("shape", SHAPES)
all_sizes = pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 20])
many = settings(deadline=None, derandomize=True, max_examples=25)
shapes = st.lists(st.integers(1, 9), min_size=3, max_size=5).map(tuple)
seeds = st.integers(0, 2**31)


def case_of(shape, seed=0, **options):
    return draw(shape, (1,), seed=seed, **options).plain()


@both_layers
@all_shapes
@all_sizes
@pytest.mark.parametrize("options", [{}, STRONG], ids=["defaults", "strong"])
def test_output_and_gradient_are_torchs(layer, shape, size, options):
    case = case_of(shape)
    got, wanted = layer(case.copy(), size, **options), torch_layer(case, size, **options)
    assert_near(got.y, wanted.y, FLOAT64)
    assert_near(got.dx, wanted.dx, FLOAT64)


@both_layers
@all_shapes
@all_sizes
def test_gradient_predicts_the_slope(layer, shape, size):
    case = case_of(shape)
    gradients = layer(case.copy(), size, **STRONG)
    assert_slope(lambda c: np.sum(layer(c, size, **STRONG).y * case.dy), case, gradients)


@both_layers
@many
@given(shape=shapes, size=st.integers(1, 12), seed=seeds)
def test_positions_do_not_see_each_other(layer, shape, size, seed):
    case = case_of(shape, seed)
    alone = case.copy()
    alone.x, alone.dy = case.x[..., :1].copy(), case.dy[..., :1].copy()
    got, wanted = layer(alone, size, **STRONG), layer(case, size, **STRONG)
    assert_near(got.dx, wanted.dx[..., :1], FLOAT64)


@both_layers
@many
@given(shape=shapes, size=st.integers(1, 12), seed=seeds)
def test_sign_passes_through(layer, shape, size, seed):
    case = case_of(shape, seed)
    negative = case.copy()
    negative.x = -case.x
    assert_near(layer(negative, size, **STRONG).y, -layer(case, size, **STRONG).y, FLOAT64)


@both_layers
@all_sizes
def test_without_k_scale_matters_by_its_own_power_alone(layer, size):
    # S grows by c², so y by c / c^2β: β = 1/2 erases the scale, and the gradient along x with it.
    case, options = case_of(SHAPES[0]), STRONG | {"k": 0.0, "beta": 0.5}
    scaled = case.copy()
    scaled.x = 3 * case.x
    got, wanted = layer(scaled, size, **options), layer(case, size, **options)
    assert_near(got.y, wanted.y, FLOAT64)
    along_x = np.abs((wanted.dx * case.x).sum(1))
    assert np.all(along_x <= FLOAT64 * np.abs(case.dy * wanted.y).sum(1))


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4])  # no mean is removed
@pytest.mark.parametrize("channels_last", [False, True])
def test_float32_is_accurate_at_every_mean(layer, mean, channels_last):
    case = case_of((4, 32, 3, 5), offset=mean, spread=(1.0, 1.0)).to(np.float32)
    wanted = torch_layer(case.to(np.float64), 5, **STRONG)
    if channels_last:
        case.x = np.ascontiguousarray(case.x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    got = layer(case, 5, **STRONG)
    assert_near(got.y, wanted.y, FLOAT32)
    assert_near(got.dx, wanted.dx, FLOAT32)


@both_layers
def test_large_channel_hides_no_small_one(layer):
    case = case_of((2, 12, 3))
    case.x[:, 2] = 1e12  # its square, 1e24, has no digit below 1e8
    got, wanted = layer(case.copy(), 3, **STRONG).y, torch_layer(case.copy(), 3, **STRONG).y
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


@both_layers
def test_infinite_channel_reaches_its_window_alone(layer):
    case = case_of((2, 12, 3))
    case.x[:, 4] = np.inf
    with np.errstate(all="ignore"):
        y = layer(case.copy(), 3, **STRONG).y
    np.testing.assert_array_equal(np.isfinite(y).all((0, 2)), np.arange(12) != 4)


@both_layers
def test_half_precision_rounds_only_the_result(layer):
    case = case_of((3, 12, 4), offset=100.0).to(np.float16)
    got, wanted = layer(case.copy(), 5), torch_layer(case.to(np.float64), 5)
    # The result is rounded once, to 11 bits: an error of at most 2^-11 of its own size.
    assert_near(got.y, wanted.y, 2**-11)
    assert_near(got.dx, wanted.dx, 2**-11)


@both_layers
def test_half_precision_squares_do_not_overflow(layer):
    case = case_of((3, 12, 4), offset=1e4).to(np.float16)  # torch's square is infinite, its y 0
    assert_near(layer(case.copy(), 5).y, torch_layer(case.to(np.float64), 5).y, 2**-11)


@both_layers
@many
@given(
    shape=shapes,
    size=st.integers(1, 12),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_everything_has_the_dtype_of_the_input(layer, shape, size, dtype):
    got = layer(case_of(shape).to(dtype), size)
    assert got.y.dtype == got.dx.dtype == dtype


@both_layers
def test_arguments_keep_their_values(layer):
    case, before = case_of(SHAPES[1]), case_of(SHAPES[1])
    layer(case, 3)
    np.testing.assert_array_equal([case.x, case.dy], [before.x, before.dy])


@both_layers
@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 3, 0), (2, 0, 3)])
def test_empty_input_gives_an_empty_output(layer, shape):
    assert layer(case_of(shape), 3).dx.shape == shape


WRONG_CALLS = {
    "no positions": (np.zeros((2, 3)), 3, ValueError, ["3 axes", "(2, 3)", "x[..., None]"]),
    "empty window": (np.zeros((2, 3, 4)), 0, ValueError, ["at least 1", "got 0", "itself"]),
    "integers": (np.zeros((2, 3, 4), int), 3, TypeError, ["floating-point", "int64", "convert it"]),
    "complex": (np.zeros((2, 3, 4), complex), 3, TypeError, ["floating-point", "complex128"]),
}  # fmt: skip
calls = [NUMPY.local_response_norm, lambda x, n: TWIN.local_response_norm(torch.from_numpy(x), n)]


@pytest.mark.parametrize("layer", calls, ids=["numpy", "twin"])
@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(layer, call):
    x, size, error, words = WRONG_CALLS[call]
    with pytest.raises(error, match=".*".join(map(re.escape, words))):
        layer(x, size)


@pytest.mark.parametrize("order", ["gradcheck", "gradgradcheck"])
def test_twin_is_differentiable_twice(order):
    x = torch.from_numpy(case_of((2, 5, 2)).x).requires_grad_()
    layer = TWIN.LocalResponseNorm(3, **STRONG)
    assert getattr(torch.autograd, order)(layer, x, fast_mode=True)


def test_module_is_torchs():
    ours, torchs = TWIN.LocalResponseNorm(4, 0.1, 0.5, 2.0), nn.LocalResponseNorm(4, 0.1, 0.5, 2.0)
    x = torch.from_numpy(case_of(SHAPES[1]).x)
    torch.testing.assert_close(ours(x), torchs(x))
    assert repr(ours) == repr(torchs)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    assert not isinstance(ours, nn.LocalResponseNorm)


@pytest.mark.parametrize("function", [NUMPY.local_response_norm, TWIN.local_response_norm])
def test_arguments_are_torchs(function):
    ours, torchs = (
        list(inspect.signature(f).parameters.values()) for f in (function, F.local_response_norm)
    )
    assert [(a.name, a.default) for a in ours][1:] == [(a.name, a.default) for a in torchs][1:]


N, T = "numpy_layers.local_response_norm", "torch_layers.local_response_norm"
right, twin_right = (
    partial(test_output_and_gradient_are_torchs, f, SHAPES[1], 4, STRONG)
    for f in (numpy_layer, twin_layer)
)
hidden, half = (
    partial(test_large_channel_hides_no_small_one, numpy_layer),
    partial(test_half_precision_squares_do_not_overflow, numpy_layer),
)
# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("alpha not divided by size", N, "k + alpha / size *", "k + alpha *", right),
    ("alpha not divided by size", T, ".mean(-1)", ".sum(-1)", twin_right),
    ("longer side after the channel", N, "before=size // 2", "before=(size - 1) // 2", right),
    ("longer side after the channel", T, "(size // 2, (size - 1) // 2)", "((size - 1) // 2, size // 2)", twin_right),
    ("window not mirrored in the gradient", N, "before=(size - 1) // 2", "before=size // 2", right),
    ("gradient without the neighbours", N, "x * received", "0 * received", right),
    ("gradient's factor 2", N, "- 2 * alpha", "- alpha", right),
    ("sign of the neighbours' gradient", N, "- 2 * alpha", "+ 2 * alpha", right),
    ("beta left out of the gradient", N, "alpha * beta / size", "alpha / size", right),
    ("root in place of the power", N, "scale**beta", "scale**0.5", right),
    ("k ignored", T, "/ (k + alpha", "/ (1 + alpha", twin_right),
    ("one cumulative sum, subtracted", N, "return ends[:, :c] + starts.reshape(padded.shape)[:, size : size + c]", "total = padded.cumsum(1); return total[:, size - 1 : size - 1 + c] - total[:, :c] + padded[:, :c]", hidden),
    ("squares in half precision", N, "wide = as_statistics_dtype(x)", "wide = x", half),
    ("argument changed in place", N, "np.square(wide)", "np.square(wide, out=wide)", partial(test_arguments_keep_their_values, numpy_layer)),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
