"""Fixup: a branch that starts at 0, weights scaled by depth, scalars in place of a norm."""

# ruff: noqa: E501 (one error a line: a table)

import copy
from importlib import import_module
from itertools import pairwise

import pytest
import torch
from mutants import assert_seen, planted
from torch import nn

# By name: the packages may export what is called as its module.
numpy_fixup = import_module("course_lib.numpy_layers.fixup")
torch_fixup = import_module("course_lib.torch_layers.fixup")


def linears(sizes=(300, 400, 200, 300), bias=True):
    torch.manual_seed(0)
    return [nn.Linear(a, b, bias=bias) for a, b in pairwise(sizes)]


@pytest.mark.parametrize(
    ("branches", "layers", "scale"),
    [(16, 2, 0.25), (16, 3, 0.5), (64, 4, 0.5), (1, 2, 1.0), (16, 1, 1.0)],
)
def test_scale_is_the_papers(branches, layers, scale):
    assert numpy_fixup.fixup_scale(branches, layers) == pytest.approx(scale, rel=1e-14)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_scaled_layers_share_one_over_the_root_of_the_branches(layers):
    shared = numpy_fixup.fixup_scale(50, layers) ** (layers - 1)
    assert shared == pytest.approx(50**-0.5, rel=1e-12)


def test_last_layer_and_biases_start_at_zero():
    layers = linears()
    torch_fixup.fixup_(layers, 16)
    assert all(layer.bias.abs().max() == 0 for layer in layers)
    assert layers[-1].weight.abs().max() == 0


@pytest.mark.parametrize("bias", [True, False])
def test_other_layers_start_at_hes_scale_times_the_depths(bias):
    layers = linears(bias=bias)
    torch_fixup.fixup_(layers, 16)  # three layers: 16^(-1/4)
    for layer in layers[:-1]:
        wanted = (2 / layer.out_features) ** 0.5 / 2
        # The spread of 60,000 draws or more is known to about 0.3%: five of those.
        assert layer.weight.std().item() == pytest.approx(wanted, rel=0.015)


def test_convolutions_count_their_window():
    layers = [nn.Conv2d(32, 64, 3), nn.Conv2d(64, 32, 3)]
    torch.manual_seed(0)
    torch_fixup.fixup_(layers, 4)  # two layers: 4^(-1/2)
    wanted = (2 / (64 * 9)) ** 0.5 / 2
    assert layers[0].weight.std().item() == pytest.approx(wanted, rel=0.02)


def test_fresh_block_is_the_identity():
    block, x = torch_fixup.Fixup(linears((6, 8, 6)), 10), torch.randn(5, 6, requires_grad=True)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)


def test_trained_block_is_the_authors():
    layers = linears((6, 8, 6), bias=False)
    block, x = torch_fixup.Fixup(layers, 10), torch.randn(5, 6)
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    a1, b1, a2, b2 = block.biases
    hidden = torch.relu(layers[0](x + a1) + b1)
    wanted = x + block.scale * layers[1](hidden + a2) + b2
    torch.testing.assert_close(block(x), wanted)
    torch.testing.assert_close(copy.deepcopy(block)(x), wanted)


def test_activation_is_the_given_one():
    block = torch_fixup.Fixup(linears((6, 8, 6)), 10, nn.Tanh())
    nn.init.normal_(block.layers[1].weight)
    x = torch.randn(5, 6)
    wanted = x + block.layers[1](torch.tanh(block.layers[0](x)))
    torch.testing.assert_close(block(x), wanted)


def test_derivatives_are_right():
    block = torch_fixup.Fixup([layer.double() for layer in linears((3, 4, 3))], 10, nn.Tanh())
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(block, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(block, x, fast_mode=True)


def test_scalars_follow_the_layers():
    layers = [nn.Linear(3, 3, device="meta", dtype=torch.float16)]
    block = torch_fixup.Fixup(layers, 10)
    for scalars in (block.scale, block.biases):
        assert (scalars.device.type, scalars.dtype) == ("meta", torch.float16)
    assert (block.scale.shape, block.biases.shape) == ((), (2,))


@pytest.mark.parametrize(("branches", "layers"), [(0, 2), (4, 0)])
def test_nothing_to_start_is_refused(branches, layers):
    with pytest.raises(
        ValueError, match=r"expected at least one branch and one layer, got .+; count"
    ):
        numpy_fixup.fixup_scale(branches, layers)
    with pytest.raises(ValueError, match="at least one branch and one layer"):
        torch_fixup.fixup_(linears()[:layers], branches)


def scale():
    test_scale_is_the_papers(16, 3, 0.5)


NUMPY, TWIN = "numpy_layers.fixup", "torch_layers.fixup"
ERRORS = [
    ("scaled up", NUMPY, "else num_branches ** (-1 /", "else num_branches ** (1 /", scale),
    ("root for every depth of branch", NUMPY, "2 * num_layers - 2))\n", "2))\n", scale),
    ("not scaled", TWIN, ".mul_(scale)", "", lambda: test_other_layers_start_at_hes_scale_times_the_depths(True)),
    ("last layer not 0", TWIN, "    nn.init.zeros_(layers[-1].weight)\n", "", test_last_layer_and_biases_start_at_zero),
    ("first layer 0", TWIN, "layers[-1].weight", "layers[0].weight", test_last_layer_and_biases_start_at_zero),
    ("biases kept", TWIN, "nn.init.zeros_(layer.bias)", "pass", test_last_layer_and_biases_start_at_zero),
    ("activation after the last layer", TWIN, "if index + 1 < len(self.layers)", "if True", test_trained_block_is_the_authors),
    ("multiplier left out", TWIN, "y * self.scale", "y", test_trained_block_is_the_authors),
    ("multiplier starts at 0", TWIN, "like.new_ones(())", "like.new_zeros(())", test_activation_is_the_given_one),
    ("bias after the activation", TWIN, "self.activation(y + self.biases[2 * index + 1])", "self.activation(y) + self.biases[2 * index + 1]", test_trained_block_is_the_authors),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
