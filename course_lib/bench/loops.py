"""Layer and RMS norm as loops over rows, compiled by numba: the peer that fuses by hand."""

import numba
import numpy as np

from course_lib.numpy_layers.moments import Array

_fast = numba.njit(fastmath={"reassoc", "contract"})  # without them a sum is not vectorized


def layer_norm(x: Array, shape: tuple, weight: Array, bias: Array, eps: float):
    """Normalize each row."""
    y, mean, inv_std = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    _layer_norm(x, weight, bias, eps, y, mean, inv_std)
    return y, (x, mean, inv_std, weight)


def layer_norm_backward(dy: Array, cache: tuple):
    """Pull `dy` back, one row at a time."""
    return _backward(dy, *cache, True)


def rms_norm(x: Array, shape: tuple, weight: Array, eps: float):
    """Divide each row by its root mean square."""
    y, inv_rms = np.empty_like(x), np.empty(len(x), x.dtype)
    _rms_norm(x, weight, eps, y, inv_rms)
    return y, (x, np.zeros_like(inv_rms), inv_rms, weight)


def rms_norm_backward(dy: Array, cache: tuple):
    """Pull `dy` back, one row at a time."""
    return _backward(dy, *cache, False)[:2]


@_fast
def _layer_norm(x, weight, bias, eps, y, mean, inv_std):
    rows, width = x.shape
    for i in range(rows):
        total = x.dtype.type(0)
        for j in range(width):
            total += x[i, j]
        m = total / x.dtype.type(width)
        total = x.dtype.type(0)
        for j in range(width):
            total += (x[i, j] - m) * (x[i, j] - m)
        s = x.dtype.type(1 / np.sqrt(total / width + eps))
        for j in range(width):
            y[i, j] = (x[i, j] - m) * s * weight[j] + bias[j]
        mean[i], inv_std[i] = m, s


@_fast
def _rms_norm(x, weight, eps, y, inv_rms):
    rows, width = x.shape
    for i in range(rows):
        total = x.dtype.type(0)
        for j in range(width):
            total += x[i, j] * x[i, j]
        s = x.dtype.type(1 / np.sqrt(total / width + eps))
        for j in range(width):
            y[i, j] = x[i, j] * s * weight[j]
        inv_rms[i] = s


@_fast
def _backward(dy, x, mean, inv_std, weight, centered):
    rows, width = x.shape
    dx, dweight, dbias = np.empty_like(x), np.zeros_like(weight), np.zeros_like(weight)
    for i in range(rows):
        m, s = mean[i], inv_std[i]
        along_ones, along_x_hat = x.dtype.type(0), x.dtype.type(0)
        for j in range(width):
            x_hat, g = (x[i, j] - m) * s, dy[i, j] * weight[j]
            along_ones += g
            along_x_hat += g * x_hat
            dweight[j] += dy[i, j] * x_hat
            dbias[j] += dy[i, j]
        along_ones = along_ones / x.dtype.type(width) if centered else x.dtype.type(0)
        along_x_hat /= x.dtype.type(width)
        for j in range(width):
            x_hat = (x[i, j] - m) * s
            dx[i, j] = s * (dy[i, j] * weight[j] - along_ones - x_hat * along_x_hat)
    return dx, dweight, dbias
