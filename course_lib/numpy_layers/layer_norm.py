"""Layer normalization: one mean and one variance an example, taken over its trailing axes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype, standardize
from course_lib.numpy_layers.shapes import require_eps, require_trailing


class LayerNormCache(NamedTuple):
    """What the backward pass needs; the mean is not part of it."""

    x_hat: Array  # (*b, *normalized_shape)
    inv_std: Array  # (*b, *1)
    weight: Array | None  # normalized_shape
    bias: Array | None  # normalized_shape
    axes: tuple[int, ...]  # the axes that shared one mean


class LayerNormGrads(NamedTuple):
    """Gradients of `layer_norm`; a parameter that was not given has gradient None."""

    dx: Array
    dweight: Array | None
    dbias: Array | None


def layer_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, LayerNormCache]:
    """Normalize each example of `x` over its trailing axes.

    Parameters
    ----------
    x : (*b, *normalized_shape) floats
    normalized_shape : sequence of int
        The trailing shape that shares one mean, for example ``(d,)``.
    weight, bias : normalized_shape floats, or None
        γ and β, one value a feature; None stands for 1 and 0.
    eps : float
        Added to the biased variance, inside the square root.

    Returns
    -------
    y : shape and dtype of `x`
    cache : LayerNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` does not end in `normalized_shape`, a parameter has another shape, or `eps` is
        negative or not finite.

    Notes
    -----
    Axes: the last ``len(normalized_shape)``. No value depends on another example, so training
    and evaluation compute the same. Biased variance.

    References
    ----------
    Ba, Kiros & Hinton (2016), "Layer normalization", equation 3.
    """
    x = np.asarray(x)
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight, "bias": bias}, "layer_norm")
    require_eps(eps)
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    x_hat, inv_std, _, _ = standardize(x, axes, eps)
    y = x_hat if weight is None else x_hat * weight
    if bias is not None:
        y = y + bias
    return y.astype(x.dtype), LayerNormCache(x_hat, inv_std, weight, bias, axes)


def layer_norm_backward(dy: Array, cache: LayerNormCache) -> LayerNormGrads:
    """Pull `dy`, of the shape of `x`, back through layer norm.

    Spelled out once here, as the worked derivation; the other data norms call
    `moments.standardize_backward`, which is the same line over other axes.
    """
    x_hat, inv_std, weight, bias, axes = cache
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * weight
    # The forward pass erased two directions, the constant one and x_hat: so does the backward pass.
    along_ones = g.mean(axes, keepdims=True)
    along_x_hat = x_hat * (g * x_hat).mean(axes, keepdims=True)
    dx = inv_std * (g - along_ones - along_x_hat)
    batch = tuple(range(dy.ndim - len(axes)))
    return LayerNormGrads(
        dx.astype(dy.dtype),
        None if weight is None else (wide_dy * x_hat).sum(batch).astype(weight.dtype),
        None if bias is None else wide_dy.sum(batch).astype(bias.dtype),
    )
