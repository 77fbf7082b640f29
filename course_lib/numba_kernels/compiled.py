"""How the loops are compiled: strictly as written, but for the order of a sum."""

from collections.abc import Callable

import numba
import numpy as np

# Only sums may be taken in another order, which is what lets them use whole vectors. Were all
# arithmetic so free, (x - mean) - correction would become x - (mean + correction).
_reordered = numba.njit(fastmath={"reassoc", "contract"})


def compiled(loop: Callable) -> Callable:
    """Compile a loop for the types of its first call, and keep the result on disk where possible.

    It runs without the interpreter's lock, so that threads share its rows. What is kept belongs to
    the date of the loop's own file: after a change of this one, `make clean`.
    """
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(loop)
    except RuntimeError:  # no folder to write to
        return numba.njit(nogil=True, error_model="numpy")(loop)


@_reordered
def plus(total, value):
    """Add a term to a sum."""
    return total + value


@_reordered
def plus_square(total, value):
    """Add a square to a sum, in float64: squares of float32 have no place in float32."""
    return total + np.float64(value) * np.float64(value)
