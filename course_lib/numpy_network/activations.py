"""Elementwise activations; each backward takes the one array that its slope can be read from."""

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype


def relu(x: Array) -> tuple[Array, Array]:
    """Return ``max(x, 0)`` and the output as cache; `x` must be floating-point."""
    as_statistics_dtype(x)  # refuses what is not floating-point
    y = np.maximum(x, 0)
    return y, y


def relu_backward(dy: Array, y: Array) -> Array:
    """Let `dy` through where the output is positive; at 0 the slope is 0, as torch has it."""
    return np.where(y > 0, dy, 0).astype(dy.dtype)


def tanh(x: Array) -> tuple[Array, Array]:
    """Return the hyperbolic tangent and the output as cache; `x` must be floating-point."""
    y = np.tanh(as_statistics_dtype(x)).astype(x.dtype)
    return y, y


def tanh_backward(dy: Array, y: Array) -> Array:
    """Multiply `dy` by the slope, 1 - y²."""
    return (dy * (1 - y) * (1 + y)).astype(dy.dtype)


def sigmoid(x: Array) -> tuple[Array, Array]:
    """Return ``1 / (1 + exp(-x))`` and the output as cache; `x` must be floating-point."""
    wide = as_statistics_dtype(x)
    tail = np.exp(-np.abs(wide))  # of the negative side only: it cannot overflow
    y = (np.where(wide >= 0, 1, tail) / (1 + tail)).astype(x.dtype)
    return y, y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Multiply `dy` by the slope, y (1 - y)."""
    return (dy * y * (1 - y)).astype(dy.dtype)
