"""Rows of length 1: each example divided by its own p-norm."""

import math

import numpy as np

from course_lib.numpy_layers.data_scaling import as_rows
from course_lib.numpy_layers.moments import Array


def unit_norm(x: Array, p: float = 2.0) -> Array:
    """Divide each row of `x` by its p-norm; a row of zeros stays.

    Parameters
    ----------
    x : (n, d) floats
    p : float, from 1 to ``math.inf``

    Returns
    -------
    y : (n, d), in the dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` is no table, or `p` below 1.

    Notes
    -----
    scikit-learn's ``normalize`` for p = 1, 2 and inf, but for two cases: it refuses a NaN, which
    here makes its row NaN, and leaves rows shorter than 2e-15 as they are.
    """
    wide = as_rows(x, None)
    require_order(p)
    # Without its largest value taken out first, the power of a large row overflows.
    largest = np.abs(wide).max(1, keepdims=True, initial=0.0)
    scaled = wide / np.where(largest == 0, 1.0, largest)
    if p < math.inf:
        norm = (np.abs(scaled) ** p).sum(1, keepdims=True) ** (1 / p)
        scaled = scaled / np.where(norm == 0, 1.0, norm)
    return scaled.astype(np.asarray(x).dtype)


def require_order(p: float) -> None:
    """Refuse an order that makes no norm."""
    if not p >= 1:
        raise ValueError(f"expected p of at least 1, got {p}; use 1, 2 or math.inf")
