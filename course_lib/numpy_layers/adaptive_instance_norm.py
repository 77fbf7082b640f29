"""Instance norm whose scale and shift follow a style: another image's, or one of a table."""

import math
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.instance_norm import require_positions
from course_lib.numpy_layers.moments import (
    Array,
    as_statistics_dtype,
    standardize,
    standardize_backward,
)
from course_lib.numpy_layers.shapes import require_eps, require_floats


class AdaptiveInstanceNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s)
    inv_std: Array  # (n, c, *1)
    style_hat: Array  # (n, c, *t)
    style_inv_std: Array  # (n, c, *1)
    style_dtype: np.dtype


class AdaptiveInstanceNormGrads(NamedTuple):
    """Gradients of `adaptive_instance_norm`."""

    dx: Array  # (n, c, *s)
    dstyle: Array  # (n, c, *t)


def adaptive_instance_norm(
    x: Array, style: Array, eps: float = 1e-5
) -> tuple[Array, AdaptiveInstanceNormCache]:
    """Give each channel of the content `x` the mean and the standard deviation of the style's.

    Parameters
    ----------
    x : (n, c, *s) floats
        The content; channels on axis 1.
    style : (n, c, *t) floats
        One style an example; its positions need not match the content's.
    eps : float
        Added to both biased variances, inside the square root.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : AdaptiveInstanceNormCache

    Raises
    ------
    TypeError
        If `x` or `style` is not floating-point.
    ValueError
        If examples or channels do not match, an image has less than two positions, or `eps` is
        negative or not finite.

    Notes
    -----
    Axes: all positions. Both variances are biased, as in the paper; much code takes unbiased
    ones, which differ wherever the two sizes do. An image is its own style: y is x again.

    References
    ----------
    Huang & Belongie (2017), "Arbitrary style transfer in real-time with adaptive instance
    normalization".
    """
    x, style = np.asarray(x), np.asarray(style)
    require_style(x, style)
    require_eps(eps)
    positions = tuple(range(2, x.ndim))
    x_hat, inv_std, _, _ = standardize(x, positions, eps)
    style_hat, style_inv_std, mean, _ = standardize(style, positions, eps)
    y = x_hat / style_inv_std + mean
    cache = AdaptiveInstanceNormCache(x_hat, inv_std, style_hat, style_inv_std, style.dtype)
    return y.astype(x.dtype), cache


def adaptive_instance_norm_backward(
    dy: Array, cache: AdaptiveInstanceNormCache
) -> AdaptiveInstanceNormGrads:
    """Pull `dy`, of the shape of `x`, back to the content and to the style.

    The style is felt through its mean and its deviation alone: a mean moves by 1/t of one value
    and a deviation by style_hat/t, so its gradient lies along 1 and style_hat, the two directions
    that the content's gradient has lost.
    """
    x_hat, inv_std, style_hat, style_inv_std, style_dtype = cache
    positions = tuple(range(2, dy.ndim))
    wide_dy = as_statistics_dtype(dy)
    dx = standardize_backward(wide_dy / style_inv_std, x_hat, inv_std, positions)
    dmean = wide_dy.sum(positions, keepdims=True)
    dstd = (wide_dy * x_hat).sum(positions, keepdims=True)
    t = math.prod(style_hat.shape[2:])
    dstyle = (dmean + dstd * style_hat) / t
    return AdaptiveInstanceNormGrads(dx.astype(dy.dtype), dstyle.astype(style_dtype))


class ConditionalInstanceNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (n, c, *s)
    inv_std: Array  # (n, c, *1)
    style: np.ndarray  # (n,) of int
    weight: Array  # (k, c)
    bias: Array  # (k, c)


class ConditionalInstanceNormGrads(NamedTuple):
    """Gradients of `conditional_instance_norm`."""

    dx: Array  # (n, c, *s)
    dweight: Array  # (k, c); zero for a style that no example has
    dbias: Array  # (k, c)


def conditional_instance_norm(
    x: Array, style: np.ndarray, weight: Array, bias: Array, eps: float = 1e-5
) -> tuple[Array, ConditionalInstanceNormCache]:
    """Normalize each channel of each example and apply the γ and β of the example's style.

    Parameters
    ----------
    x : (n, c, *s) floats
    style : (n,) ints
        Rows of `weight` and `bias`, from 0 to k − 1.
    weight, bias : (k, c) floats
        γ and β of each of k styles.
    eps : float
        Added to the biased variance, inside the square root.

    Returns
    -------
    y : (n, c, *s), in the dtype of `x`
    cache : ConditionalInstanceNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point, or `style` is not of integers.
    ValueError
        If a shape does not fit, a style does not exist, there is one position, or `eps` is
        negative or not finite.

    Notes
    -----
    Axes: all positions. Biased variance.

    References
    ----------
    Dumoulin, Shlens & Kudlur (2017), "A learned representation for artistic style".
    """
    x, style = np.asarray(x), np.asarray(style)
    require_table(x, style, weight, bias, np.issubdtype(style.dtype, np.integer))
    require_eps(eps)
    if style.size and not 0 <= style.min() <= style.max() < len(weight):
        raise ValueError(
            f"expected styles from 0 to {len(weight) - 1}, got {style.min()} to {style.max()}; "
            "each style is a row of weight and bias"
        )
    x_hat, inv_std, _, _ = standardize(x, tuple(range(2, x.ndim)), eps)
    y = x_hat * of_each(weight[style], x) + of_each(bias[style], x)
    return y.astype(x.dtype), ConditionalInstanceNormCache(x_hat, inv_std, style, weight, bias)


def conditional_instance_norm_backward(
    dy: Array, cache: ConditionalInstanceNormCache
) -> ConditionalInstanceNormGrads:
    """Pull `dy` back; the gradients of all examples of one style add up in its row."""
    x_hat, inv_std, style, weight, bias = cache
    positions = tuple(range(2, dy.ndim))
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy * of_each(weight[style], dy)
    dweight, dbias = np.zeros(weight.shape, wide_dy.dtype), np.zeros(bias.shape, wide_dy.dtype)
    # add.at and not dweight[style] +=, which keeps only one example of each style.
    np.add.at(dweight, style, (wide_dy * x_hat).sum(positions))
    np.add.at(dbias, style, wide_dy.sum(positions))
    return ConditionalInstanceNormGrads(
        standardize_backward(g, x_hat, inv_std, positions).astype(dy.dtype),
        dweight.astype(weight.dtype),
        dbias.astype(bias.dtype),
    )


def of_each(values: Any, x: Any) -> Any:
    """Reshape (n, c) to (n, c, *1) so that it broadcasts along positions alone."""
    return values.reshape(*values.shape, *(1,) * (x.ndim - 2))


def require_style(x: Any, style: Any) -> None:
    """Refuse a style of other examples or channels, and images of one position."""
    require_floats(x, {"style": style})
    if x.ndim < 3 or style.ndim != x.ndim or style.shape[:2] != x.shape[:2]:
        raise ValueError(
            f"expected x of shape (n, c, *s) and style of shape (n, c, *t), got {tuple(x.shape)} "
            f"and {tuple(style.shape)}; one style for all examples can be broadcast along n first"
        )
    require_positions(x)
    require_positions(style, "style")
    if 0 in style.shape[2:]:
        raise ValueError(
            f"expected at least one value in each style, got shape {tuple(style.shape)}; "
            "leave the content as it is where there is no style"
        )


def require_table(x: Any, style: Any, weight: Any, bias: Any, is_integer: bool) -> None:
    """Refuse styles that are not one whole number an example, and tables of other channels."""
    require_floats(x, {"weight": weight, "bias": bias})
    if not is_integer:
        raise TypeError(
            f"expected style to hold integers, got dtype {style.dtype}; each is a row of weight"
        )
    wanted = f"expected x (n, c, *s), style (n,), weight and bias (k, c), got {tuple(x.shape)}, "
    shapes = f"{tuple(style.shape)}, {tuple(weight.shape)} and {tuple(bias.shape)}"
    fits = x.ndim > 2 and tuple(style.shape) == tuple(x.shape[:1]) and weight.ndim == 2
    if not fits or weight.shape != bias.shape or weight.shape[1] != x.shape[1]:
        raise ValueError(f"{wanted}{shapes}; give one style an example and one row a style")
    require_positions(x)
