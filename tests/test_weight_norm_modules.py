"""Weight norm on modules: torch's state and numbers, and the data-dependent initialization."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
from functools import partial
from importlib import import_module

import pytest
import torch
from mutants import assert_seen, planted
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils import weight_norm as old_weight_norm

TWIN = "torch_layers.weight_norm"
twin = import_module(f"course_lib.{TWIN}")
LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (8, 4), 0),
    "linear on sequences": (lambda: nn.Linear(4, 3), (8, 5, 4), 0),
    "no bias": (lambda: nn.Linear(4, 3, bias=False), (8, 4), 0),
    "other dim": (lambda: nn.Linear(3, 3), (8, 3), 1),
    "one length": (lambda: nn.Linear(4, 3), (8, 4), None),
    "convolution": (lambda: nn.Conv2d(4, 3, 3), (8, 4, 5, 5), 0),
    "transposed convolution": (lambda: nn.ConvTranspose2d(4, 3, 3), (8, 4, 5, 5), 1),
}
INITIALIZED = [
    name for name, (*_, dim) in LAYERS.items() if name not in ("other dim", "one length")
]
# float64 keeps 16 digits; a few dozen roundings stand between the inputs and any result.
FLOAT64 = {"rtol": 1e-11, "atol": 1e-12}
all_layers = pytest.mark.parametrize("name", LAYERS)


def pair(name):
    """Return our normalized layer and torch's of the same weights, and a batch."""
    make, shape, dim = LAYERS[name]
    torch.manual_seed(0)
    layer = make().double()
    ours = twin.weight_norm(copy.deepcopy(layer), dim=dim)
    return ours, parametrizations.weight_norm(layer, dim=dim), 3 + 2 * torch.randn(shape).double()


def step(layer, x):
    """Run forward and backward; return the output and every gradient."""
    x = x.clone().requires_grad_()
    y = layer(x)
    y.backward(torch.linspace(-1, 2, y.numel(), dtype=y.dtype).sin().reshape(y.shape))
    return [y.detach(), x.grad, *(parameter.grad for parameter in layer.parameters())]


@all_layers
def test_output_and_gradients_are_torchs(name):
    ours, torchs, x = pair(name)
    with torch.no_grad():
        for parameter in torchs.parameters():
            parameter.add_(torch.randn_like(parameter))
    ours.load_state_dict(torchs.state_dict(), strict=True)
    torch.testing.assert_close(step(ours, x), step(torchs, x), **FLOAT64)


@all_layers
def test_state_of_a_fresh_layer_is_torchs(name):
    ours, torchs, _ = pair(name)
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), **FLOAT64)
    torchs.load_state_dict(ours.state_dict(), strict=True)


@all_layers
def test_repr_is_torchs(name):
    ours, torchs, _ = pair(name)
    assert repr(ours) == repr(torchs)


@all_layers
def test_removal_leaves_the_weight(name):
    ours, _, x = pair(name)
    y = ours(x)
    plain = parametrize.remove_parametrizations(ours, "weight")
    torch.testing.assert_close(plain(x), y, **FLOAT64)
    assert set(dict(plain.named_parameters())) <= {"weight", "bias"}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_checkpoint_with_the_old_names_is_read():
    old = old_weight_norm(nn.Linear(4, 3))
    ours = twin.weight_norm(nn.Linear(4, 3))
    ours.load_state_dict(old.state_dict(), strict=True)
    torch.testing.assert_close(ours.weight, old.weight)


def test_copy_keeps_the_weight():
    ours, _, x = pair("linear")
    torch.testing.assert_close(copy.deepcopy(ours)(x), ours(x), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(dtype):
    ours = twin.weight_norm(nn.Linear(4, 3).to(dtype))
    assert {ours.weight.dtype, *(p.dtype for p in ours.parameters())} == {dtype}


def test_other_parameter_can_be_normalized():
    cell = twin.weight_norm(nn.LSTMCell(4, 3), "weight_hh")
    assert "parametrizations.weight_hh.original0" in cell.state_dict()


def test_meta_device_is_kept():
    ours = twin.weight_norm(nn.Linear(4, 3, device="meta"))
    assert ours.weight.device.type == "meta"


@pytest.mark.parametrize("name", INITIALIZED)
def test_initialized_outputs_are_standardized(name):
    ours, _, x = pair(name)
    twin.initialize_weight_norm(ours, x)
    y = ours(x).movedim(-1 if isinstance(ours, nn.Linear) else 1, -1).flatten(0, -2)
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(3).double(), **FLOAT64)
    if ours.bias is not None:
        torch.testing.assert_close(y.mean(0), torch.zeros(3).double(), **FLOAT64)


def test_initial_values_are_the_papers():
    ours, _, x = pair("linear")
    v = ours.parametrizations.weight.original1.detach()
    t = x @ (v / v.square().sum(1, keepdim=True).sqrt()).T
    twin.initialize_weight_norm(ours, x)
    g = ours.parametrizations.weight.original0.detach()[:, 0]
    torch.testing.assert_close(g, 1 / t.std(0, correction=0), **FLOAT64)
    torch.testing.assert_close(ours.bias.detach(), -t.mean(0) / t.std(0, correction=0), **FLOAT64)


def network():
    torch.manual_seed(0)
    layers = [twin.weight_norm(nn.Linear(6, 6).double()) for _ in range(4)]
    return nn.Sequential(
        layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2], nn.ReLU(), layers[3]
    )


def test_every_layer_of_a_network_is_standardized():
    net, x = network(), torch.randn(64, 6).double()
    twin.initialize_weight_norm(net, x)
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            wanted = torch.zeros(6).double(), torch.ones(6).double()
            torch.testing.assert_close((x.mean(0), x.var(0, correction=0)), wanted, **FLOAT64)


def test_initialization_leaves_no_hook_and_no_graph():
    ours, _, x = pair("linear")
    twin.initialize_weight_norm(ours, x)
    assert not ours._forward_hooks
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in ours.parameters())


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Linear(4, 3), (8, 4), "expected a weight-normalized layer .+ got none; call"),
        (
            twin.weight_norm(nn.Linear(3, 3), dim=1),
            (8, 3),
            "over dim 0, .+ got dim 1 .+; normalize",
        ),
        (
            twin.weight_norm(nn.Linear(4, 3), dim=None),
            (8, 4),
            "over dim 0, .+ got dim None .+; norm",
        ),
        (twin.weight_norm(nn.Linear(4, 3)), (1, 4), "vary over the batch, got a constant one; use"),
    ],
)
def test_wrong_initialization_is_told_what_to_do(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        twin.initialize_weight_norm(layer, torch.ones(shape))


standard = partial(test_initialized_outputs_are_standardized, "linear")
papers, net_claim = (
    test_initial_values_are_the_papers,
    test_every_layer_of_a_network_is_standardized,
)
clean = test_initialization_leaves_no_hook_and_no_graph
fresh, same = (
    partial(claim, "linear")
    for claim in (test_state_of_a_fresh_layer_is_torchs, test_output_and_gradients_are_torchs)
)
ERRORS = [
    ("gain at random", TWIN, "return lengths.reshape(())", "lengths.uniform_()\n        return lengths.reshape(())", fresh),
    ("bias ignored", TWIN, "layer.bias.sub_(mean[0]).div_(std[0])", "pass", standard),
    ("bias not divided", TWIN, ".sub_(mean[0]).div_(std[0])", ".sub_(mean[0])", papers),
    ("divided by the variance", TWIN, "std = var.sqrt()", "std = var", papers),
    ("unbiased variance", TWIN, "std = var.sqrt()", "std = flat.std(0, keepdim=True)", papers),
    ("later layers see the old outputs", TWIN, "((flat - mean) / std)", "flat", net_claim),
    ("hooks stay", TWIN, "            handle.remove()", "            pass", clean),
    ("norm detached", TWIN, "_lengths(wide, axes)", "_lengths(wide.detach(), axes)", same),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
