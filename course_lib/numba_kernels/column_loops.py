"""Group and batch norm of x (b, s, c), whose channels are last in memory, as loops over rows.

Each of the b sections has statistics of its own. A loop takes the sections from `first` to `last`,
and of them the channels from `low` to `high`; a sum ends in float64.
"""

import numpy as np

from course_lib.numba_kernels.compiled import compiled

ROWS = 32  # that are summed in the dtype of x


@compiled
def sums(x, origin, total, first, last, low, high):
    """Add the distances from origin (b, c) to total (b, c)."""
    part = np.zeros(high - low, x.dtype)
    for b in range(first, last):
        near, whole = origin[b, low:high], total[b, low:high]
        for start in range(0, x.shape[1], ROWS):
            for i in range(start, min(start + ROWS, x.shape[1])):
                row = x[b, i, low:high]
                for j in range(len(row)):
                    part[j] += row[j] - near[j]
            _flush(part, whole)


@compiled
def squares(x, mean, correction, total, first, last, low, high):
    """Add the squared distances from the mean (b, c) to total (b, c)."""
    part = np.zeros(high - low, x.dtype)
    for b in range(first, last):
        m, rest, whole = mean[b, low:high], correction[b, low:high], total[b, low:high]
        for start in range(0, x.shape[1], ROWS):
            for i in range(start, min(start + ROWS, x.shape[1])):
                row = x[b, i, low:high]
                for j in range(len(row)):
                    distance = (row[j] - m[j]) - rest[j]
                    part[j] += distance * distance
            _flush(part, whole)


@compiled
def affine(x, mean, correction, scale, shift, y, first, last, low, high):
    """Write y: x without its mean, scaled (b, c) and shifted (c,)."""
    move = shift[low:high]
    for b in range(first, last):
        m, rest, gain = mean[b, low:high], correction[b, low:high], scale[b, low:high]
        for i in range(x.shape[1]):
            row, out = x[b, i, low:high], y[b, i, low:high]
            for j in range(len(row)):
                out[j] = ((row[j] - m[j]) - rest[j]) * gain[j] + move[j]


@compiled
def products(dy, x, mean, correction, along, ones, first, last, low, high):
    """Add dy · (x - mean) to along (b, c) and dy to ones (b, c)."""
    part_along, part_ones = np.zeros(high - low, x.dtype), np.zeros(high - low, x.dtype)
    for b in range(first, last):
        m, rest = mean[b, low:high], correction[b, low:high]
        for start in range(0, x.shape[1], ROWS):
            for i in range(start, min(start + ROWS, x.shape[1])):
                row, g = x[b, i, low:high], dy[b, i, low:high]
                for j in range(len(row)):
                    part_along[j] += g[j] * ((row[j] - m[j]) - rest[j])
                    part_ones[j] += g[j]
            _flush(part_along, along[b, low:high])
            _flush(part_ones, ones[b, low:high])


@compiled
def project(dy, x, mean, correction, scale, slope, level, dx, first, last, low, high):
    """Write dx: dy scaled, less a multiple of x - mean and a constant; all factors are (b, c)."""
    for b in range(first, last):
        m, rest, gain = mean[b, low:high], correction[b, low:high], scale[b, low:high]
        steep, flat = slope[b, low:high], level[b, low:high]
        for i in range(x.shape[1]):
            row, g, out = x[b, i, low:high], dy[b, i, low:high], dx[b, i, low:high]
            for j in range(len(row)):
                out[j] = g[j] * gain[j] - flat[j] - ((row[j] - m[j]) - rest[j]) * steep[j]


@compiled
def _flush(part, whole):
    """Move a sum of a few rows into one of many."""
    for j in range(len(part)):
        whole[j] += part[j]
    part[:] = 0
