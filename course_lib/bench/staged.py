"""The norms as a first draft in NumPy: the formula as it stands, one array a step.

A peer, and how most NumPy code looks. It has no corrected mean, so it loses digits at large means.
"""

from collections.abc import Sequence

import numpy as np

from course_lib.numpy_layers.moments import Array


def layer_norm(
    x: Array, normalized_shape: Sequence[int], weight: Array, bias: Array, eps: float = 1e-5
) -> tuple[Array, tuple]:
    """Normalize over the last axis."""
    x_hat, inv_std = _standardize(x, (-1,), eps)
    return (x_hat * weight + bias).astype(x.dtype), (x_hat, inv_std, weight)


def layer_norm_backward(dy: Array, cache: tuple) -> tuple[Array, Array, Array]:
    """Pull `dy` back."""
    x_hat, inv_std, weight = cache
    dx = _standardize_backward(dy * weight, x_hat, inv_std, (-1,))
    return dx.astype(dy.dtype), (dy * x_hat).sum(0), _wide(dy).sum(0)


def rms_norm(
    x: Array, normalized_shape: Sequence[int], weight: Array, eps: float = 1e-5
) -> tuple[Array, tuple]:
    """Divide by the root mean square over the last axis."""
    wide = _wide(x)
    inv_rms = 1 / np.sqrt(np.mean(wide**2, axis=-1, keepdims=True) + eps)
    x_hat = wide * inv_rms
    return (x_hat * weight).astype(x.dtype), (x_hat, inv_rms, weight)


def rms_norm_backward(dy: Array, cache: tuple) -> tuple[Array, Array]:
    """Pull `dy` back."""
    x_hat, inv_rms, weight = cache
    g = dy * weight
    dx = inv_rms * (g - x_hat * np.mean(g * x_hat, axis=-1, keepdims=True))
    return dx.astype(dy.dtype), (dy * x_hat).sum(0)


def group_norm(
    x: Array, num_groups: int, weight: Array, bias: Array, eps: float = 1e-5
) -> tuple[Array, tuple]:
    """Normalize each example's groups of channels."""
    n, c, h, w = x.shape
    groups = x.reshape(n, num_groups, c // num_groups, h, w)
    x_hat, inv_std = _standardize(groups, (2, 3, 4), eps)
    y = x_hat.reshape(x.shape) * weight.reshape(c, 1, 1) + bias.reshape(c, 1, 1)
    return y.astype(x.dtype), (x_hat, inv_std, weight)


def group_norm_backward(dy: Array, cache: tuple) -> tuple[Array, Array, Array]:
    """Pull `dy` back."""
    x_hat, inv_std, weight = cache
    g = (dy * weight.reshape(-1, 1, 1)).reshape(x_hat.shape)
    dx = _standardize_backward(g, x_hat, inv_std, (2, 3, 4)).reshape(dy.shape)
    dweight = (dy * x_hat.reshape(dy.shape)).sum((0, 2, 3))
    return dx.astype(dy.dtype), dweight, _wide(dy).sum((0, 2, 3))


def batch_norm(
    x: Array,
    running_mean: None,
    running_var: None,
    weight: Array,
    bias: Array,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, tuple]:
    """Normalize each channel by the statistics of the batch; running ones are not kept."""
    x_hat, inv_std = _standardize(x, (0, 2, 3), eps)
    y = x_hat * weight.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1)
    return y.astype(x.dtype), (x_hat, inv_std, weight)


def batch_norm_backward(dy: Array, cache: tuple) -> tuple[Array, Array, Array]:
    """Pull `dy` back."""
    x_hat, inv_std, weight = cache
    dx = _standardize_backward(dy * weight.reshape(-1, 1, 1), x_hat, inv_std, (0, 2, 3))
    return dx.astype(dy.dtype), (dy * x_hat).sum((0, 2, 3)), _wide(dy).sum((0, 2, 3))


def dynamic_tanh(x: Array, alpha: Array, weight: Array, bias: Array) -> tuple[Array, tuple]:
    """Squash by ``tanh(alpha * x)``."""
    t = np.tanh(alpha * x)
    return t * weight + bias, (x, t, alpha, weight)


def dynamic_tanh_backward(dy: Array, cache: tuple) -> tuple[Array, Array, Array, Array]:
    """Pull `dy` back."""
    x, t, alpha, weight = cache
    dz = dy * weight * (1 - t**2)
    dalpha = _wide(dz * x).sum().reshape(1)
    return dz * alpha, dalpha, _wide(dy * t).sum(0), _wide(dy).sum(0)


def _wide(x: Array) -> Array:
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False)


def _standardize(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    wide = _wide(x)
    mean = np.mean(wide, axis=axes, keepdims=True)
    inv_std = 1 / np.sqrt(np.var(wide, axis=axes, keepdims=True) + eps)
    return (wide - mean) * inv_std, inv_std


def _standardize_backward(g: Array, x_hat: Array, inv_std: Array, axes: tuple[int, ...]) -> Array:
    mean_g = np.mean(g, axis=axes, keepdims=True)
    mean_gx = np.mean(g * x_hat, axis=axes, keepdims=True)
    return inv_std * (g - mean_g - x_hat * mean_gx)
