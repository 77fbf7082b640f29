"""The loss along its own gradient, and training that keeps an eye on the length of the weights."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from course_lib.lab.data import Split
from course_lib.lab.training import shuffled_batches, to_tensors

Rule = Callable[[int, Tensor, Tensor], Tensor]  # step from 0, weight, gradient to new weight


class Probe(NamedTuple):
    """What the loss does along one gradient; one value a step size."""

    loss: Tensor  # L(w − rate · g) − L(w), in nats
    change: Tensor  # |g' − g|, the ℓ2 distance of the gradients there and here
    rates: Tensor
    gradient: Tensor  # |g|, ()
    weight: Tensor  # |w|, ()

    @property
    def smoothness(self) -> Tensor:
        """The effective β: the largest |g' − g| over the distance walked."""
        return (self.change / (self.rates * self.gradient)).max()


def probe(
    model: nn.Module, x: Tensor, y: Tensor, rates: Tensor, *, relative: bool = False
) -> Probe:
    """Walk from the hidden weights w to w − rate · g for each rate; look at loss and gradient.

    Parameters
    ----------
    model : classifier from (n, d) to (n, classes)
        Evaluated in the mode that it is in; no parameter and no buffer changes.
    x, y : one batch
    rates : (k,) step sizes
    relative : bool
        Read `rates` as lengths of the walk in units of |w|.

    References
    ----------
    Santurkar et al. (2018), "How Does Batch Normalization Help Optimization?".
    """
    here = {name: value.detach() for name, value in hidden_weights(model).items()}
    start, g = _loss_and_gradient(model, here, x, y)
    gradient, weight = _length(g), _length(here)
    if relative:
        rates = rates * weight / gradient
    losses, changes = [], []
    for rate in rates:
        there = {name: w - rate * g[name] for name, w in here.items()}
        loss, moved = _loss_and_gradient(model, there, x, y)
        losses.append(loss - start)
        changes.append(_length({name: moved[name] - g[name] for name in g}))
    return Probe(torch.stack(losses), torch.stack(changes), rates, gradient, weight)


def hidden_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return every matrix but the last by name: the weights that a norm can stand behind."""
    matrices = {name: value for name, value in model.named_parameters() if value.ndim == 2}
    return dict(list(matrices.items())[:-1])


def _loss_and_gradient(model, weights, x, y):
    leaves = {name: value.clone().requires_grad_() for name, value in weights.items()}
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    loss = nn.functional.cross_entropy(functional_call(model, (leaves, buffers), (x,)), y)
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return loss.detach(), dict(zip(leaves, gradients, strict=True))


def _length(values: dict[str, Tensor]) -> Tensor:
    return torch.stack([value.norm() for value in values.values()]).norm()


class Trace(NamedTuple):
    """What a run left behind; one row a step, one column a hidden layer."""

    length: Tensor  # |w| of the units, in the root mean square, before the step
    angle: Tensor  # by which the step turned w, in radians, in the root mean square
    pull: Tensor  # G = |w| |g|, in the root mean square


def train_by_rule(
    model: nn.Module, split: Split, rule: Rule, *, seed: int, epochs: int, learning_rate: float
) -> Trace:
    """Train by SGD, batches of 64, with a rule of its own for the hidden weights.

    Parameters
    ----------
    model : classifier, trained in place
        A matrix has shape (units, inputs); each row is one unit's weight w.
    split, seed, epochs, learning_rate
        As in `training.train`; the learning rate is that of all other parameters.
    rule : function of (step, weight, gradient)
        Returns the new weight.
    """
    x, y = to_tensors(split.x_train, split.y_train)
    weights = list(hidden_weights(model).values())
    ruled, rows = {id(value) for value in weights}, []
    model.train()
    for step, chosen in enumerate(shuffled_batches(len(x), 64, epochs, seed)):
        model.zero_grad()
        nn.functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
        with torch.no_grad():
            for value in model.parameters():
                if id(value) not in ruled:
                    value -= learning_rate * value.grad
            rows.append(torch.stack([_step(step, w, rule) for w in weights], 1))
    return Trace(*torch.stack(rows, 1))


def _step(step: int, w: Tensor, rule: Rule) -> Tensor:
    new, length, pull = rule(step, w, w.grad), w.norm(dim=1), w.norm(dim=1) * w.grad.norm(dim=1)
    cosine = nn.functional.cosine_similarity(w.double(), new.double(), dim=1).clamp(-1, 1)
    w.copy_(new)
    columns = torch.stack([length, cosine.arccos().to(w), pull])
    return columns.square().mean(1).sqrt()
