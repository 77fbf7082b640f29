"""Deep dense classifiers trained side by side, one for each weight scale, rate and copy.

Where `dense_nets` compares norms in one shape of net, this has one norm and varies the depth, the
activation and the initial scale. Copy i starts from the same directions of the weights and sees
the same batches at every scale and rate.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from course_lib.lab.progress import progress
from course_lib.lab.training import recalibrate, shuffled_batches, to_tensors

Norm = Callable[[int, int], nn.Module]  # from (channels of all nets, nets) to the layer for all


class Score(NamedTuple):
    """What each net earns on a set of examples; both are (scales, rates, copies)."""

    loss: NDArray[np.float64]  # mean cross-entropy in nats
    accuracy: NDArray[np.float64]


class DeepNets(nn.Module):
    """Classifiers of 64 inputs: equal hidden layers, each with its norm before the activation.

    Parameters
    ----------
    norm : function of (channels, nets), or None
        Called once a layer; returns one layer for all nets, whose channels stand side by side.
    activation : function of a tensor
    depth, width : int
        Hidden layers, and units in each.
    scales : sequence of float
        Initial hidden weights are normal with variance ``scale**2 / fan_in``, biases 0; the
        readout's scale is always 1.
    rates : sequence of float
    copies, seed : int
    dropout : float
        The share of units that are set to 0 behind each activation, in training.
    """

    def __init__(
        self,
        norm: Norm | None,
        activation: Callable[[Tensor], Tensor],
        *,
        depth: int = 6,
        width: int = 48,
        scales: Sequence[float] = (1.0,),
        rates: Sequence[float] = (0.1,),
        copies: int = 3,
        seed: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation, self.dropout = activation, dropout
        self.shape, self.rates = (len(scales), len(rates), copies), torch.tensor(rates)
        nets = len(scales) * len(rates) * copies
        factors = torch.tensor(scales).repeat_interleave(nets // len(scales))[:, None, None]
        generators = [torch.Generator().manual_seed(seed + i) for i in range(copies)]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        before = 64
        for after in (*[width] * depth, 10):
            drawn = torch.stack([torch.randn(before, after, generator=g) for g in generators])
            weight = drawn.repeat(nets // copies, 1, 1) * before**-0.5
            self.weights.append(weight if len(self.weights) == depth else weight * factors)
            self.biases.append(torch.zeros(nets, 1, after))
            before = after
        made = [norm(width * nets, nets) if norm else nn.Identity() for _ in range(depth)]
        self.norms = nn.ModuleList(made)

    def signals(self, x: Tensor) -> list[Tensor]:
        """Return what each activation receives, (nets, n, width), and last the logits.

        `x` is (n, 64), or (n, copies, 64) with examples of its own for each copy.
        """
        if x.ndim == 2:
            x = x[:, None].expand(-1, self.shape[2], -1)
        h, received = x.transpose(0, 1).repeat(len(self.biases[0]) // self.shape[2], 1, 1), []
        for norm, weight, bias in zip(self.norms, self.weights, self.biases, strict=False):
            z = torch.baddbmm(bias, h, weight)
            if not isinstance(norm, nn.Identity):
                side_by_side = z.transpose(0, 1).flatten(1)
                z = norm(side_by_side).unflatten(1, (len(z), -1)).transpose(0, 1)
            received.append(z)
            h = self.activation(z)
            if self.dropout:
                h = nn.functional.dropout(h, self.dropout, self.training)
        return [*received, torch.baddbmm(self.biases[-1], h, self.weights[-1])]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (scales, rates, copies, n, classes)."""
        return self.signals(x)[-1].unflatten(0, self.shape)


def train_deep(
    model: DeepNets,
    x,
    y,
    *,
    steps: int,
    batch_size: int = 64,
    seed: int = 0,
    whole: bool = False,
    gain_decay: float = 0.0,
    label: str = "training",
) -> DeepNets:
    """Train all nets by plain SGD on the mean cross-entropy of each batch, and return them.

    Parameters
    ----------
    x, y : (n, 64) and (n,), or with an axis of copies after the first
    steps, batch_size : int
    seed : int
        Copy i takes its order of the examples from ``seed + i``; dropout is drawn from `seed`.
    whole : bool
        Send all n examples through the nets at each step, so that a norm sees them all, and take
        the loss of the batch alone. The order of the batches does not depend on it.
    gain_decay : float
        Add half of it times the sum of the norms' squared weights to the loss.
    """
    x, y = (_for_each_copy(values, model.shape[2]) for values in to_tensors(x, y))
    epochs = -(-steps * batch_size // (len(x) - len(x) % batch_size))
    orders = [shuffled_batches(len(x), batch_size, epochs, seed + i) for i in range(model.shape[2])]
    copies = torch.arange(model.shape[2])
    # Without momentum, a loss counted r times is a learning rate of r.
    rule = torch.optim.SGD(model.parameters(), lr=1.0)
    model.train()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        batches = islice(zip(*orders, strict=True), steps)
        for rows in progress(batches, label, steps):
            chosen = torch.stack(rows, 1), copies
            logits = model(x)[..., copies[:, None], chosen[0].T, :] if whole else model(x[chosen])
            loss = losses(logits, y[chosen])
            if gain_decay:
                squares = sum(norm.weight.square().view(-1, _width(model)) for norm in model.norms)
                loss = loss + gain_decay / 2 * squares.sum(1).view(model.shape)
            rule.zero_grad()
            (loss.sum((0, 2)) @ model.rates).backward()
            rule.step()
    return model


def losses(logits: Tensor, y: Tensor) -> Tensor:
    """Return each net's mean cross-entropy for labels (n, copies)."""
    labels = y.T.expand(logits.shape[:-1])
    each = nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none")
    return each.view(labels.shape).mean(-1)


def score(model: DeepNets, x_train, x, y) -> Score:
    """Return loss and accuracy on (x, y) with the statistics of all of `x_train`, no dropout.

    A norm that keeps running statistics is left with those of `x_train`.
    """
    model.dropout, dropout = 0.0, model.dropout
    recalibrate(model, x_train, len(x_train))
    model.eval()
    x, y = to_tensors(x, y)
    y = _for_each_copy(y, model.shape[2])
    with torch.no_grad():
        logits = model(x)
    model.dropout = dropout
    right = logits.argmax(-1) == y.T
    return Score(losses(logits, y).double().numpy(), right.double().mean(-1).numpy())


def _for_each_copy(values: Tensor, copies: int) -> Tensor:
    """Return values with an axis of copies after the first: (n, 64) and (n,) lack it."""
    lacks = values.ndim == 1 or (values.ndim == 2 and values.is_floating_point())
    return values[:, None].expand(-1, copies, *values.shape[1:]) if lacks else values


def _width(model: DeepNets) -> int:
    return model.weights[0].shape[-1]


def rate_range(rates: Sequence[float], accuracies: Sequence[float], level: float) -> float:
    """Return by what factor the learning rate may vary around the best one.

    Parameters
    ----------
    rates : sequence of float
        In increasing order.
    accuracies : sequence of float
        One a rate.
    level : float
        What must be kept. Where the accuracy crosses it between two rates, the end of the range
        is interpolated on a logarithmic axis; where it never does, the end is the last rate.

    Returns
    -------
    float
        The largest rate over the smallest, or 0 where no rate reaches the level.
    """
    logs, best = np.log(rates), int(np.argmax(accuracies))
    if accuracies[best] < level:
        return 0.0
    ends = []
    for step in (-1, 1):
        i, j = best, best + step
        while 0 <= j < len(logs) and accuracies[j] >= level:
            i, j = j, j + step
        end = logs[i]
        if 0 <= j < len(logs):
            share = (accuracies[i] - level) / (accuracies[i] - accuracies[j])
            end += share * (logs[j] - logs[i])
        ends.append(end)
    return float(np.exp(ends[1] - ends[0]))
