"""Gradient descent with momentum, and Adam; both update the parameters' own arrays."""

from collections.abc import Sequence

import numpy as np

from course_lib.numpy_layers.moments import Array


class SGD:
    """Gradient descent with momentum and weight decay, as torch.optim.SGD.

    Parameters
    ----------
    parameters : sequence of float arrays
        Changed in place by `step`.
    lr, momentum, weight_decay : float, none negative
        The velocity starts as the first gradient; the decay is added to the gradient, so that it
        enters the velocity too.
    """

    def __init__(
        self,
        parameters: Sequence[Array],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        _require_positive(lr=lr, momentum=momentum, weight_decay=weight_decay)
        self.parameters = list(parameters)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.velocities = [np.zeros_like(parameter) for parameter in self.parameters]

    def step(self, gradients: Sequence[Array]) -> None:
        """Move every parameter against its velocity; `gradients` in the parameters' order."""
        _require_gradients(self.parameters, gradients)
        for w, velocity, dw in zip(self.parameters, self.velocities, gradients, strict=True):
            velocity *= self.momentum
            velocity += dw + self.weight_decay * w
            w -= self.lr * velocity


class Adam:
    """Adam with L2 weight decay, as torch.optim.Adam; Kingma & Ba (2015).

    Parameters
    ----------
    parameters : sequence of float arrays
        Changed in place by `step`.
    lr, eps, weight_decay : float, none negative
        `eps` is added to the root of the corrected second moment; the decay to the gradient.
    betas : (float, float), from 0 to below 1
        How much of the mean gradient and of the mean squared gradient a step keeps.
    """

    def __init__(
        self,
        parameters: Sequence[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        _require_positive(lr=lr, eps=eps, weight_decay=weight_decay)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"expected betas from 0 to below 1, got {betas}; try (0.9, 0.999)")
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.means = [np.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [np.zeros_like(parameter) for parameter in self.parameters]
        self.steps = 0

    def step(self, gradients: Sequence[Array]) -> None:
        """Move every parameter by its mean gradient over the root of its mean square."""
        _require_gradients(self.parameters, gradients)
        self.steps += 1
        # Both averages start at 0; dividing by the weight they have seen removes that start.
        seen, seen_squares = (1 - beta**self.steps for beta in self.betas)
        state = zip(self.parameters, self.means, self.squares, gradients, strict=True)
        for w, mean, square, dw in state:
            g = dw + self.weight_decay * w
            mean += (1 - self.betas[0]) * (g - mean)
            square += (1 - self.betas[1]) * (g * g - square)
            w -= self.lr * (mean / seen) / (np.sqrt(square / seen_squares) + self.eps)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"expected {name} of at least 0, got {value}; use 0 to switch it off")


def _require_gradients(parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
    wanted, given = ([value.shape for value in values] for values in (parameters, gradients))
    if wanted != given:
        raise ValueError(
            f"expected gradients of shapes {wanted}, got {given}; one a parameter, in their order"
        )
