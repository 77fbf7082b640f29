"""Mean and variance over chosen axes, and the standardization that every data norm shares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class Moments(NamedTuple):
    """Statistics of `x` over some axes, which are kept with length 1."""

    mean: Array
    var: Array  # biased: the sum of squares divided by the number of values
    centered: Array  # x - mean, in the dtype of the statistics


class Standardized(NamedTuple):
    """Zero-mean, unit-variance values and what the backward pass needs."""

    x_hat: Array
    inv_std: Array
    mean: Array
    var: Array


def moments(x: Array, axes: tuple[int, ...]) -> Moments:
    """Compute the mean and the biased variance of `x` over `axes` by the corrected two-pass form.

    Parameters
    ----------
    x : array of floats, any shape
        float16 is widened to float32; float32 and float64 keep their precision.
    axes : tuple of int
        The axes that share one mean. They must hold at least one value.

    Returns
    -------
    Moments
        `mean` and `var` with the reduced axes kept as length 1, and `x - mean`.

    Raises
    ------
    TypeError
        If `x` is not a floating-point array: convert it with ``x.astype(np.float32)``.
    ValueError
        If there is no value to average.

    Notes
    -----
    The rounding error of a computed mean is proportional to the mean itself, so after the first
    subtraction the values still carry a small common offset. Subtracting the mean of the result
    removes it: the second mean is small, hence exact enough.

    References
    ----------
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance".
    """
    x = np.asarray(as_statistics_dtype(x), order="C")  # NumPy sums in pairs along memory only
    _require_values(x, axes)
    rough_mean = x.mean(axes, keepdims=True)
    centered = x - rough_mean
    correction = centered.mean(axes, keepdims=True)
    centered -= correction
    var = np.square(centered).mean(axes, keepdims=True)
    return Moments(rough_mean + correction, var, centered)


def as_statistics_dtype(x: Array) -> Array:
    """Return `x` in the precision of its statistics: at least float32."""
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(
            f"expected a floating-point array, got dtype {x.dtype}; "
            "convert it first, for example with x.astype(np.float32)"
        )
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False)


def _require_values(x: Array, axes: tuple[int, ...]) -> None:
    if 0 in (x.shape[axis] for axis in axes):
        raise ValueError(
            f"expected at least one value along axes {axes}, got shape {x.shape}; "
            "drop empty batches before the layer"
        )


def standardize(x: Array, axes: tuple[int, ...], eps: float) -> Standardized:
    """Subtract the mean over `axes` and divide by ``sqrt(var + eps)``; see `moments`.

    Nothing becomes nothing, as in torch: an empty `x` has mean 0 and variance 0 here.
    """
    if 0 in np.shape(x):
        x_hat = as_statistics_dtype(x)
        zeros = x_hat.sum(axes, keepdims=True)
        return Standardized(x_hat, zeros + 1, zeros, zeros)
    mean, var, centered = moments(x, axes)
    inv_std = 1 / np.sqrt(var + eps)
    centered *= inv_std
    return Standardized(centered, inv_std, mean, var)


def standardize_backward(g: Array, x_hat: Array, inv_std: Array, axes: tuple[int, ...]) -> Array:
    """Pull the gradient `g` of `x_hat` back to `x`.

    Shifting or scaling a group of inputs that share statistics leaves `x_hat` as it is, so the
    part of `g` along the constant direction and the part along `x_hat` cannot reach `x`: both
    are projected out. With eps > 0 the second statement holds up to the factor var / (var + eps),
    which is the mean of x_hat squared and so is in the formula already.
    """
    if g.size == 0:
        return g
    along_ones = g.mean(axes, keepdims=True)
    along_x_hat = x_hat * (g * x_hat).mean(axes, keepdims=True)
    return inv_std * (g - along_ones - along_x_hat)
