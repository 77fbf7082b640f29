"""Group and batch norm as loops over groups, each of some rows of x (n·c, s).

Row r holds the positions of channel r % c of one example. Group g has `count` rows: the first is
number g · `between`, the next ones each `step` further. Its statistics are those of its `runs`, the
same values, which are one long row where the rows are neighbours: number g, and then each `step`
further. A loop takes the groups from `first` to `last`; what it sums ends in float64.
"""

import math

import numpy as np

from course_lib.numba_kernels.compiled import compiled, plus, plus_square

PIECE = 1_024  # values that are summed in the dtype of x


@compiled
def normalize(
    runs, x, weight, bias, eps, y, mean, correction, var, inv_std, count, step, between, first, last
):  # fmt: skip
    """Normalize the rows of groups, scale and shift them; leave four statistics a group."""
    s, c, dtype, values = x.shape[1], len(weight), x.dtype.type, count * x.shape[1]
    length = runs.shape[1]
    for group in range(first, last):
        end = group + values // length * step  # of its runs
        total = 0.0
        for r in range(group, end, step):
            run = runs[r]
            for j in range(length):
                total = plus(total, np.float64(run[j]))
        m = dtype(total / values)
        rest = dtype(total / values - m)  # the digits of the mean that m has no room for
        square = 0.0
        for r in range(group, end, step):
            run = runs[r]
            for j in range(length):
                square = plus_square(square, (run[j] - m) - rest)
        inverse = dtype(1 / math.sqrt(square / values + eps))
        for r in range(group * between, group * between + count * step, step):
            row, out = x[r], y[r]
            scale, shift = inverse * weight[r % c], bias[r % c]
            for j in range(s):
                out[j] = ((row[j] - m) - rest) * scale + shift
        mean[group], correction[group] = m, rest
        var[group], inv_std[group] = square / values, inverse


@compiled
def normalize_backward(
    dy, x, weight, mean, correction, inv_std, dx, dweight, dbias, count, step, between, first, last
):  # fmt: skip
    """Write the rows of dx, and each row's part of dweight and dbias (n·c,), float64."""
    s, c, dtype, values = x.shape[1], len(weight), x.dtype.type, count * x.shape[1]
    for group in range(first, last):
        start, m, rest, inverse = group * between, mean[group], correction[group], inv_std[group]
        along, ones = 0.0, 0.0
        for r in range(start, start + count * step, step):
            row_along, dbias[r] = _sums(dy[r], x[r], m, rest)
            dweight[r] = row_along * inverse
            # The weight differs inside a group, so it enters before these sums, not after them.
            along += weight[r % c] * dweight[r]
            ones += weight[r % c] * dbias[r]
        slope, level = dtype(along / values * inverse * inverse), dtype(ones / values * inverse)
        for r in range(start, start + count * step, step):
            row, g, out, gain = x[r], dy[r], dx[r], weight[r % c] * inverse
            for j in range(s):
                out[j] = g[j] * gain - level - ((row[j] - m) - rest) * slope


@compiled
def _sums(dy, x, mean, rest):
    """Return the sums of dy · (x - mean) and of dy over one row."""
    along, ones = 0.0, 0.0
    for start in range(0, len(x), PIECE):
        g, values = dy[start : start + PIECE], x[start : start + PIECE]
        part_along, part_ones = x.dtype.type(0), x.dtype.type(0)
        for j in range(len(g)):
            part_along = plus(part_along, g[j] * ((values[j] - mean) - rest))
            part_ones = plus(part_ones, g[j])
        along += part_along
        ones += part_ones
    return along, ones
