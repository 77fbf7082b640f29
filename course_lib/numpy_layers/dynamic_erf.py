"""Dynamic erf: the error function, with a learned scale and shift, in place of a normalization."""

import math
from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.dynamic_tanh import require_affine, require_one_value, sum_to
from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import affine_per_feature


class DynamicErfCache(NamedTuple):
    """What the backward pass needs."""

    x: Array  # in at least float32
    z: Array  # alpha * x + shift
    alpha: Array  # one value
    shift: Array  # one value
    weight: Array | None
    bias: Array | None


class DynamicErfGrads(NamedTuple):
    """Gradients of `dynamic_erf`; a parameter that was not given has gradient None."""

    dx: Array
    dalpha: Array
    dshift: Array
    dweight: Array | None
    dbias: Array | None


def dynamic_erf(
    x: Array,
    alpha: Array | float,
    shift: Array | float,
    weight: Array | None = None,
    bias: Array | None = None,
) -> tuple[Array, DynamicErfCache]:
    """Squash each value of `x` by ``erf(alpha * x + shift)``, then scale and shift its feature.

    Parameters
    ----------
    x : (*b, *normalized_shape) floats
    alpha, shift : float, or one value in an array
        Learned; start at 0.5 and 0.
    weight, bias : normalized_shape floats, or None
        γ and β, one value a feature; None stands for 1 and 0.

    Returns
    -------
    y : shape and dtype of `x`
    cache : DynamicErfCache

    Raises
    ------
    TypeError
        If `x`, `alpha` or `shift` is not floating-point.
    ValueError
        If `alpha` or `shift` has several values, or `weight` and `bias` do not fit the end of
        `x`.

    Notes
    -----
    No axes and no statistics. NumPy has no error function: `math.erf` is called value by value,
    in float64, which is slow and exact.

    References
    ----------
    Chen et al. (2026), "Stronger normalization-free transformers".
    """
    wide, alpha, shift = as_statistics_dtype(x), np.asarray(alpha), np.asarray(shift)
    require_one_value("alpha", alpha, wide)
    require_one_value("shift", shift, wide)
    require_affine(wide, weight, bias, "dynamic_erf")
    z = alpha.astype(wide.dtype).reshape(()) * wide + shift.astype(wide.dtype).reshape(())
    y = affine_per_feature(_erf(z), weight, bias)
    return y.astype(np.asarray(x).dtype), DynamicErfCache(wide, z, alpha, shift, weight, bias)


def dynamic_erf_backward(dy: Array, cache: DynamicErfCache) -> DynamicErfGrads:
    """Pull `dy`, of the shape of `x`, back through the squashing.

    The slope of erf is the bell curve 2/√π · exp(−z²): it falls off faster than that of tanh.
    """
    x, z, alpha, shift, weight, bias = cache
    wide_dy = as_statistics_dtype(dy)
    g = wide_dy if weight is None else wide_dy * weight
    dz = g * (2 / math.sqrt(math.pi)) * np.exp(-np.square(z))
    return DynamicErfGrads(
        (dz * alpha.reshape(())).astype(dy.dtype),
        (dz * x).sum().reshape(alpha.shape).astype(alpha.dtype),
        dz.sum().reshape(shift.shape).astype(shift.dtype),
        None if weight is None else sum_to(wide_dy * _erf(z), weight),
        None if bias is None else sum_to(wide_dy, bias),
    )


def _erf(z: Array) -> Array:
    """Return the error function of each value, in the dtype of `z`."""
    return np.vectorize(math.erf, otypes=[np.float64])(z).astype(z.dtype)
