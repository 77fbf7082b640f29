"""Fixup: a residual branch without normalization, started so that depth does no harm."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.fixup import fixup_scale


@torch.no_grad()
def fixup_(layers: Sequence[nn.Module], num_branches: int) -> None:
    """Start the weight layers of one branch in place: the last at 0, the others scaled down.

    Parameters
    ----------
    layers : sequence of nn.Linear or nn.Conv*d
        The weight layers of the branch in their order; biases start at 0.
    num_branches : int
        Residual branches of the whole network.

    Notes
    -----
    He's start (fan-out, for a rectifier) times `numpy_layers.fixup.fixup_scale`, as the authors'
    code has it. The classifier of the network starts at 0 too: ``fixup_([classifier], 1)``.

    References
    ----------
    Zhang, Dauphin & Ma (2019), "Fixup initialization: residual learning without normalization".
    """
    scale = fixup_scale(num_branches, len(layers))
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu").mul_(scale)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    nn.init.zeros_(layers[-1].weight)


class Fixup(nn.Module):
    """A residual block, ``x + scale * branch(x)``, with a scalar bias before every step.

    Parameters
    ----------
    layers : sequence of nn.Linear or nn.Conv*d
        The weight layers of the branch, started by `fixup_`; `activation` stands between them.
    num_branches : int
        Residual branches of the whole network.
    activation : nn.Module, or None
        A rectifier by default.
    """

    def __init__(
        self, layers: Sequence[nn.Module], num_branches: int, activation: nn.Module | None = None
    ) -> None:
        super().__init__()
        fixup_(layers, num_branches)
        self.layers = nn.ModuleList(layers)
        self.activation = nn.ReLU() if activation is None else activation
        like = layers[0].weight.detach()
        self.scale = nn.Parameter(like.new_ones(()))
        # One before each layer, one after it: before the activation, the last before the sum.
        self.biases = nn.Parameter(like.new_zeros(2 * len(layers)))

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch, which is 0 at first."""
        y = x
        for index, layer in enumerate(self.layers):
            y = layer(y + self.biases[2 * index])
            if index + 1 < len(self.layers):
                y = self.activation(y + self.biases[2 * index + 1])
        return x + y * self.scale + self.biases[-1]
