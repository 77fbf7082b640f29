"""The cheat sheet of residual blocks: where the norm stands, and what can stand there instead."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import torch_layers as layers
from course_lib.lab import properties as of
from course_lib.lab.cheat_sheet import Norm, Table, author_and_year, defaults, sizes, title
from course_lib.numpy_layers import deep_norm_constants

DEPTH, WIDTH = 32, 64  # of the stack whose growth is measured


def _isometry(c: int) -> nn.Linear:
    """Return a branch whose output is as long as its input."""
    linear = nn.Linear(c, c, bias=False)
    nn.init.orthogonal_(linear.weight)
    return linear


def _layer_scaled(c: int) -> nn.Module:
    return layers.PreNorm(nn.Sequential(_isometry(c), layers.LayerScale(c)), layers.LayerNorm(c))


def _sandwich(c: int) -> nn.Module:
    return layers.SandwichNorm(_isometry(c), layers.LayerNorm(c), layers.LayerNorm(c))


def _deep(c: int) -> nn.Module:
    constants, _ = deep_norm_constants(DEPTH, 0)
    return layers.DeepNorm(_isometry(c), layers.LayerNorm(c), constants.alpha)


BLOCKS = [
    Norm("pre-norm", layers.PreNorm, "", "",
         lambda c: layers.PreNorm(_isometry(c), layers.LayerNorm(c))),
    Norm("post-norm", layers.PostNorm, "", "",
         lambda c: layers.PostNorm(_isometry(c), layers.LayerNorm(c))),
    Norm("sandwich norm", layers.SandwichNorm, "", "", _sandwich),
    Norm("DeepNorm", layers.DeepNorm, "deep_norm", "Wang et al. 2024 wang2024deepnet", _deep),
    Norm("LayerScale", layers.LayerScale, "layer_scale", "Touvron et al. 2021 touvron2021going",
         _layer_scaled),
    Norm("ReZero", layers.ReZero, "re_zero", "Bachlechner et al. 2021 bachlechner2021rezero",
         lambda c: layers.ReZero(_isometry(c))),
    Norm("Fixup", layers.Fixup, "fixup_scale", "Zhang et al. 2019 zhang2019fixup",
         lambda c: layers.Fixup([nn.Linear(c, c, bias=False) for _ in range(2)], DEPTH)),
]  # fmt: skip
_FORMULAS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "x + weight·f(N(x))": lambda b, x: x + b.sublayer[1].weight * b.sublayer[0](b.norm(x)),
    "x + f(N(x))": lambda b, x: x + b.sublayer(b.norm(x)),
    "N(x + f(x))": lambda b, x: b.norm(x + b.sublayer(x)),
    "x + N(f(N(x)))": lambda b, x: x + b.norm_after(b.sublayer(b.norm(x))),
    "N(α·x + f(x))": lambda b, x: b.norm(b.alpha * x + b.sublayer(x)),
    "x + weight·f(x)": lambda b, x: x + b.weight * b.sublayer(x),
    "x + scale·f₂(ReLU(f₁(x + b₁) + b₂) + b₃) + b₄": lambda b, x: (
        b.layers[1]((b.layers[0](x + b.biases[0]) + b.biases[1]).relu() + b.biases[2]) * b.scale
        + x + b.biases[3]
    ),
}  # fmt: skip


def blocks(norms: Sequence[Norm] = BLOCKS, seeds: int = 3) -> Table:
    """Measure the residual blocks: their formula, their start, and a stack of them.

    The branch f keeps lengths (Fixup brings its own two layers), N is layer norm, and the width is
    64. Growth is that of the root mean square through 32 new blocks, geometric mean over seeds.
    """
    columns = ["block", "computes", "own parameters", "identity at first", "f = 0 gives x",
               f"signal after {DEPTH}", f"gradient after {DEPTH}", "defaults", "from"]  # fmt: skip
    rows = [_of_block(norm, seeds) for norm in norms]
    return Table("Residual blocks, with a norm and without", columns, rows)


def _of_block(norm: Norm, seeds: int) -> list[str]:
    forward, backward = (
        torch.tensor([growth(norm.make, seed) for seed in range(seeds)]).log().mean(0).exp()
    )
    return [
        title(norm.name, norm.thing, norm.twin),
        _block_formula(norm.make(WIDTH)),
        sizes(partial(_own, norm), "named_parameters"),
        _yes(of.same(*_in_and_out(norm.make(WIDTH)))),
        _yes(of.same(*_in_and_out(norm.make(WIDTH), branch=0.0))),
        f"× {forward:.2g}",
        f"× {backward:.2g}",
        defaults(norm.thing),
        author_and_year(norm.paper),
    ]


def growth(make: Callable[[int], nn.Module], seed: int) -> tuple[float, float]:
    """Return by what a stack of blocks multiplies the size of a signal, and of a gradient."""
    torch.manual_seed(seed)
    stack = nn.Sequential(*(make(WIDTH) for _ in range(DEPTH)))
    x = torch.randn(256, WIDTH, requires_grad=True)
    y, dy = stack(x), torch.randn(256, WIDTH)
    (dx,) = torch.autograd.grad(y, x, dy)
    return tuple((a.norm() / b.norm()).item() for a, b in ((y, x), (dx, dy)))


@torch.no_grad()
def _in_and_out(block: nn.Module, branch: float | None = None) -> tuple[Tensor, Tensor]:
    """Return the block's output and its input; `branch` fills the weights of the branch."""
    for name, parameter in block.named_parameters() if branch is not None else ():
        if name.startswith(("sublayer", "layers")):
            parameter.fill_(branch)
    x = torch.randn(16, WIDTH, generator=torch.Generator().manual_seed(0))
    return block(x), x


@torch.no_grad()
def _block_formula(block: nn.Module) -> str:
    """Name the formula; all parameters are drawn at random, for at first some hide others."""
    for parameter in block.parameters():
        parameter.normal_()
    y, x = _in_and_out(block)
    for words, of_block in _FORMULAS.items():
        try:
            if of.same(of_block(block, x), y):
                return words
        except (AttributeError, TypeError):  # a formula of other parts
            continue
    return "another function"


def _own(norm: Norm, c: int) -> nn.Module:
    """Return the parameters that the block adds to its branch and its norm."""
    (own,) = (part for part in norm.make(c).modules() if type(part) is norm.thing)
    return nn.ParameterDict(dict(own.named_parameters(recurse=False)))


def _yes(condition: bool) -> str:
    return "yes" if condition else "–"
