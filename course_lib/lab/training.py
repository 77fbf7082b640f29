"""One training loop for every experiment: seeded, on any device, with a history."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from course_lib.lab.data import Split
from course_lib.lab.progress import progress


@dataclass
class History:
    """What a training run left behind."""

    loss: list[float] = field(default_factory=list)  # mean cross-entropy in nats, one a step
    accuracy: list[float] = field(default_factory=list)  # on the test set, one an epoch

    @property
    def diverged(self) -> bool:
        """Whether the loss stopped being a finite number."""
        return bool(self.loss) and not math.isfinite(self.loss[-1])


def train(
    model: nn.Module,
    split: Split,
    *,
    seed: int,
    epochs: int = 5,
    learning_rate: float = 0.1,
    batch_size: int = 64,
    optimizer: type[torch.optim.Optimizer] = torch.optim.SGD,
    device: torch.device | str | None = None,
    after_step: Callable[[int, nn.Module], None] | None = None,
) -> History:
    """Train a classifier by cross-entropy on mini-batches.

    Parameters
    ----------
    model : module from (n, d) to (n, classes)
        Trained in place, on `device` (default: where its parameters are).
    split : Split
        See `lab.data`.
    seed : int
        Fixes the order of the examples; seed the model's own initialization before you build it.
    epochs, learning_rate, batch_size, optimizer
        The last, incomplete batch of an epoch is left out: batch norm cannot train on one example.
    after_step : function of (step, model), optional
        Called after each update, for measurements.

    Returns
    -------
    History
        Ends early, with the offending value last in `loss`, once the loss is not finite.
    """
    device = torch.device(device) if device else next(model.parameters()).device
    model.to(device)
    x, y = to_tensors(split.x_train, split.y_train, device)
    batches = shuffled_batches(len(x), batch_size, epochs, seed)
    steps_per_epoch = len(x) // batch_size
    rule = optimizer(model.parameters(), lr=learning_rate)
    history = History()
    for step, rows in enumerate(progress(batches, "training", epochs * steps_per_epoch), 1):
        model.train()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        history.loss.append(loss.item())
        if history.diverged:
            break
        rule.zero_grad()
        loss.backward()
        rule.step()
        if after_step is not None:
            after_step(step, model)
        if step % steps_per_epoch == 0:
            history.accuracy.append(accuracy(model, split.x_test, split.y_test))
    return history


@torch.no_grad()
def accuracy(model: nn.Module, x, y, *, training: bool = False) -> float:
    """Return the share of examples that `model` classifies correctly.

    With `training=True` batch statistics are used although nothing is learned; whatever the mode,
    the model's own mode and buffers are as before on return.
    """
    x, y = to_tensors(x, y, next(model.parameters()).device)
    was_training = model.training
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    model.train(training)
    share = (model(x).argmax(1) == y).float().mean().item()
    model.train(was_training)
    for name, value in model.named_buffers():
        value.copy_(buffers[name])
    return share


@torch.no_grad()
def recalibrate(model: nn.Module, x, batch_size: int = 64) -> None:
    """Replace the running statistics of `model` by their plain mean over one pass through `x`.

    No weight changes. Layers that keep no running statistics are left alone; the model's mode and
    each layer's momentum are as before on return.

    References
    ----------
    Wu & Johnson (2021), "Rethinking 'Batch' in BatchNorm", where it is called PreciseBN.
    """
    layers = [layer for layer in model.modules() if hasattr(layer, "reset_running_stats")]
    momenta, was_training = [layer.momentum for layer in layers], model.training
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    model.train()
    x = torch.as_tensor(x, device=next(model.parameters()).device)
    for rows in shuffled_batches(len(x), batch_size, epochs=1, seed=0):
        model(x[rows])
    model.train(was_training)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def to_tensors(x, y, device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """Return inputs and labels as tensors on `device`."""
    return torch.as_tensor(x, device=device), torch.as_tensor(y, device=device)


def shuffled_batches(n: int, batch_size: int, epochs: int, seed: int) -> Iterator[Tensor]:
    """Return the row numbers of each batch in turn, a new order each epoch."""
    if not 0 < batch_size <= n:
        raise ValueError(
            f"expected a batch size from 1 to {n}, the number of training examples, "
            f"got {batch_size}"
        )
    generator = torch.Generator().manual_seed(seed)
    orders = (torch.randperm(n, generator=generator) for _ in range(epochs))
    return (rows for order in orders for rows in order[: n - n % batch_size].split(batch_size))
