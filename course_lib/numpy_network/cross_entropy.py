"""Softmax and cross-entropy in one, with its hand-derived backward."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_lib.numpy_layers.moments import Array, as_statistics_dtype


class CrossEntropyCache(NamedTuple):
    """What the backward pass needs."""

    probabilities: Array  # (n, c), each row sums to 1
    target: NDArray[np.integer]  # (n,)
    dtype: np.dtype


def cross_entropy(x: Array, target: NDArray[np.integer]) -> tuple[Array, CrossEntropyCache]:
    """Average, over the batch, minus the log of the probability of the right class.

    Parameters
    ----------
    x : (n, c) floats
        Logits: the probabilities are their softmax.
    target : (n,) int
        The right class of each example, from 0 to c - 1.

    Returns
    -------
    loss : () float, in the dtype of `x`
    cache : CrossEntropyCache

    Raises
    ------
    TypeError
        If `x` is not floating-point or `target` not integer.
    ValueError
        If the shapes do not fit, the batch is empty, or a class does not exist.
    """
    x, target = np.asarray(x), np.asarray(target)
    wide = as_statistics_dtype(x)
    if not np.issubdtype(target.dtype, np.integer):
        raise TypeError(
            f"expected target of integer dtype, got {target.dtype}; "
            "give the index of the class, not its probabilities"
        )
    if x.ndim != 2 or target.shape != x.shape[:1] or len(x) == 0:
        raise ValueError(
            f"expected x of shape (n, c) and target of shape (n,) with n > 0, got {x.shape} and "
            f"{target.shape}; one class index an example"
        )
    if target.min() < 0 or target.max() >= x.shape[1]:
        raise ValueError(
            f"expected classes from 0 to {x.shape[1] - 1}, got {target.min()} to {target.max()}; "
            "number the classes from 0"
        )
    # A constant added to a row of logits changes no probability: this one prevents overflow.
    shifted = wide - wide.max(1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(1, keepdims=True))
    loss = (log_sum[:, 0] - shifted[np.arange(len(x)), target]).mean()
    return loss.astype(x.dtype), CrossEntropyCache(np.exp(shifted - log_sum), target, x.dtype)


def cross_entropy_backward(dy: Array | float, cache: CrossEntropyCache) -> Array:
    """Return the gradient of the logits, (n, c), for a loss whose own gradient is `dy`.

    The log of the sum pulls every logit down by its probability, the right one is pushed up by 1.
    """
    probabilities, target, dtype = cache
    dx = probabilities.copy()
    dx[np.arange(len(dx)), target] -= 1
    return (dx * (dy / len(dx))).astype(dtype)
