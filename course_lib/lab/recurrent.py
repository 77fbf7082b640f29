"""LSTM classifiers with and without layer norm: several seeds at once, and gradients over time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, layer_norm

from course_lib.lab.progress import progress
from course_lib.lab.training import shuffled_batches


class LSTMs(nn.Module):
    """Independent LSTM classifiers, one a seed, stacked along the first axis of each parameter.

    A time step of one small cell costs more in calls than in arithmetic, so the nets step
    together; no value of one reaches another.

    Parameters
    ----------
    inputs, hidden, classes : int
    seeds : sequence of int
        One net each; a net's initial weights depend on its own seed alone.
    normalize : bool
        Layer norm on both products and, before its tanh, on the cell.
    forget_bias : float
        Where the bias of the forget gate starts; all other biases start at 0.
    gain : float
        Where the gains γ start.

    References
    ----------
    Ba, Kiros & Hinton (2016), "Layer normalization", supplementary material. Their two shifts of
    the normalized products add to the same sum as the bias, and are left out.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        classes: int,
        seeds: Sequence[int],
        *,
        normalize: bool = False,
        forget_bias: float = 0.0,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.normalize, self.hidden = normalize, hidden
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]

        def uniform(*shape: int) -> nn.Parameter:
            """Draw from ±1/√hidden, as torch's LSTM does."""
            draws = [torch.rand(shape, generator=g) for g in generators]
            return nn.Parameter((2 * torch.stack(draws) - 1) * hidden**-0.5)

        def constant(value: float, size: int) -> nn.Parameter:
            return nn.Parameter(torch.full((len(seeds), 1, size), float(value)))

        self.w_x, self.w_h = uniform(inputs, 4 * hidden), uniform(hidden, 4 * hidden)
        self.w_out, self.b_out = uniform(hidden, classes), constant(0.0, classes)
        self.b = constant(0.0, 4 * hidden)
        self.b.data[..., :hidden] = forget_bias
        if normalize:
            self.gain_x, self.gain_h = constant(gain, 4 * hidden), constant(gain, 4 * hidden)
            self.gain_c, self.shift_c = constant(gain, hidden), constant(0.0, hidden)

    def forward(self, x: Tensor, cells: list[Tensor] | None = None) -> Tensor:
        """Return logits (seeds, n, classes) for x (seeds, steps, n, inputs).

        With `cells`, each step's cell (seeds, n, hidden) is appended to it.
        """
        from_x = self.gained(x.flatten(1, 2) @ self.w_x, "x") + self.b
        h = c = x.new_zeros(len(x), x.shape[2], self.hidden)
        for step_x in from_x.unflatten(1, x.shape[1:3]).unbind(1):
            h, c = self.step(step_x, h, c)
            if cells is not None:
                cells.append(c)
        return h @ self.w_out + self.b_out

    def step(self, from_x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c, each (seeds, n, hidden), one step later."""
        gates = from_x + self.gained(h @ self.w_h, "h")
        fio, g = gates.split((3 * self.hidden, self.hidden), -1)
        f, i, o = torch.sigmoid(fio).chunk(3, -1)
        c = f * c + i * torch.tanh(g)
        read = self.gained(c, "c") + self.shift_c if self.normalize else c
        return o * torch.tanh(read), c

    def gained(self, z: Tensor, name: str) -> Tensor:
        """Normalize `z` over its last axis and multiply by its gain; leave it in a plain net."""
        if not self.normalize:
            return z
        # torch's own: one fused call instead of eight, here a hundred thousand times.
        return layer_norm(z, z.shape[-1:]) * getattr(self, f"gain_{name}")


def train(
    model: LSTMs,
    x: Tensor,
    y: Tensor,
    seeds: Sequence[int],
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int = 32,
) -> None:
    """Train the nets by Adam, each on its own order of the same examples.

    Parameters
    ----------
    model : LSTMs
        Trained in place.
    x : (n, steps, inputs)
    y : (n,) class numbers
    seeds : sequence of int
        One a net; fixes the order of its examples.
    epochs, learning_rate, batch_size
        A net's gradient is scaled down to norm 1 where it is longer.
    """
    rule = torch.optim.Adam(model.parameters(), lr=learning_rate)
    orders = [shuffled_batches(len(x), batch_size, epochs, seed) for seed in seeds]
    updates = epochs * (len(x) // batch_size)
    for batches in progress(zip(*orders, strict=True), "training", updates):
        rows = torch.stack(batches)
        rule.zero_grad()
        total_loss(model, x[rows], y[rows]).backward()
        squares = [p.grad.square().flatten(1).sum(1) for p in model.parameters()]
        shrink = torch.stack(squares).sum(0).rsqrt().clamp(max=1)
        for parameter in model.parameters():
            parameter.grad *= shrink.view(-1, 1, 1)
        rule.step()


def total_loss(model: LSTMs, x: Tensor, y: Tensor, cells: list[Tensor] | None = None) -> Tensor:
    """Return the sum over nets of the mean cross-entropy; x is (seeds, n, steps, inputs)."""
    logits = model(x.transpose(1, 2), cells)
    return cross_entropy(logits.flatten(0, 1), y.flatten()) * len(x)


def accuracies(model: LSTMs, x: Tensor, y: Tensor) -> Tensor:
    """Return the accuracy of each net, (seeds,), on the same examples x (n, steps, inputs)."""
    with torch.no_grad():
        logits = model(x.transpose(0, 1).expand(len(model.w_x), -1, -1, -1))
    return (logits.argmax(-1) == y).float().mean(1)


def gradient_over_time(model: LSTMs, x: Tensor, y: Tensor) -> Tensor:
    """Return the norm of the loss's gradient at each step's cell, (seeds, steps)."""
    nets, cells = len(model.w_x), []
    loss = total_loss(model, x.expand(nets, *x.shape), y.expand(nets, -1), cells)
    gradients = torch.autograd.grad(loss, cells)
    return torch.stack([g.flatten(1).norm(dim=1) for g in gradients], 1)


@torch.no_grad()
def cells_over_time(model: LSTMs, x: Tensor) -> Tensor:
    """Return every cell of every net, (steps, seeds, n, hidden), on x (n, steps, inputs)."""
    cells: list[Tensor] = []
    model(x.transpose(0, 1).expand(len(model.w_x), -1, -1, -1), cells)
    return torch.stack(cells)


def read_out(states: Tensor, y: Tensor, test_states: Tensor, test_y: Tensor) -> Tensor:
    """Return the test accuracy of a linear classifier of `states`, fitted by least squares.

    Parameters
    ----------
    states, test_states : (seeds, n, hidden)
        Standardized by the mean and spread of `states`: how large the numbers are plays no part.
    y, test_y : (n,) class numbers
    """
    center, spread = states.mean(1, keepdim=True), states.std(1, keepdim=True)

    def rows(z: Tensor) -> Tensor:
        standardized = ((z - center) / spread).double()
        return nn.functional.pad(standardized, (0, 1), value=1.0)

    targets = nn.functional.one_hot(y).double().expand(len(states), -1, -1)
    weights = torch.linalg.lstsq(rows(states), targets).solution
    return ((rows(test_states) @ weights).argmax(-1) == test_y).float().mean(1)
