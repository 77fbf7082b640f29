"""Dynamic tanh: a squashing function with a learned scale in the place of a normalization."""

import math
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import affine_per_feature, require_floats, require_trailing


class DynamicTanhCache(NamedTuple):
    """What the backward pass needs."""

    x: Array  # in at least float32
    t: Array  # tanh(alpha * x)
    alpha: Array  # one value
    weight: Array | None
    bias: Array | None


class DynamicTanhGrads(NamedTuple):
    """Gradients of `dynamic_tanh`; a parameter that was not given has gradient None."""

    dx: Array
    dalpha: Array
    dweight: Array | None
    dbias: Array | None


def dynamic_tanh(
    x: Array, alpha: Array | float, weight: Array | None = None, bias: Array | None = None
) -> tuple[Array, DynamicTanhCache]:
    """Squash each value of `x` by ``tanh(alpha * x)``, then scale and shift its feature.

    Parameters
    ----------
    x : (*b, *normalized_shape) floats
    alpha : float, or one value in an array
        Learned; starts at 0.5.
    weight, bias : normalized_shape floats, or None
        γ and β, one value a feature; None stands for 1 and 0.

    Returns
    -------
    y : shape and dtype of `x`
    cache : DynamicTanhCache

    Raises
    ------
    TypeError
        If `x` or `alpha` is not floating-point.
    ValueError
        If `alpha` has several values, or `weight` and `bias` do not fit the end of `x`.

    Notes
    -----
    No axes and no statistics: each value is on its own, so neither the scale nor the offset of
    an example is removed.

    References
    ----------
    Zhu et al. (2025), "Transformers without normalization".
    """
    wide, alpha = as_statistics_dtype(x), np.asarray(alpha)
    require_one_value("alpha", alpha, wide)
    require_affine(wide, weight, bias, "dynamic_tanh")
    t = np.tanh(alpha.astype(wide.dtype).reshape(()) * wide)
    y = affine_per_feature(t, weight, bias)
    return y.astype(np.asarray(x).dtype), DynamicTanhCache(wide, t, alpha, weight, bias)


def dynamic_tanh_backward(dy: Array, cache: DynamicTanhCache) -> DynamicTanhGrads:
    """Pull `dy`, of the shape of `x`, back through the squashing.

    The slope of tanh is 1 − tanh²: a value far from 0 passes almost no gradient to x and alpha.
    """
    x, t, alpha, weight, bias = cache
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * weight
    dz = g * (1 - np.square(t))  # z = alpha * x
    return DynamicTanhGrads(
        (dz * alpha.reshape(())).astype(dy.dtype),
        (dz * x).sum().reshape(alpha.shape).astype(alpha.dtype),
        None if weight is None else sum_to(wide_dy * t, weight),
        None if bias is None else sum_to(wide_dy, bias),
    )


def sum_to(gradient: Array, parameter: Array) -> Array:
    """Sum a gradient over the axes that the parameter does not have."""
    batch = tuple(range(gradient.ndim - parameter.ndim))
    return gradient.sum(batch).astype(parameter.dtype)


def require_one_value(name: str, value: Any, x: Any) -> None:
    """Refuse a scale or a shift of more than one value."""
    require_floats(x, {name: value})
    if math.prod(value.shape) != 1:
        raise ValueError(
            f"expected {name} of one value, got shape {tuple(value.shape)}; "
            "the layer shares it: what differs by feature is its weight and its bias"
        )


def require_affine(x: Any, weight: Any, bias: Any, layer: str) -> None:
    """Refuse a weight or a bias that does not fit the end of `x`."""
    require_floats(x, {"weight": weight, "bias": bias})
    given = bias if weight is None else weight
    if given is not None:
        require_trailing(x, tuple(given.shape), {"weight": weight, "bias": bias}, layer)
