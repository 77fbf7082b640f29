"""Adaptive gradient clipping: no unit's gradient longer than a fraction of its weights."""

import math
from typing import Any

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_floats


def adaptive_gradient_clipping(
    gradient: Array, weight: Array, clipping: float = 0.01, eps: float = 1e-3
) -> Array:
    """Shorten the gradient of each unit to ``clipping`` times the length of its weights.

    Parameters
    ----------
    gradient, weight : floats of one shape, (out, *fan_in)
        One unit a row of the first axis; a vector or a scalar is one unit as a whole.
    clipping : float, positive
        λ: the longest step, measured in the unit's own length.
    eps : float, positive
        The least length of a unit: without it a weight of 0 could never move.

    Returns
    -------
    clipped : shape and dtype of `gradient`

    Raises
    ------
    TypeError
        If an argument is not floating-point.
    ValueError
        If the shapes differ, or `clipping` or `eps` is not positive.

    Notes
    -----
    Leave the classifier out, as the authors do.

    References
    ----------
    Brock et al. (2021), "High-performance large-scale image recognition without normalization".
    """
    gradient, weight = np.asarray(gradient), np.asarray(weight)
    require_pair(gradient, weight, clipping, eps)
    longest = clipping * np.maximum(_unit_length(weight), eps)
    length = _unit_length(gradient)
    too_long = length > longest
    factor = np.where(too_long, longest / np.where(too_long, length, 1), 1)
    return (as_statistics_dtype(gradient) * factor).astype(gradient.dtype)


def _unit_length(values: Array) -> Array:
    axes = tuple(range(1 if values.ndim > 1 else 0, values.ndim))
    return np.sqrt(np.square(as_statistics_dtype(values)).sum(axes, keepdims=True))


def require_pair(gradient: Any, weight: Any, clipping: float, eps: float) -> None:
    """Refuse a gradient of another shape, and a limit that clips everything or nothing."""
    require_floats(gradient, {"weight": weight})
    if tuple(gradient.shape) != tuple(weight.shape):
        raise ValueError(
            f"expected gradient of the shape of weight {tuple(weight.shape)}, got "
            f"{tuple(gradient.shape)}; give each weight its own gradient"
        )
    if not (0 < clipping < math.inf and 0 < eps < math.inf):
        raise ValueError(
            f"expected clipping and eps above 0, got {clipping} and {eps}; try 0.01 and 1e-3"
        )
