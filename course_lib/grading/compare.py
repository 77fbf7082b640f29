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
    if not np.issubdtype(got.dtype, np.number):
        return Difference(f"{name} has dtype {got.dtype}; expected numbers")
    return _difference_of_numbers(got, wanted, rtol, name)


def _difference_of_numbers(
    got: np.ndarray, wanted: np.ndarray, rtol: float, name: str
) -> Difference | None:
    got, wanted = got.astype(np.float64), wanted.astype(np.float64)
    if wanted.size == 0:
        return None
    if not np.isfinite(got).all() and np.isfinite(wanted).all():
        index = _index(~np.isfinite(got))
        return Difference(f"{name} is not finite", f"{name}{index} is {got[index]}")
    with np.errstate(invalid="ignore"):
        error = np.where(got == wanted, 0.0, np.abs(got - wanted))
    if np.nanmax(error) <= rtol * np.abs(wanted).max() and not np.isnan(error).any():
        return None
    index = _index(error)
    where = f"{name}[{', '.join(map(str, index))}]" if index else name
    return Difference(
        f"{name} has wrong values",
        f"worst element: {where} should be {wanted[index]:.6g}, got {got[index]:.6g}",
    )


def _index(score: np.ndarray) -> tuple[int, ...]:
    """Return the position of the largest score."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(score), score.shape))
