"""Mean and variance of rows while they are in the cache; `numpy_layers.moments`, made fast.

What makes it fast: blocks that a core's own cache holds, sums by matrix-vector products, sums of
squares by `np.vecdot`, results written into arrays that exist, and ufunc buffers no longer than a
row, without which NumPy copies every broadcast operand.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array

# With what is computed from it, a block fits into a core's second-level cache of 1 MiB. Groups have
# more small arithmetic a block, so fewer and larger blocks are faster there.
ROW_BYTES, GROUP_BYTES = 2**19, 2**20
LONG, PIECE = 4_096, 1_024  # values of a row


class RowMoments(NamedTuple):
    """Statistics of each row of `x` (r, *k); all of shape (r,)."""

    mean: Array  # as first computed: its error is proportional to it
    correction: Array  # of the mean, where that matters; 0 elsewhere
    var: Array  # biased
    inv_std: Array

    def of(self, block: slice) -> "RowMoments":
        """Return views of the statistics of some rows."""
        return RowMoments(*(values[block] for values in self))


def empty_moments(rows: Array) -> RowMoments:
    """Return room for the statistics of `rows`."""
    return RowMoments(*np.empty((len(RowMoments._fields), len(rows)), rows.dtype))


def blocks(rows: Array, size: int) -> Iterator[slice]:
    """Yield slices of the first axis that hold about `size` bytes."""
    step = max(1, size * len(rows) // rows.nbytes)
    for start in range(0, len(rows), step):
        yield slice(start, start + step)


def shorten_buffers(rows: Array) -> None:
    """Make ufunc buffers no longer than the last axis; the caller's np.errstate() undoes it."""
    np.setbufsize(min(8192, max(16, rows.shape[-1] // 16 * 16)))  # a multiple of 16


def column(values: Array, rows: Array) -> Array:
    """Reshape (r,) to (r, *1), so that each value stands beside its row."""
    return values.reshape(-1, *(1,) * (rows.ndim - 1))


def measure(rows: Array, out: Array, eps: float, moments: RowMoments) -> Array:
    """Copy `rows` (r, *k) to `out` and write their statistics into `moments`.

    Returns
    -------
    rest : (r,)
        What is still to be subtracted from `out`.

    Notes
    -----
    E[x²] - E[x]² loses the more digits the larger the mean; up to a mean of one standard
    deviation it loses a bit, and one sweep over `out` does for both sums. Where a row of the
    block has a larger mean, the mean is subtracted first and the rest measured again: the
    corrected two-pass form of `numpy_layers.moments`.
    """
    np.copyto(out, rows)  # unlike a ufunc it need not read the memory that it writes
    rest = _measure_once(out, eps, moments)
    moments.mean[:], moments.correction[:] = rest, 0
    for _ in range(2):  # twice for a row of equal values, whose first rest is all rounding
        if not is_far(rest, moments.inv_std):
            break
        out -= column(rest, out)
        rest = _measure_once(out, eps, moments)
        np.add(moments.correction, rest, out=moments.correction)
    return rest


def is_far(rest: Array, inv_std: Array) -> bool:
    """Tell whether a row has a mean of more than one standard deviation."""
    return bool(np.any(np.abs(rest) * inv_std > 1))


def center_again(rows: Array, moments: RowMoments, out: Array) -> tuple[Array, Array]:
    """Return an array like `rows`, the caller's or `out`, and the (r,) to be subtracted from it."""
    if not is_far(moments.mean, moments.inv_std):
        return rows, moments.mean
    np.subtract(rows, column(moments.mean, rows), out=out)
    out -= column(moments.correction, rows)
    return out, np.zeros_like(moments.mean)


def _measure_once(rows: Array, eps: float, moments: RowMoments) -> Array:
    """Return the mean of each row; write variance and inverse deviation into `moments`."""
    count, pieces = math.prod(rows.shape[1:]), _in_pieces(rows)
    ones = np.ones(pieces.shape[-1], rows.dtype)
    mean, square = (
        values.reshape(len(rows), -1).sum(1) / count
        for values in (np.matmul(pieces, ones), np.vecdot(pieces, pieces))
    )
    np.maximum(square - mean**2, 0, out=moments.var)
    np.divide(1, np.sqrt(moments.var + eps), out=moments.inv_std)
    return mean


def _in_pieces(rows: Array) -> Array:
    """Cut rows that are long: one sum of many loses digits that a sum of short sums keeps."""
    piece = math.gcd(rows.shape[-1], PIECE)
    long = rows.shape[-1] > LONG and piece > 16
    return rows.reshape(*rows.shape[:-1], -1, piece) if long else rows


def normalize_groups(
    groups: Array, out: Array, weight: Array | None, bias: Array | None, eps: float
) -> RowMoments:
    """Write the normalized, scaled and shifted `groups` (r, k, s) into `out`.

    `weight` and `bias` are (r, k, 1) or (r, 1, 1), or None: one number for s values in a row.
    """
    moments = empty_moments(groups)
    with np.errstate():
        shorten_buffers(groups)
        for block in blocks(groups, GROUP_BYTES):
            part, own = out[block], moments.of(block)
            rest = column(measure(groups[block], part, eps, own), part)
            scale = column(own.inv_std, part)
            scale = scale if weight is None else scale * weight[block]
            part *= scale
            part += -rest * scale if bias is None else bias[block] - rest * scale
    return moments


def normalize_groups_backward(
    dy: Array, groups: Array, out: Array, moments: RowMoments, weight: Array | None
) -> tuple[Array, Array]:
    """Write the gradient of `groups` (r, k, s) into `out`; return dweight and dbias, (r, k).

    All sums follow from those of dy and of dy · x along the last axis.
    """
    dweight, dbias = np.empty((2, *groups.shape[:2]), groups.dtype)
    count, ones = math.prod(groups.shape[1:]), np.ones(groups.shape[2], groups.dtype)
    room = np.empty_like(groups[next(blocks(groups, GROUP_BYTES))])
    with np.errstate():
        shorten_buffers(groups)
        for block in blocks(groups, GROUP_BYTES):
            g, own = dy[block], moments.of(block)
            part, gain = room[: len(g)], 1 if weight is None else weight[block]
            x, rest = center_again(groups[block], own, part)
            inv_std, rest = column(own.inv_std, g), column(rest, g)
            np.matmul(g, ones, out=dbias[block])
            along_x = np.vecdot(g, x) - rest[:, 0] * dbias[block]
            np.multiply(along_x, inv_std[:, 0], out=dweight[block])
            along_ones, along_x_hat = (
                (gain * sums[block, :, None]).sum(1, keepdims=True) * inv_std / count
                for sums in (dbias, dweight)
            )
            np.multiply(x, along_x_hat * inv_std, out=part)
            part += along_ones - rest * along_x_hat * inv_std
            np.multiply(g, gain * inv_std, out=out[block])
            out[block] -= part
    return dweight, dbias
