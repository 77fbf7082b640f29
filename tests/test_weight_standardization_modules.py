"""Weight standardization in layers: as parametrizations that come off, and as convolutions."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
import math
import pickle
from functools import partial
from importlib import import_module

import pytest
import torch
from mutants import assert_seen, planted
from torch import nn
from torch.nn.utils import parametrize

TWIN = "torch_layers.weight_standardization"
twin = import_module(f"course_lib.{TWIN}")
FLOAT64 = {"rtol": 1e-11, "atol": 1e-12}  # float64 keeps 16 digits
OPTIONS = [
    {},
    {"stride": 2, "padding": 1, "bias": False},
    {"groups": 2, "padding": "same", "padding_mode": "circular"},
]
CONVOLUTIONS = {
    "WeightStandardizedConv2d": {"eps": 0.1},
    "ScaledWeightStandardizedConv2d": {"eps": 0.1, "gamma": 1.7},
}
all_convolutions = pytest.mark.parametrize("name", CONVOLUTIONS)


def make(name, **options):
    torch.manual_seed(0)
    options = {**CONVOLUTIONS[name], "dtype": torch.float64, **options}
    layer = getattr(twin, name)(4, 6, 3, **options)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer, 1 + 2 * torch.randn(2, 4, 7, 7, dtype=torch.float64)


def weight_of(layer):
    if isinstance(layer, twin.WeightStandardizedConv2d):
        return twin.weight_standardization(layer.weight, layer.eps)
    return twin.scaled_weight_standardization(layer.weight, layer.gain, layer.gamma, layer.eps)


@all_convolutions
@pytest.mark.parametrize("options", OPTIONS)
def test_convolution_is_conv2ds_with_standardized_filters(name, options):
    layer, x = make(name, **options)
    plain = nn.Conv2d(4, 6, 3, dtype=torch.float64, **options)
    state = {**layer.state_dict(), "weight": weight_of(layer).detach()}
    plain.load_state_dict({key: state[key] for key in plain.state_dict()}, strict=True)
    torch.testing.assert_close(layer(x), plain(x), **FLOAT64)


def test_state_is_conv2ds():
    layer = twin.WeightStandardizedConv2d(4, 6, 3)
    layer.load_state_dict(nn.Conv2d(4, 6, 3).state_dict(), strict=True)
    nn.Conv2d(4, 6, 3).load_state_dict(layer.state_dict(), strict=True)


def test_fresh_weight_is_conv2ds_and_the_gain_is_one():
    torch.manual_seed(0)
    layer = twin.ScaledWeightStandardizedConv2d(4, 6, 3)
    torch.manual_seed(0)
    state = {**nn.Conv2d(4, 6, 3).state_dict(), "gain": torch.ones(6)}
    torch.testing.assert_close(dict(layer.state_dict()), state, rtol=0, atol=0)


def test_reset_returns_to_gain_one():
    layer, _ = make("ScaledWeightStandardizedConv2d")
    layer.reset_parameters()
    assert (layer.gain == 1).all()


@all_convolutions
def test_repr_shows_what_conv2ds_does_not(name):
    shown = repr(make(name)[0])
    assert shown.startswith(f"{name}(4, 6, kernel_size=(3, 3)")
    assert all(f"{key}={value}" in shown for key, value in CONVOLUTIONS[name].items())


@all_convolutions
def test_gradients_are_the_derivatives(name):
    layer, _ = make(name)
    x = torch.randn(1, 4, 3, 3, dtype=torch.float64)

    def function(*values):
        names = [key for key, _ in layer.named_parameters()]
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), x)

    parameters = tuple(parameter.detach().requires_grad_() for parameter in layer.parameters())
    assert torch.autograd.gradcheck(function, parameters, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, parameters, fast_mode=True)


@all_convolutions
def test_channels_last_gives_the_same(name):
    layer, x = make(name)
    y = layer(x)
    layer.to(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(x.to(memory_format=torch.channels_last)), y, **FLOAT64)


@all_convolutions
@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copy_is_the_same(name, travel):
    layer, x = make(name)
    torch.testing.assert_close(travel(layer)(x), layer(x), rtol=0, atol=0)


@all_convolutions
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(name, dtype):
    layer, x = make(name, dtype=dtype)
    assert layer(x.to(dtype)).dtype == dtype
    assert {parameter.dtype for parameter in layer.parameters()} == {dtype}


@all_convolutions
def test_meta_device_is_kept(name):
    layer = getattr(twin, name)(4, 6, 3, device="meta")
    assert {p.device.type for p in layer.parameters()} == {"meta"}
    assert layer(torch.zeros(2, 4, 5, 5, device="meta")).shape == (2, 6, 3, 3)


def parametrizations(num_filters, eps=1e-6):
    scaled = twin.ScaledWeightStandardization(num_filters, 1.7, eps, dtype=torch.float64)
    return [twin.WeightStandardization(eps), scaled]


LAYERS = {
    "linear": lambda: nn.Linear(5, 6).double(),
    "convolution": lambda: nn.Conv1d(4, 6, 3).double(),
}
all_layers = pytest.mark.parametrize("kind", LAYERS)
both = pytest.mark.parametrize("index", [0, 1])


@all_layers
@both
def test_parametrized_weight_is_standardized(kind, index):
    layer, own = LAYERS[kind](), parametrizations(6, eps=0.1)[index]
    wanted = own(layer.weight)
    parametrize.register_parametrization(layer, "weight", own)
    torch.testing.assert_close(layer.weight, wanted, rtol=0, atol=0)


@all_layers
@both
def test_removal_leaves_the_weight(kind, index):
    layer, own = LAYERS[kind](), parametrizations(6)[index]
    keys = set(layer.state_dict())
    parametrize.register_parametrization(layer, "weight", own)
    weight = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    torch.testing.assert_close(layer.weight.detach(), weight, rtol=0, atol=0)
    assert set(layer.state_dict()) == keys


@both
def test_assigned_weight_is_the_one_to_standardize(index):
    layer, own = LAYERS["linear"](), parametrizations(6)[index]
    parametrize.register_parametrization(layer, "weight", own)
    value = torch.randn(6, 5, dtype=torch.float64)
    layer.weight = value
    torch.testing.assert_close(layer.parametrizations.weight.original.detach(), value)


def test_gain_after_relu_keeps_the_variance_of_a_signal():
    torch.manual_seed(0)
    gamma = math.sqrt(2 / (1 - 1 / math.pi))
    own = twin.ScaledWeightStandardization(512, gamma)
    y = torch.randn(2000, 512).relu() @ own(torch.randn(512, 512)).T
    # Each output's variance is estimated from 2000 values and averaged over 512 outputs.
    assert y.var(0).mean().item() == pytest.approx(1.0, abs=0.02)


scaled_convolution = partial(
    test_convolution_is_conv2ds_with_standardized_filters, "ScaledWeightStandardizedConv2d", {}
)
convolution = partial(scaled_convolution.func, "WeightStandardizedConv2d", {})
fresh = test_fresh_weight_is_conv2ds_and_the_gain_is_one
ERRORS = [
    ("weight as it is", TWIN, "x, weight_standardization(self.weight, self.eps)", "x, self.weight", convolution),
    ("eps not used", TWIN, "x, weight_standardization(self.weight, self.eps)", "x, weight_standardization(self.weight)", convolution),
    ("gamma not used", TWIN, "weight = scaled_weight_standardization(self.weight, self.gain, self.gamma, self.eps)", "weight = scaled_weight_standardization(self.weight, self.gain, 1.0, self.eps)", scaled_convolution),
    ("gain at random", TWIN, "torch.ones_like(self.weight[:, 0, 0, 0])", "torch.rand_like(self.weight[:, 0, 0, 0])", fresh),
    ("gain kept by reset", TWIN, "nn.init.ones_(self.gain)", "pass", test_reset_returns_to_gain_one),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
