"""Layer and RMS norm as loops over rows: a row is in the nearest cache from its second pass on.

Sums are of float64, values of the dtype of `x`. Each loop takes the rows from `first` to `last`.
"""

import math

import numpy as np

from course_lib.numba_kernels.compiled import compiled, plus, plus_square

ROWS = 64  # of which dweight and dbias are summed in the dtype of x, before they join the rest


@compiled
def layer_norm(x, weight, bias, eps, y, mean, correction, inv_std, first, last):
    """Normalize rows of x (b, d), scale and shift them; leave three statistics a row."""
    d, dtype = x.shape[1], x.dtype.type
    for i in range(first, last):
        row, out = x[i], y[i]
        total = 0.0
        for j in range(d):
            total = plus(total, np.float64(row[j]))
        m = dtype(total / d)
        c = dtype(total / d - m)  # the digits of the mean that m has no room for
        square = 0.0
        for j in range(d):
            square = plus_square(square, (row[j] - m) - c)
        s = dtype(1 / math.sqrt(square / d + eps))
        for j in range(d):
            out[j] = ((row[j] - m) - c) * s * weight[j] + bias[j]
        mean[i], correction[i], inv_std[i] = m, c, s


@compiled
def layer_norm_backward(
    dy, x, weight, mean, correction, inv_std, dx, dweight, dbias, first, last
):  # fmt: skip
    """Write rows of dx (b, d); add to dweight and dbias (d,), which are float64."""
    d, dtype = x.shape[1], x.dtype.type
    part_weight, part_bias = np.zeros(d, x.dtype), np.zeros(d, x.dtype)
    for start in range(first, last, ROWS):
        for i in range(start, min(start + ROWS, last)):
            row, g, out = x[i], dy[i], dx[i]
            m, c, s = mean[i], correction[i], inv_std[i]
            ones, along = 0.0, 0.0
            for j in range(d):
                x_hat = ((row[j] - m) - c) * s
                ones = plus(ones, np.float64(g[j] * weight[j]))
                along = plus(along, np.float64(g[j] * weight[j] * x_hat))
                part_weight[j] += g[j] * x_hat
                part_bias[j] += g[j]
            along_ones, along_x_hat = dtype(ones / d), dtype(along / d)
            for j in range(d):
                x_hat = ((row[j] - m) - c) * s
                out[j] = s * (g[j] * weight[j] - along_ones - x_hat * along_x_hat)
        for j in range(d):
            dweight[j] += part_weight[j]
            dbias[j] += part_bias[j]
        part_weight[:], part_bias[:] = 0, 0


@compiled
def rms_norm(x, weight, eps, y, inv_rms, first, last):
    """Divide rows of x (b, d) by their root mean square, and scale them."""
    d, dtype = x.shape[1], x.dtype.type
    for i in range(first, last):
        row, out = x[i], y[i]
        square = 0.0
        for j in range(d):
            square = plus_square(square, row[j])
        s = dtype(1 / math.sqrt(square / d + eps))
        for j in range(d):
            out[j] = row[j] * s * weight[j]
        inv_rms[i] = s


@compiled
def add_rms_norm(x, residual, weight, eps, y, added, inv_rms, first, last):
    """Add rows of x and of the residual, both (b, d); divide, scale, and keep the sum."""
    d, dtype = x.shape[1], x.dtype.type
    for i in range(first, last):
        row, other, stream, out = x[i], residual[i], added[i], y[i]
        square = 0.0
        for j in range(d):
            stream[j] = row[j] + other[j]
            square = plus_square(square, row[j] + other[j])
        s = dtype(1 / math.sqrt(square / d + eps))
        for j in range(d):
            out[j] = stream[j] * s * weight[j]
        inv_rms[i] = s


@compiled
def rms_norm_backward(dy, x, weight, inv_rms, dx, dweight, first, last):
    """Write rows of dx (b, d); add to dweight (d,), which is float64."""
    d, dtype = x.shape[1], x.dtype.type
    part = np.zeros(d, x.dtype)
    for start in range(first, last, ROWS):
        for i in range(start, min(start + ROWS, last)):
            row, g, out, s = x[i], dy[i], dx[i], inv_rms[i]
            along = 0.0
            for j in range(d):
                along = plus(along, np.float64(g[j] * weight[j] * row[j]))
                part[j] += g[j] * (row[j] * s)
            along_x = dtype(along / d * s * s)
            for j in range(d):
                out[j] = s * (g[j] * weight[j] - row[j] * along_x)
        for j in range(d):
            dweight[j] += part[j]
        part[:] = 0
