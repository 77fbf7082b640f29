"""Compare a learner's value with the right one, and say how they differ."""

from typing import Any, NamedTuple

import numpy as np


class Difference(NamedTuple):
    """How two values differ: in words, and with the numbers of the worst element."""

    problem: str
    detail: str | None = None


def difference(got: Any, wanted: Any, rtol: float, name: str = "the result") -> Difference | None:
    """Return how `got` differs from `wanted`, or None where it does not.

    Parameters
    ----------
    got : anything
    wanted : array, number or None
    rtol : float
        Tolerance relative to the largest magnitude in `wanted`.
    name : str
        What to call the value.
    """
    if wanted is None:
        return None
    if got is None:
        return Difference(f"{name} is None; did you forget to return it?")
    if type(got) is not np.ndarray and not isinstance(got, int | float | np.generic):
        kind = type(got).__name__
        return Difference(f"{name} is a {kind}; expected a NumPy array or a number")
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        return Difference(f"{name} has shape {got.shape}; expected {wanted.shape}")
    if not np.can_cast(got.dtype, np.longdouble) or got.dtype == bool:
        return Difference(f"{name} has dtype {got.dtype}; expected real numbers")
    return _difference_of_numbers(got, wanted, rtol, name)


def _difference_of_numbers(
    got: np.ndarray, wanted: np.ndarray, rtol: float, name: str
) -> Difference | None:
    got, wanted = got.astype(np.float64), wanted.astype(np.float64)
    if wanted.size == 0:
        return None
    if not np.isfinite(got).all() and np.isfinite(wanted).all():
        where, index = _worst(name, ~np.isfinite(got))
        return Difference(f"{name} is not finite", f"{where} is {got[index]}")
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    error = np.abs(np.subtract(got, wanted, where=~same, out=np.zeros_like(got)))
    if error.max() <= rtol * np.abs(np.where(np.isfinite(wanted), wanted, 0.0)).max():
        return None
    where, index = _worst(name, error)
    return Difference(
        f"{name} has wrong values",
        f"worst element: {where} should be {wanted[index]:.6g}, got {got[index]:.6g}",
    )


def _worst(name: str, score: np.ndarray) -> tuple[str, tuple[int, ...]]:
    """Return the element with the largest score: what to call it, and its position."""
    index = tuple(int(i) for i in np.unravel_index(np.argmax(score), score.shape))
    return f"{name}[{', '.join(map(str, index))}]" if index else name, index
