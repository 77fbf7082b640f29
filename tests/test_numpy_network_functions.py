"""Linear map, convolution, activations and loss of the NumPy network: torch's values and slopes."""

# ruff: noqa: E501 (one call a line: tables)

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near
from torch.nn import functional as F

from course_lib import numpy_network as network

# float64 keeps 16 digits; sums of at most a few hundred values of size 10 lose fewer than four.
FLOAT64 = 1e-12
rng = np.random.default_rng

# name: (function, torch's, shapes of x and the parameters, further arguments)
CALLS = {
    "linear": ("linear", F.linear, [(5, 4), (3, 4), (3,)], ()),
    "linear, one row": ("linear", F.linear, [(4,), (3, 4), (3,)], ()),
    "linear, square": ("linear", F.linear, [(4, 4, 4), (4, 4), (4,)], ()),
    "linear, no bias": ("linear", F.linear, [(2, 5, 4), (3, 4)], ()),
    "conv2d": ("conv2d", F.conv2d, [(2, 3, 5, 6), (4, 3, 3, 2), (4,)], ()),
    "conv2d, square": ("conv2d", F.conv2d, [(3, 3, 3, 3), (3, 3, 3, 3), (3,)], (1, 1)),
    "conv2d, no bias": ("conv2d", F.conv2d, [(2, 3, 5, 6), (4, 3, 3, 2)], ()),
    "conv2d, stride": ("conv2d", F.conv2d, [(2, 3, 8, 7), (4, 3, 3, 2), (4,)], (2, 1)),
    "conv2d, pairs": ("conv2d", F.conv2d, [(2, 3, 8, 7), (4, 3, 3, 2), (4,)], ((3, 2), (0, 2))),
    "conv2d, pixels skipped": ("conv2d", F.conv2d, [(2, 3, 6, 6), (4, 3, 1, 1), (4,)], (4, 0)),
    "relu": ("relu", F.relu, [(3, 4)], ()),
    "tanh": ("tanh", torch.tanh, [(3, 4)], ()),
    "sigmoid": ("sigmoid", torch.sigmoid, [(3, 4)], ()),
}  # fmt: skip
all_calls = pytest.mark.parametrize("name", CALLS)


def run(name, dtype=np.float64, batch=None):
    """Return value and gradients, ours and torch's, from the same random upstream gradient."""
    function, torchs, shapes, options = CALLS[name]
    shapes = shapes if batch is None else [(batch, *shapes[0][1:]), *shapes[1:]]
    arrays = [rng(seed).normal(0, 2, shape).astype(dtype) for seed, shape in enumerate(shapes)]
    gap = [None] * (3 - len(arrays)) if len(arrays) > 1 else []
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, cache = getattr(network, function)(*arrays, *gap, *options)
    wanted = torchs(*leaves, *gap, *options)
    assert y.shape == wanted.shape
    dy = rng(9).normal(size=y.shape).astype(dtype)
    wanted.backward(torch.from_numpy(dy))
    grads = getattr(network, f"{function}_backward")(dy, cache)
    grads = [grads] if isinstance(grads, np.ndarray) else [g for g in grads if g is not None]
    return [y, *grads], [wanted.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


@all_calls
def test_values_and_gradients_are_torchs(name):
    for got, wanted in zip(*run(name), strict=True):
        assert_near(got, wanted, FLOAT64)


@all_calls
def test_half_precision_sums_in_float32(name):
    for got, wanted in zip(*run(name, np.float16), strict=True):
        assert got.dtype == np.float16
        # Both round a float32 sum once; a slope made of rounded values adds a few units of 2^-11.
        assert_near(got, wanted, 4 * 2**-11)


@pytest.mark.parametrize("name", ["linear", "conv2d", "relu"])
def test_empty_batch_gives_an_empty_output(name):
    (y, dx, *_), (wanted, *_) = run(name, batch=0)
    assert y.shape == wanted.shape
    assert len(dx) == 0


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    st.tuples(*[st.integers(1, 3)] * 3),
    st.tuples(*[st.integers(3, 7)] * 2),
    st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(0, 2)] * 2),
)
def test_convolution_is_torchs_for_every_shape(counts, size, window, stride, padding):
    n, c, o = counts
    x, weight = rng(0).normal(size=(n, c, *size)), rng(1).normal(size=(o, c, *window))
    y, cache = network.conv2d(x, weight, None, stride, padding)
    leaves = [torch.tensor(array, requires_grad=True) for array in (x, weight)]
    wanted = F.conv2d(*leaves, None, stride, padding)
    dy = rng(2).normal(size=y.shape)
    wanted.backward(torch.from_numpy(dy))
    dx, dweight, _ = network.conv2d_backward(dy, cache)
    for got, leaf in ((dx, leaves[0].grad), (dweight, leaves[1].grad), (y, wanted.detach())):
        np.testing.assert_allclose(got, leaf.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e4])  # exp(1e4) overflows
def test_cross_entropy_and_its_gradient_are_torchs(scale):
    x, target = scale * rng(0).normal(size=(6, 4)), rng(1).integers(0, 4, 6)
    loss, cache = network.cross_entropy(x, target)
    leaf = torch.tensor(x, requires_grad=True)
    wanted = F.cross_entropy(leaf, torch.from_numpy(target))
    wanted.backward(torch.tensor(0.7, dtype=torch.float64))
    assert_near(loss, wanted.item(), FLOAT64)
    assert_near(network.cross_entropy_backward(0.7, cache), leaf.grad.numpy(), FLOAT64)


def test_cross_entropy_keeps_half_precision():
    loss, cache = network.cross_entropy(np.ones((5, 4), np.float16), np.arange(5) % 4)
    assert loss.dtype == network.cross_entropy_backward(1.0, cache).dtype == np.float16


@pytest.mark.parametrize("x", [-1e4, 1e4])
def test_saturated_sigmoid_is_0_or_1(x):
    y, _ = network.sigmoid(np.array([x]))
    np.testing.assert_array_equal(y, [float(x > 0)])


def zeros(*shape, dtype=np.float64):
    return np.zeros(shape, dtype)


WRONG_CALLS = {
    "features": (network.linear, [zeros(5, 3), zeros(2, 4)], ValueError, "(out, in).*(2, 4)"),
    "a number": (network.linear, [zeros(), zeros(2, 4)], ValueError, "last dimension of x ()"),
    "linear bias": (network.linear, [zeros(5, 4), zeros(2, 4), zeros(4)], ValueError, "(2,)"),
    "linear integers": (network.linear, [zeros(5, 4, dtype=int), zeros(2, 4)], TypeError, "float"),
    "channels": (network.conv2d, [zeros(1, 3, 5, 5), zeros(2, 4, 3, 3)], ValueError, "same c"),
    "no batch": (network.conv2d, [zeros(3, 5, 5), zeros(2, 3, 3, 3)], ValueError, "axis 1"),
    "window": (network.conv2d, [zeros(1, 3, 2, 5), zeros(2, 3, 3, 3)], ValueError, "pad more"),
    "stride": (network.conv2d, [zeros(1, 3, 5, 5), zeros(2, 3, 3, 3), None, 0], ValueError, "at least 1"),
    "padding": (network.conv2d, [zeros(1, 3, 5, 5), zeros(2, 3, 3, 3), None, 1, -1], ValueError, "at least 0"),
    "conv bias": (network.conv2d, [zeros(1, 3, 5, 5), zeros(2, 3, 3, 3), zeros(3)], ValueError, "(2,)"),
    "conv integers": (network.conv2d, [zeros(1, 3, 5, 5, dtype=int), zeros(2, 3, 3, 3)], TypeError, "float"),
    "relu integers": (network.relu, [zeros(3, dtype=int)], TypeError, "float"),
    "complex": (network.tanh, [zeros(3, dtype=complex)], TypeError, "complex128"),
    "sigmoid integers": (network.sigmoid, [zeros(3, dtype=int)], TypeError, "float"),
    "probabilities": (network.cross_entropy, [zeros(2, 3), zeros(2)], TypeError, "index of the class"),
    "targets": (network.cross_entropy, [zeros(2, 3), zeros(3, dtype=int)], ValueError, "one class"),
    "empty": (network.cross_entropy, [zeros(0, 3), zeros(0, dtype=int)], ValueError, "n > 0"),
    "class 3 of 3": (network.cross_entropy, [zeros(1, 3), np.array([3])], ValueError, "0 to 2"),
    "class -1": (network.cross_entropy, [zeros(1, 3), np.array([-1])], ValueError, "from 0"),
    "logits": (network.cross_entropy, [zeros(1, 3, dtype=int), np.array([0])], TypeError, "float"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(wrong):
    function, args, error, words = WRONG_CALLS[wrong]
    with pytest.raises(error, match=r"^(?s:expected .+, got .+; \w.+)") as raised:
        function(*args)
    assert re.search(re.escape(words).replace(r"\.\*", ".*"), str(raised.value)), raised.value


@all_calls
def test_arguments_keep_their_values(name):
    function, _, shapes, options = CALLS[name]
    arrays = [rng(seed).normal(size=shape) for seed, shape in enumerate(shapes)]
    handed_over = [array.copy() for array in arrays]
    gap = [None] * (3 - len(arrays)) if len(arrays) > 1 else []
    y, cache = getattr(network, function)(*handed_over, *gap, *options)
    dy = rng(9).normal(size=y.shape)
    kept, y_kept = dy.copy(), y.copy()
    getattr(network, f"{function}_backward")(dy, cache)
    for got, wanted in zip([*handed_over, dy, y], [*arrays, kept, y_kept], strict=True):
        np.testing.assert_array_equal(got, wanted)
