"""Pre, post and sandwich blocks: where the norm stands, written out."""

# ruff: noqa: E501 (one error a line: a table)

import copy
import pickle

import pytest
import torch
from mutants import assert_seen, planted
from torch import nn

from course_lib import torch_layers
from course_lib.torch_layers import residual_blocks as blocks

FORMULAS = {
    "PreNorm": lambda x, f, norm: x + f(norm(x)),
    "PostNorm": lambda x, f, norm: norm(x + f(x)),
    "SandwichNorm": lambda x, f, norm, norm_after: x + norm_after(f(norm(x))),
}
all_blocks = pytest.mark.parametrize("name", FORMULAS)


def build(name, sublayer=None):
    torch.manual_seed(0)
    norms = [torch_layers.LayerNorm(4).double() for _ in range(1 + (name == "SandwichNorm"))]
    for norm in norms:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    parts = (nn.Linear(4, 4).double() if sublayer is None else sublayer, *norms)
    return getattr(blocks, name)(*parts), parts


@all_blocks
def test_block_is_its_formula(name):
    block, parts = build(name)
    x = 3 * torch.randn(5, 4).double() + 1
    torch.testing.assert_close(block(x), FORMULAS[name](x, *parts), rtol=0, atol=0)


@all_blocks
def test_derivatives_are_right(name):
    block, _ = build(name)
    x = torch.randn(3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(block, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(block, x, fast_mode=True)


@all_blocks
def test_further_arguments_reach_the_sublayer(name):
    class Masked(nn.Module):
        def forward(self, x, mask, *, scale):
            return scale * x * mask

    block, (_, *norms) = build(name, Masked())
    x, mask = torch.randn(5, 4).double(), torch.rand(5, 4).double()
    wanted = FORMULAS[name](x, lambda x: 2 * x * mask, *norms)
    torch.testing.assert_close(block(x, mask, scale=2), wanted)


@all_blocks
def test_copy_and_pickle_give_the_same(name):
    block, _ = build(name)
    x = torch.randn(5, 4).double()
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        torch.testing.assert_close(twin(x), block(x), rtol=0, atol=0)


@all_blocks
def test_state_names_the_parts(name):
    parts = ["sublayer", "norm", *["norm_after"] * (name == "SandwichNorm")]
    wanted = [f"{part}.{value}" for part in parts for value in ("weight", "bias")]
    assert list(build(name)[0].state_dict()) == wanted


def test_pre_norm_passes_the_skip_through():
    block, _ = build("PreNorm", nn.Identity())
    x = torch.randn(5, 4).double().requires_grad_()
    nn.init.zeros_(block.norm.weight)
    dy = torch.randn(5, 4).double()
    block(x).backward(dy)
    torch.testing.assert_close(x.grad, dy, rtol=0, atol=0)


def test_sandwich_bounds_what_a_branch_adds():
    block, _ = build("SandwichNorm", nn.Linear(4, 4).double())
    nn.init.normal_(block.sublayer.weight, std=1e6)
    block.norm_after.reset_parameters()
    x = torch.randn(5, 4).double()
    # Layer norm of d values has length at most √d = 2.
    assert (block(x) - x).norm(dim=1).max() <= 2 + 1e-12


WHERE = "torch_layers.residual_blocks"
ERRORS = [
    ("norm on the skip", "x + self.sublayer(self.norm(x), *args, **options)\n\n\nclass PostNorm", "self.norm(x) + self.sublayer(self.norm(x), *args, **options)\n\n\nclass PostNorm", "PreNorm"),
    ("norm before the sum", "self.norm(x + self.sublayer(x, *args, **options))", "x + self.norm(self.sublayer(x, *args, **options))", "PostNorm"),
    ("skip forgotten", "x + self.norm_after", "self.norm_after", "SandwichNorm"),
    ("norms exchanged", "self.norm_after(self.sublayer(self.norm(x)", "self.norm(self.sublayer(self.norm_after(x)", "SandwichNorm"),
]  # fmt: skip


@planted(
    (error, WHERE, right, wrong, lambda name=name: test_block_is_its_formula(name))
    for error, right, wrong, name in ERRORS
)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
