"""How far one update moves what a layer receives, and the gradient that it answers with."""

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from course_lib.lab.data import Split
from course_lib.lab.training import shuffled_batches, to_tensors, train


class Shift(NamedTuple):
    """What one update did; one row a measured step, one column a layer, the first left out."""

    activation: Tensor  # median over units of the distance moved, in standard deviations
    distance: Tensor  # |G − G'| / |G|; 0 means that the gradient is untouched
    cosine: Tensor  # between G and G'; 1 means untouched


def activation_shift(before: Tensor, after: Tensor) -> Tensor:
    """Return how far each unit's distribution moved, in standard deviations of that unit before.

    Parameters
    ----------
    before, after : (n, units)
        The same n examples under the weights before and after an update.

    Returns
    -------
    (units,)
        The 1-Wasserstein distance of the two samples: the mean distance between values of equal
        rank. A unit that was constant gives 0 if it did not change, else infinity.

    Raises
    ------
    ValueError
        If the two do not hold the same examples and units.
    """
    if before.shape != after.shape or before.ndim != 2:
        raise ValueError(
            f"expected two arrays of one shape (n, units), got {tuple(before.shape)} and "
            f"{tuple(after.shape)}; pass the same examples through both networks"
        )
    distance = (before.sort(0).values - after.sort(0).values).abs().mean(0)
    return torch.where(distance == 0, 0.0, distance / before.std(0, correction=0))


def gradient_shift(
    model: nn.Module,
    weight: str,
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    x: Tensor,
    y: Tensor,
) -> tuple[Tensor, Tensor]:
    """Compare a layer's gradient before and after the layers in front of it are updated.

    Parameters
    ----------
    model : classifier from (n, d) to (n, classes)
        Only its structure is used; no parameter and no buffer changes.
    weight : name of the layer's weight
    before, after : parameters by name at steps t and t + 1, in the order of the layers
    x, y : the batch of step t

    Returns
    -------
    G, G' : gradients of the weight, flat
        G with all parameters as before; for G' every parameter in front of `weight` is as after.

    References
    ----------
    Santurkar et al. (2018), "How Does Batch Normalization Help Optimization?".
    """
    names = list(before)
    moved = {name: after[name] for name in names[: names.index(weight)]}
    parts = ({}, moved)
    return tuple(_gradient(model, weight, {**before, **part}, x, y) for part in parts)


def _gradient(model: nn.Module, weight: str, parameters: dict, x: Tensor, y: Tensor) -> Tensor:
    leaf = parameters[weight].clone().requires_grad_()
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    with torch.random.fork_rng():  # G and G' see the same noise, where the net has any
        output = functional_call(model, ({**parameters, weight: leaf}, buffers), (x,))
    return torch.autograd.grad(nn.functional.cross_entropy(output, y), leaf)[0].flatten()


@torch.no_grad()
def layer_inputs(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Return what each linear layer but the first receives for `x`; `model` stays as it is."""
    model, inputs = copy.deepcopy(model), []
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    with torch.random.fork_rng():
        model(x)
    return inputs[1:]


def train_measured(
    model: nn.Module,
    split: Split,
    steps: Sequence[int],
    *,
    seed: int,
    epochs: int,
    learning_rate: float,
    every: int = 1,
) -> Shift:
    """Train by SGD with batches of 64, and measure both shifts at the given steps.

    Parameters
    ----------
    model : nn.Sequential from (n, d) to (n, classes)
    split, seed, epochs, learning_rate
        As in `training.train`.
    steps : step numbers from 1, the updates to be measured
    every : int
        Measure the gradients of each `every`-th linear layer only.

    Returns
    -------
    Shift
        Activations on the first 256 training examples, gradients on the batch of the step.
        Steps after the loss ceased to be finite have no row.
    """
    x, y = to_tensors(split.x_train, split.y_train)
    batches = list(shuffled_batches(len(x), 64, epochs, seed))
    weights = [name for name, value in model.named_parameters() if value.ndim == 2][1::every]
    rows, old = [], {}

    def remember(model: nn.Module) -> None:
        old["parameters"] = {n: p.detach().clone() for n, p in model.named_parameters()}
        old["inputs"] = layer_inputs(model, x[:256])

    def measure(step: int, model: nn.Module) -> None:
        if step in steps:
            new = {name: value.detach() for name, value in model.named_parameters()}
            chosen = batches[step - 1]
            pairs = [
                gradient_shift(model, name, old["parameters"], new, x[chosen], y[chosen])
                for name in weights
            ]
            inputs = zip(old["inputs"], layer_inputs(model, x[:256]), strict=True)
            rows.append(
                (
                    torch.stack([activation_shift(*pair).median() for pair in inputs]),
                    torch.stack([(g - h).norm() / g.norm() for g, h in pairs]),
                    torch.stack([nn.functional.cosine_similarity(*pair, dim=0) for pair in pairs]),
                )
            )
        if step + 1 in steps:
            remember(model)

    model.train()
    remember(model)
    train(model, split, seed=seed, epochs=epochs, learning_rate=learning_rate, after_step=measure)
    return Shift(*map(torch.stack, zip(*rows, strict=True)))
