"""Many small dense classifiers trained as one, on batches that are put together in any way.

The dense counterpart of `side_by_side`: there is a net for each norm, learning rate and copy.
Copy i starts from the same weights and sees the same batches whatever its norm and its rate.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from course_lib.lab.data import Split
from course_lib.lab.progress import progress
from course_lib.lab.side_by_side import EachLane, Norm
from course_lib.lab.training import shuffled_batches, to_tensors

Batch = tuple[Tensor, Tensor]  # examples (n, copies, d) and labels (n, copies)
UNLABELLED = -100  # a label that the loss leaves out


class DenseNets(nn.Module):
    """Classifiers with two hidden layers of 64 units, each followed by its norm and a ReLU.

    Parameters
    ----------
    norms : sequence of functions of (units, nets)
        Each returns the layer for `nets` nets of `units` units each, which stand side by side on
        axis 1.
    rates : sequence of float
        Learning rates; every norm is trained at each.
    copies, seed : int
        The initial weights are normal with He's variance; biases begin at 0.
    """

    def __init__(
        self, norms: Sequence[Norm], rates: Sequence[float], copies: int = 3, seed: int = 0
    ) -> None:
        super().__init__()
        self.rates, self.shape = torch.tensor(rates), (len(norms), len(rates), copies)
        generator = torch.Generator().manual_seed(seed)
        repeats = len(norms) * len(rates)
        self.weights, self.biases, self.norms = nn.ParameterList(), nn.ParameterList(), []
        for before, after, gain in ((64, 64, 2), (64, 64, 2), (64, 10, 1)):
            weight = torch.randn(copies, before, after, generator=generator)
            self.weights.append((weight * (gain / before) ** 0.5).repeat(repeats, 1, 1))
            self.biases.append(torch.zeros(repeats * copies, 1, after))
        each = [norm(64, len(rates) * copies) for norm in norms for _ in range(2)]
        self.norms = nn.ModuleList(EachLane(each[layer::2]) for layer in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, norms, rates, copies, classes) for x of (n, d) or (n, copies, d)."""
        nets = self.shape[0] * self.shape[1]
        if x.ndim == 2:
            x = x[:, None].expand(-1, self.shape[2], -1)
        z = torch.baddbmm(self.biases[0], x.transpose(0, 1).repeat(nets, 1, 1), self.weights[0])
        for norm, weight, bias in zip(self.norms, self.weights[1:], self.biases[1:], strict=True):
            z = norm(z.transpose(0, 1).flatten(1)).relu().unflatten(1, (-1, 64))
            z = torch.baddbmm(bias, z.transpose(0, 1), weight)
        return z.transpose(0, 1).unflatten(1, self.shape)


def random_batches(
    split: Split, size: int, *, epochs: int, copies: int = 3, seed: int = 0
) -> Iterator[Batch]:
    """Yield shuffled training batches; copy i has the order of ``seed + i``."""
    x, y = to_tensors(split.x_train, split.y_train)
    orders = [shuffled_batches(len(x), size, epochs, seed + i) for i in range(copies)]
    for rows in zip(*orders, strict=True):
        chosen = torch.stack(rows, 1)
        yield x[chosen], y[chosen]


def batches_of_classes(
    x, y, size: int, classes: int, *, steps: int, copies: int = 3, seed: int = 0
) -> Iterator[Batch]:
    """Yield batches of as many examples from each of `classes` classes, drawn anew each time.

    Raises
    ------
    ValueError
        If `size` is no multiple of `classes`.
    """
    if size % classes:
        raise ValueError(
            f"expected a multiple of classes={classes}, as many examples of each, got size={size}"
        )
    x, y = to_tensors(x, y)
    members = [np.flatnonzero(y == label) for label in range(int(y.max()) + 1)]
    rngs = [np.random.default_rng([seed, i]) for i in range(copies)]
    for _ in range(steps):
        rows = [_draw(rng, members, classes, size // classes) for rng in rngs]
        chosen = torch.as_tensor(np.stack(rows, 1))
        yield x[chosen], y[chosen]


def _draw(rng: np.random.Generator, members: Sequence, classes: int, each: int) -> NDArray:
    labels = rng.choice(len(members), classes, replace=False)
    return np.concatenate([rng.choice(members[label], each) for label in labels])


def train_nets(
    model: DenseNets, batches: Iterable[Batch], label: str = "training", *, frozen: bool = False
) -> None:
    """Train all nets by plain SGD on the mean cross-entropy of each batch.

    With `frozen`, in evaluation mode: the norms use their memory and do not move it.
    """
    # Without momentum, a loss counted r times is a learning rate of r.
    rule = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    model.train(not frozen)
    for x, y in progress(batches, label):
        loss = _losses(model(x), y)
        rule.zero_grad()
        (loss.sum((0, 2)) @ model.rates).backward()
        rule.step()


def _losses(logits: Tensor, y: Tensor) -> Tensor:
    """Return each net's mean cross-entropy over the labelled examples, (norms, rates, copies)."""
    wanted = y[:, None, None].expand(logits.shape[:-1])
    losses = nn.functional.cross_entropy(
        logits.flatten(0, -2), wanted.flatten(), reduction="none", ignore_index=UNLABELLED
    )
    return losses.view(wanted.shape).sum(0) / (y != UNLABELLED).sum(0)


@torch.no_grad()
def accuracies(model: DenseNets, x, y) -> NDArray[np.float64]:
    """Return the share of examples that each net gets right in evaluation mode."""
    x, y = to_tensors(x, y)
    right = copy.deepcopy(model).eval()(x).argmax(-1) == y[:, None, None, None]
    return right.double().mean(0).numpy()


@torch.no_grad()
def accuracies_in(
    model: DenseNets, batches: Iterable[Batch], training: bool = True
) -> NDArray[np.float64]:
    """Return the same for the labelled examples of given batches, by default in training mode.

    The model, its memory included, stays as it is.
    """
    model, right = copy.deepcopy(model).train(training), []
    for x, y in batches:
        labelled = y[:, 0] != UNLABELLED
        right.append((model(x).argmax(-1) == y[:, None, None])[labelled])
    return torch.cat(right).double().mean(0).numpy()
