"""ScaleNorm: every vector gets the same length, which is learned."""

from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_eps, require_floats


class ScaleNormCache(NamedTuple):
    """What the backward pass needs."""

    x_hat: Array  # (*b, d), of length 1
    inv_norm: Array  # (*b, 1)
    g: Array | None  # ()
    floored: Array  # (*b, 1) of bool: eps stood in for the length


class ScaleNormGrads(NamedTuple):
    """Gradients of `scale_norm`; a scale that was not given has gradient None."""

    dx: Array  # (*b, d)
    dg: Array | None  # ()


def scale_norm(
    x: Array, g: Array | float | None = None, eps: float = 1e-5
) -> tuple[Array, ScaleNormCache]:
    """Give every vector along the last axis of `x` the length `g`.

    Parameters
    ----------
    x : (*b, d) floats
    g : () float, or None
        The one learned scale of the layer; None stands for 1.
    eps : float
        The least length to divide by, so that a vector of zeros stays one.

    Returns
    -------
    y : shape and dtype of `x`
    cache : ScaleNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If `x` has no axis, `g` is more than one number, or `eps` is negative or not finite.

    Notes
    -----
    Axis: the last. The Euclidean length, not the root mean square: with g = √d and no eps the
    two layers agree. eps is a floor, as in the authors' code, and not a summand.

    References
    ----------
    Nguyen & Salazar (2019), "Transformers without tears".
    """
    x = np.asarray(x)
    g = None if g is None else np.asarray(g)
    require_scale(x, g)
    require_eps(eps)
    wide = as_statistics_dtype(x)
    squares = np.square(wide).sum(-1, keepdims=True)
    inv_norm = 1 / np.sqrt(np.maximum(squares, eps**2))
    x_hat = wide * inv_norm
    y = x_hat if g is None else x_hat * g
    return y.astype(x.dtype), ScaleNormCache(x_hat, inv_norm, g, squares < eps**2)


def scale_norm_backward(dy: Array, cache: ScaleNormCache) -> ScaleNormGrads:
    """Pull `dy`, of the shape of `x`, back through ScaleNorm."""
    x_hat, inv_norm, g, floored = cache
    wide_dy = as_statistics_dtype(dy)
    upstream = wide_dy if g is None else wide_dy * g
    # The length was erased, so nothing passes along x_hat; a floored length is a constant.
    along_x_hat = x_hat * (upstream * x_hat).sum(-1, keepdims=True)
    dx = inv_norm * (upstream - np.where(floored, 0, along_x_hat))
    dg = None if g is None else np.asarray((wide_dy * x_hat).sum(), g.dtype)
    return ScaleNormGrads(dx.astype(dy.dtype), dg)


def require_scale(x: Any, g: Any) -> None:
    """Refuse `x` without a last axis, and a scale for each feature."""
    require_floats(x, {"g": g})
    if x.ndim == 0:
        raise ValueError(
            "expected x of shape (*b, d), got a single number; put the features on the last axis"
        )
    if g is not None and g.ndim:
        raise ValueError(
            f"expected g to be one number, got shape {tuple(g.shape)}; "
            "a scale for each feature is rms_norm's weight"
        )
