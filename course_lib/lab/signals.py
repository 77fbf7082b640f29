"""Signals and gradients in deep random nets: simulated, and predicted for infinite width.

Layer l computes ``pre[l] = act(pre[l-1]) @ weights[l].T + bias``; the weights have variance
``scale**2 / fan_in``, so that `scale` says the same at every width.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Midpoint rule for means over a standard normal. For smooth functions it errs below rounding, and
# Gauss-Hermite does not once tanh is steep; an even count keeps ReLU's kink between two nodes.
_NODES = np.linspace(-8, 8, 401)[:-1] + 0.02
_WEIGHTS = np.exp(-(_NODES**2) / 2)
_WEIGHTS /= _WEIGHTS.sum()


class Activation(NamedTuple):
    """A scalar function and its derivative, both elementwise."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1 + np.tanh(z / 2))  # 1 / (1 + exp(-z)) without its overflow


ACTIVATIONS = {
    "linear": Activation(lambda z: z, np.ones_like),
    "ReLU": Activation(lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": Activation(_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z)),
}


def draw_weights(
    rng: Generator, widths: Sequence[int], scale: float, orthogonal: bool = False
) -> list[Array]:
    """Draw one weight a layer, with mean square ``scale**2 / fan_in``.

    Parameters
    ----------
    rng : Generator
    widths : sequence of int
        Of the input and of every layer.
    scale : float
    orthogonal : bool
        Draw `scale` times a uniform orthogonal matrix instead of independent normal numbers;
        the widths must then be equal.

    Returns
    -------
    list of (fan_out, fan_in) arrays
    """
    weights = [
        rng.normal(0, fan_in**-0.5, (fan_out, fan_in)) for fan_in, fan_out in pairwise(widths)
    ]
    if orthogonal:
        factors = [np.linalg.qr(weight) for weight in weights]
        weights = [q * np.sign(np.diag(r)) for q, r in factors]  # the signs make q uniform
    return [scale * weight for weight in weights]


def forward(x: Array, weights: Sequence[Array], act: Activation, biases=None) -> list[Array]:
    """Return the pre-activations of every layer; equation (signal-layer) of the chapter.

    Parameters
    ----------
    x : (b, d) array
        Inputs; the first layer gets them as they are.
    weights : sequence of (fan_out, fan_in) arrays
    act : Activation
    biases : sequence of (fan_out,) arrays, optional

    Returns
    -------
    list of (b, fan_out) arrays
    """
    pre: list[Array] = []
    for layer, weight in enumerate(weights):
        pre.append((act.value(pre[-1]) if pre else x) @ weight.T)
        if biases is not None:
            pre[-1] += biases[layer]
    return pre


def backward(
    dpre: Array, pre: Sequence[Array], weights: Sequence[Array], act: Activation
) -> list[Array]:
    """Return the gradients at every layer's pre-activations; equation (signal-backward).

    Parameters
    ----------
    dpre : (b, fan_out) array
        Gradient at the last pre-activation.
    pre : sequence of arrays
        From `forward`.
    weights, act
        As given to `forward`.

    Returns
    -------
    list of arrays, shaped like `pre`
    """
    deltas = [dpre]
    for weight, z in zip(weights[:0:-1], pre[-2::-1], strict=True):
        deltas.append((deltas[-1] @ weight) * act.slope(z))
    return deltas[::-1]


def jacobian(x: Array, weights: Sequence[Array], act: Activation) -> Array:
    """Return d pre[-1] / d x at one input x of shape (d,): an array of shape (fan_out, d)."""
    pre = forward(x[None], weights, act)
    product = weights[0]
    for weight, z in zip(weights[1:], pre, strict=False):
        product = weight @ (act.slope(z).T * product)
    return product


def normal_mean(function: Callable[[Array], Array], std: float = 1.0) -> float:
    """Return the mean of ``function(std * z)`` over standard normal z, by quadrature."""
    return float(_WEIGHTS @ function(std * _NODES))


def next_variance(q: float, scale: float, act: Activation, bias_std: float = 0.0) -> float:
    """Return the mean square of a pre-activation from the layer before; (signal-forward)."""
    return scale**2 * normal_mean(lambda z: act.value(z) ** 2, q**0.5) + bias_std**2


def gradient_growth(q: float, scale: float, act: Activation) -> float:
    """Return χ, by which one layer multiplies the mean squared gradient; (signal-chi)."""
    return scale**2 * normal_mean(lambda z: act.slope(z) ** 2, q**0.5)


def growth_per_layer(scale: float, act: Activation, depth: int) -> Array:
    """Return χ of layers 1 to depth - 1, for inputs of mean square 1 and no biases."""
    q, growth = scale**2, []
    for _ in range(depth - 1):
        growth.append(gradient_growth(q, scale, act))
        q = next_variance(q, scale, act)
    return np.array(growth)


def next_correlation(
    c: float, q: float, scale: float, act: Activation, bias_std: float = 0.0
) -> float:
    """Return the next layer's correlation of two inputs whose pre-activations have variance q.

    Parameters
    ----------
    c : float
        This layer's correlation.
    q : float
        This layer's mean square, equal for both inputs.
    scale, act, bias_std
        Of the next layer.
    """
    first = q**0.5 * _NODES[:, None]
    second = c * first + (1 - c * c) ** 0.5 * q**0.5 * _NODES
    product = _WEIGHTS @ (act.value(first) * act.value(second)) @ _WEIGHTS
    return float(scale**2 * product + bias_std**2) / next_variance(q, scale, act, bias_std)


def evenness(matrix: Array) -> float:
    """Return (mean s²)² / mean s⁴ over the singular values s; (signal-evenness).

    It is 1 if all singular values are equal, and near k/n if k of n are equal and the rest 0.
    """
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    return float(squares.mean() ** 2 / (squares**2).mean())
