"""Spectral norm on modules: torch's state and modes; the norm of a convolution, by its matrix."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
import math
from functools import partial
from importlib import import_module
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted
from torch import nn
from torch.nn.utils import parametrizations, parametrize

NUMPY, TWIN = "numpy_layers.spectral_norm", "torch_layers.spectral_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))
LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (8, 4), {}),
    "more iterations": (lambda: nn.Linear(4, 3), (8, 4), {"n_power_iterations": 3}),
    "other dim": (lambda: nn.Linear(3, 3), (8, 3), {"dim": 1}),
    "large eps": (lambda: nn.Linear(3, 3), (8, 3), {"eps": 1.0}),
    "convolution": (lambda: nn.Conv2d(4, 3, 3), (8, 4, 5, 5), {}),
    "transposed convolution": (lambda: nn.ConvTranspose2d(4, 3, 3), (8, 4, 5, 5), {}),
    "vector": (lambda: nn.LayerNorm(4), (8, 4), {}),
}
all_layers = pytest.mark.parametrize("name", LAYERS)
both_modes = pytest.mark.parametrize("training", [True, False])
# float64 keeps 16 digits; a few dozen roundings stand between the inputs and any result.
FLOAT64 = {"rtol": 1e-11, "atol": 1e-12}


def pair(name, training=True):
    """Return our normalized layer and torch's, made from the same random numbers, and a batch."""
    make, shape, options = LAYERS[name]
    torch.manual_seed(0)
    layer = make().double().train(training)
    copies = copy.deepcopy(layer)
    torch.manual_seed(1)
    torchs = parametrizations.spectral_norm(layer, **options)
    torch.manual_seed(1)
    return twin.spectral_norm(copies, **options), torchs, torch.randn(shape).double()


@all_layers
@both_modes
def test_state_of_a_fresh_layer_is_torchs(name, training):
    layer, torchs, _ = pair(name, training)
    torch.testing.assert_close(layer.state_dict(), torchs.state_dict(), **FLOAT64)


@all_layers
@both_modes
def test_three_steps_are_torchs(name, training):
    layer, torchs, x = pair(name)
    layer.train(training), torchs.train(training)
    for _ in range(3):
        results = []
        for module in (layer, torchs):
            leaf = x.clone().requires_grad_()
            y = module(leaf)
            y.backward(torch.linspace(-1, 2, y.numel()).double().reshape(y.shape))
            results.append([y.detach(), leaf.grad, *(p.grad for p in module.parameters())])
        torch.testing.assert_close(*results, **FLOAT64)
    torch.testing.assert_close(layer.state_dict(), torchs.state_dict(), **FLOAT64)


@all_layers
def test_state_travels_both_ways(name):
    layer, torchs, _ = pair(name)
    with torch.no_grad():
        for value in torchs.state_dict().values():
            value.add_(0.1)
    layer.load_state_dict(torchs.state_dict(), strict=True)
    torch.testing.assert_close(layer.state_dict(), torchs.state_dict(), rtol=0, atol=0)
    torchs.load_state_dict(layer.state_dict(), strict=True)


@all_layers
def test_repr_is_torchs(name):
    layer, torchs, _ = pair(name)
    assert repr(layer) == repr(torchs)


@all_layers
def test_removal_leaves_the_weight(name):
    layer, _, x = pair(name)
    y = layer.eval()(x)
    plain = parametrize.remove_parametrizations(layer, "weight")
    torch.testing.assert_close(plain(x), y, **FLOAT64)
    assert set(plain.state_dict()) == {"weight", "bias"}


def test_two_passes_before_one_backward():
    layer, _, x = pair("linear")
    (layer(x) - layer(2 * x)).square().sum().backward()
    assert layer.parametrizations.weight.original.grad.isfinite().all()


def test_weight_can_be_assigned():
    layer, torchs, x = pair("linear")
    for module in (layer, torchs):
        module.weight = torch.eye(3, 4).double() * 5
    torch.testing.assert_close(layer(x), torchs(x), **FLOAT64)


def test_copy_keeps_vectors_and_weight():
    layer, _, x = pair("linear")
    twin_layer = copy.deepcopy(layer)
    torch.testing.assert_close(twin_layer(x), layer(x), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(dtype):
    layer = twin.spectral_norm(nn.Linear(4, 3).to(dtype))
    assert {layer.weight.dtype, *(v.dtype for v in layer.state_dict().values())} == {dtype}


def test_meta_device_is_kept():
    layer = twin.spectral_norm(nn.Linear(4, 3, device="meta"))
    assert {v.device.type for v in (layer.weight, *layer.state_dict().values())} == {"meta"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dim": 2}, "expected dim from -2 to 1 .+ got 2; count"),
        ({"n_power_iterations": 0}, "expected n_power_iterations .+ got 0; evaluation mode"),
        ({"name": "gain"}, "expected a tensor 'gain' in Linear, got None; name"),
    ],
)
def test_wrong_module_call_is_told_what_to_do(options, words):
    with pytest.raises(ValueError, match=words):
        twin.spectral_norm(nn.Linear(4, 3), **options)


def numpy_norm(weight, size):
    return ours.convolution_norm(weight, size)


def twin_norm(weight, size):
    return twin.convolution_norm(torch.from_numpy(weight), size).numpy()


def matrix_of(weight, size):
    """Write the circular convolution out: one row an output value, one column an input value."""
    c_out, c_in, *kernel = weight.shape
    matrix = np.zeros((c_out, *size, c_in, *size))
    for at in product(*map(range, size)):
        for tap in product(*map(range, kernel)):
            source = tuple((a + t) % s for a, t, s in zip(at, tap, size, strict=True))
            matrix[(slice(None), *at, slice(None), *source)] += weight[(..., *tap)]
    return matrix.reshape(c_out * math.prod(size), -1)


both_norms = pytest.mark.parametrize("norm", [numpy_norm, twin_norm])
many = settings(deadline=None, derandomize=True, max_examples=10)
kernels = st.sampled_from([(3, 2, 3, 3), (2, 3, 1, 2), (1, 1, 2, 2), (2, 2, 3), (1, 2, 2, 1, 2)])


@both_norms
@many
@given(shape=kernels, extra=st.integers(0, 2), seed=st.integers(0, 2**31))
def test_convolution_norm_is_its_matrixs(norm, shape, extra, seed):
    weight = np.random.default_rng(seed).normal(size=shape)
    size = tuple(k + extra + axis for axis, k in enumerate(shape[2:]))
    wanted = np.linalg.norm(matrix_of(weight, size), 2)
    assert abs(norm(weight, size) - wanted) <= 1e-12 * wanted


def test_matrix_of_the_test_is_torchs_convolution():
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(2, 4, 5))
    padded = np.concatenate([x, x[:, :2]], 1)
    padded = torch.from_numpy(np.concatenate([padded, padded[:, :, :2]], 2))
    wanted = torch.conv2d(padded[None], torch.from_numpy(weight))[0].numpy()
    np.testing.assert_allclose((matrix_of(weight, (4, 5)) @ x.ravel()).reshape(3, 4, 5), wanted)


@both_norms
def test_box_filter_is_three_times_its_reshaped_matrix(norm):
    weight = np.ones((1, 1, 3, 3))
    assert norm(weight, (8, 8)) / np.linalg.norm(weight.reshape(1, -1), 2) == pytest.approx(3.0)


@both_norms
@many
@given(seed=st.integers(0, 2**31))
def test_reshaped_matrix_bounds_the_convolution(norm, seed):
    weight = np.random.default_rng(seed).normal(size=(3, 2, 3, 2))
    bound = math.sqrt(6) * np.linalg.norm(weight.reshape(3, -1), 2)  # the root of the taps
    assert norm(weight, (5, 4)) <= bound * (1 + 1e-12)


@both_norms
@pytest.mark.parametrize(("dtype", "wide"), [(np.float16, np.float32), (np.float64, np.float64)])
def test_convolution_norm_is_at_least_float32(norm, dtype, wide):
    assert norm(np.ones((2, 2, 3, 3), dtype), (4, 4)).dtype == wide


def test_convolution_norm_is_differentiable():
    weight = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 2, 2, 2))).requires_grad_()
    assert torch.autograd.gradcheck(lambda weight: twin.convolution_norm(weight, (3, 4)), weight)


@both_norms
@pytest.mark.parametrize("size", [(4,), (4, 4, 4), (2, 4)])
def test_wrong_size_is_told_what_to_do(norm, size):
    with pytest.raises(ValueError, match=r"expected size of 2 axes, .+ \(3, 3\), got .+; pass"):
        norm(np.ones((2, 2, 3, 3)), size)


@both_norms
def test_integer_weight_is_refused(norm):
    with pytest.raises(TypeError, match="floating-point"):
        norm(np.ones((2, 2, 3, 3), int), (4, 4))


steps = partial(test_three_steps_are_torchs, "linear", True)
fresh, large_eps = (
    partial(test_state_of_a_fresh_layer_is_torchs, name, True) for name in ("linear", "large eps")
)
transposed = partial(test_state_of_a_fresh_layer_is_torchs, "transposed convolution", True)
matrix, twin_matrix = (
    partial(test_convolution_norm_is_its_matrixs, norm) for norm in (numpy_norm, twin_norm)
)
ERRORS = [
    ("no iterations at the start", TWIN, "self._iterate(matrix, 15)", "pass", fresh),
    ("eps of the module not used", TWIN, "normalize((matrix.T * self._u).sum(1), dim=0, eps=self.eps)", "normalize((matrix.T * self._u).sum(1), dim=0)", large_eps),
    ("outputs always on axis 0", TWIN, "output_dim(module) if dim is None", "0 if dim is None", transposed),
    ("one iteration whatever is asked", TWIN, "self._iterate(matrix, self.n_power_iterations)", "self._iterate(matrix, 2)", steps),
    ("norm of the reshaped weight", NUMPY, "return norms.max()", "return np.linalg.norm(weight.reshape(len(weight), -1), 2)", matrix),
    ("smallest singular value", NUMPY, "norms.max()", "norms.min()", matrix),
    ("mean over the frequencies", TWIN, ".amax()", ".amax(-1).mean()", twin_matrix),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
