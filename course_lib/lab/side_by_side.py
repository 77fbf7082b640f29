"""Many small convolutional classifiers trained as one net, so that a sweep over norms is quick.

Grouped convolutions keep the nets apart: no weight joins the channels of one to those of another.
A *lane* is one norm at one learning rate; each lane has several *copies*. Copy i starts from the
same weights and sees the same batches in every lane, so that lanes differ in the norm alone.
"""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from course_lib.lab.data import Split
from course_lib.lab.progress import progress
from course_lib.lab.training import shuffled_batches, to_tensors

Norm = Callable[[int, int], nn.Module]  # from (channels of one net, copies) to a layer for all

_LAYERS = ((16, 2), (16, 1), (32, 2))  # channels and stride of each 3x3 convolution
_CLASSES = 10


class EachLane(nn.Module):
    """Give each of `layers` its own equal share of the channels."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Apply every layer to its share, and put the shares together again."""
        shares = x.chunk(len(self.layers), 1)
        return torch.cat([layer(s) for layer, s in zip(self.layers, shares, strict=True)], 1)


class SideBySide(nn.Module):
    """Classifiers of 8x8 images: three 3x3 convolutions to 2x2 positions, and a linear readout.

    Parameters
    ----------
    norms : sequence of functions of (channels, copies)
        One a lane. Each returns the layer for `copies` nets of `channels` channels each.
    copies : int
    seed : int
        Of the initial weights, normal with He's variance; biases begin at 0.
    pooled : bool
        Read each channel's mean over the positions, as residual nets do; otherwise each position.
    """

    def __init__(self, norms: Sequence[Norm], copies: int, seed: int, *, pooled: bool) -> None:
        super().__init__()
        self.lanes, self.copies = len(norms), copies
        generator = torch.Generator().manual_seed(seed)
        layers: list[nn.Module] = []
        before = 1
        for channels, stride in _LAYERS:
            layers += [
                self._convolution(before, channels, 3, 2.0, generator, stride, padding=1),
                EachLane([norm(channels, copies) for norm in norms]),
                nn.ReLU(),
            ]
            before = channels
        if pooled:
            layers.append(nn.AdaptiveAvgPool2d(1))
        size = 1 if pooled else 2
        layers.append(self._convolution(before, _CLASSES, size, 1.0, generator))
        self.net = nn.Sequential(*layers)

    def _convolution(self, before, channels, size, gain, generator, stride=1, padding=0):
        """Return a convolution for all nets; the copies' weights repeat from lane to lane."""
        nets = self.lanes * self.copies
        layer = nn.Conv2d(before * nets, channels * nets, size, stride, padding, groups=nets)
        shape = (self.copies * channels, before, size, size)
        weight = torch.randn(shape, generator=generator) * (gain / (before * size**2)) ** 0.5
        with torch.no_grad():
            layer.weight.copy_(weight.repeat(self.lanes, 1, 1, 1))
        nn.init.zeros_(layer.bias)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, lanes, copies, classes) for x of (n, 64), or (n, copies, 64)."""
        if x.ndim == 2:
            x = x[:, None].expand(-1, self.copies, -1)
        logits = self.net(x.unflatten(-1, (8, 8)).repeat(1, self.lanes, 1, 1))
        return logits.view(len(x), self.lanes, self.copies, _CLASSES)


def train_side_by_side(
    model: SideBySide,
    split: Split,
    *,
    seed: int,
    rates: float | Sequence[float],
    epochs: int,
    batch_size: int,
) -> None:
    """Train all nets by plain SGD on the mean cross-entropy of their batches.

    Parameters
    ----------
    seed : int
        Copy i takes its order of the examples from ``seed + i``.
    rates : float or one a lane
        Learning rates. Without momentum, a loss counted r times is a learning rate of r.
    epochs, batch_size
        The last, incomplete batch of an epoch is left out.
    """
    x, y = to_tensors(split.x_train, split.y_train)
    lane_rates = torch.as_tensor(rates, dtype=torch.float32).expand(model.lanes)
    orders = [
        shuffled_batches(len(x), batch_size, epochs, seed + copy) for copy in range(model.copies)
    ]
    steps = len(x) // batch_size * epochs
    rule = torch.optim.SGD(model.parameters(), lr=1.0)
    model.train()
    for rows in progress(zip(*orders, strict=True), "training", steps):
        chosen = torch.stack(rows, 1)  # (n, copies)
        logits = model(x[chosen])
        labels = y[chosen][:, None].expand(-1, model.lanes, -1)
        losses = nn.functional.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")
        rule.zero_grad()
        (losses.mean(0).sum(1) @ lane_rates).backward()
        rule.step()


@torch.no_grad()
def accuracies(model: SideBySide, x, y, *, batch_size: int | None = None) -> NDArray[np.float64]:
    """Return the share of examples that each net classifies correctly, (lanes, copies).

    Parameters
    ----------
    batch_size : int, optional
        Use the statistics of random batches of this size, as in training, instead of the running
        ones; the mean over three passes. The model's own memory is not touched.
    """
    x, y = to_tensors(x, y)
    if batch_size is None:
        batches, model = [torch.arange(len(x))], copy.deepcopy(model).eval()
    else:
        batches = list(shuffled_batches(len(x), batch_size, epochs=3, seed=0))
        model = copy.deepcopy(model).train()
    right = [model(x[rows]).argmax(-1) == y[rows, None, None] for rows in batches]
    return torch.cat(right).double().mean(0).numpy()
