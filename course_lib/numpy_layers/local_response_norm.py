"""Local response normalization: a value is divided by the size of its neighbours' channels."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_floats


class LocalResponseNormCache(NamedTuple):
    """What the backward pass needs."""

    x: Array  # (n, c, *s)
    scale: Array  # (n, c, *s): k + alpha / size times the window's sum of squares
    size: int
    alpha: float
    beta: float


class LocalResponseNormGrads(NamedTuple):
    """Gradients of `local_response_norm`, which has no parameters."""

    dx: Array  # (n, c, *s)


def local_response_norm(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array, LocalResponseNormCache]:
    """Divide `x` by ``(k + alpha · mean square over a window of channels) ** beta``.

    Parameters
    ----------
    x : (n, c, *s) floats
        Channels on axis 1, and at least one axis of positions.
    size : int
        Channels in a window: size // 2 before a channel, itself, and (size − 1) // 2 after it.
    alpha, beta, k : float

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : LocalResponseNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` has no axis of positions, or a window has no channel.

    Notes
    -----
    As in torch the mean divides by `size` also at the borders, where channels that do not exist
    count as 0. The paper's α multiplies the sum instead: alpha here is `size` times it.

    References
    ----------
    Krizhevsky, Sutskever & Hinton (2012), "ImageNet classification with deep convolutional neural
    networks".
    """
    x = np.asarray(x)
    require_window(x, size)
    wide = as_statistics_dtype(x)
    scale = k + alpha / size * _window_sums(np.square(wide), size, before=size // 2)
    y = wide / scale**beta
    return y.astype(x.dtype), LocalResponseNormCache(wide, scale, size, alpha, beta)


def local_response_norm_backward(
    dy: Array, cache: LocalResponseNormCache
) -> LocalResponseNormGrads:
    """Pull `dy`, of the shape of `x`, back through local response norm.

    A channel is in the windows of others where they are in its window mirrored: with the longer
    side, of an even size, after the channel in place of before it.
    """
    x, scale, size, alpha, beta = cache
    wide_dy = as_statistics_dtype(dy)
    power = scale**-beta
    received = _window_sums(wide_dy * x * power / scale, size, before=(size - 1) // 2)
    dx = wide_dy * power - 2 * alpha * beta / size * x * received
    return LocalResponseNormGrads(dx.astype(dy.dtype))


def require_window(x: Array, size: int) -> None:
    """Refuse `x` without positions, and a window without a channel."""
    require_floats(x, {})
    if x.ndim < 3:
        raise ValueError(
            f"expected x of shape (n, c, ...) with at least 3 axes, got {tuple(x.shape)}; "
            "add an axis of positions with x[..., None]"
        )
    if size < 1:
        raise ValueError(
            f"expected size of at least 1, got {size}; a window holds the channel itself"
        )


def _window_sums(values: Array, size: int, before: int) -> Array:
    """Sum, for every channel, `before` channels before it, itself and the rest of `size` after."""
    n, c, *s = values.shape
    count = -(-c // size) + 1
    padded = np.zeros((n, count * size, *s), values.dtype)  # a channel's index is its window's
    blocks = padded.reshape(n, count, size, *s)  # a view
    padded[:, before : before + c] = values
    # A window is the end of one block and the start of the next, both of them cumulative sums:
    # no sums are subtracted, so a large channel hides no small one.
    ends = blocks[:, :, ::-1].cumsum(2)[:, :, ::-1].reshape(padded.shape)
    starts = np.zeros_like(blocks)
    blocks[:, :, :-1].cumsum(2, out=starts[:, :, 1:])
    return ends[:, :c] + starts.reshape(padded.shape)[:, size : size + c]
