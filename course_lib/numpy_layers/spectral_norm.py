"""Spectral normalization: a weight divided by the largest factor by which it stretches a vector."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.normalize import normalize, require_axes
from course_lib.numpy_layers.shapes import require_eps, require_floats


class SpectralNormCache(NamedTuple):
    """What the backward pass needs."""

    y: Array  # shape of w, in at least float32
    sigma: Array  # ()
    outer: Array  # u vᵀ in the shape of w: the gradient of sigma


class SpectralNormGrads(NamedTuple):
    """The gradient of `spectral_norm`; u and v are constants."""

    dw: Array


def spectral_norm(
    w: Array, u: Array, v: Array, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
) -> tuple[Array, SpectralNormCache]:
    """Divide `w` by ``uᵀ W v``, its spectral norm once u and v are the leading singular vectors.

    Parameters
    ----------
    w : (..., h, ...) floats, at least two axes
        W is the matrix (h, size / h) with axis `dim` of `w` in front and the others flattened.
    u : (h,) floats
    v : (w.size / h,) floats
        Updated in place: they carry the power iteration from one training step to the next.
    n_power_iterations : int
        0 in evaluation, where u and v stay as they are.
    dim : int
        The axis that counts the outputs: 0, or 1 in a transposed convolution.
    eps : float
        Smallest length by which u and v are divided.

    Returns
    -------
    y : shape and dtype of `w`
    cache : SpectralNormCache

    Raises
    ------
    TypeError
        If `w`, u or v is not floating-point.
    ValueError
        If `w` has less than two axes or no axis `dim`, u or v another length, or
        `n_power_iterations` is negative.

    Notes
    -----
    The estimate never exceeds the true norm, so the result may stretch by more than 1 until the
    iteration has converged. The matrix of a convolution's weight is not the convolution: see
    `convolution_norm`.

    References
    ----------
    Miyato et al. (2018), "Spectral normalization for generative adversarial networks".
    """
    w = np.asarray(w)
    _require_matrix(w, u, v, n_power_iterations, dim, eps)
    front = np.moveaxis(as_statistics_dtype(w), dim, 0)
    matrix = front.reshape(len(front), -1)
    for _ in range(n_power_iterations):
        u[:] = normalize(matrix @ v, dim=0, eps=eps)[0]
        v[:] = normalize(matrix.T @ u, dim=0, eps=eps)[0]
    sigma = u @ matrix @ v
    outer = np.moveaxis(np.outer(u, v).reshape(front.shape), 0, dim)
    y = as_statistics_dtype(w) / sigma
    return y.astype(w.dtype), SpectralNormCache(y, sigma, outer)


def spectral_norm_backward(dy: Array, cache: SpectralNormCache) -> SpectralNormGrads:
    """Pull `dy`, of the shape of `w`, back through the division by ``uᵀ W v``.

    A larger w gives the same y, so the part of dy along y is taken away; it leaves along u vᵀ,
    the one direction in which sigma grows.
    """
    y, sigma, outer = cache
    wide_dy = as_statistics_dtype(dy)
    return SpectralNormGrads(((wide_dy - (wide_dy * y).sum() * outer) / sigma).astype(dy.dtype))


def convolution_norm(weight: Array, size: Sequence[int]) -> Array:
    """Return the spectral norm of a circular convolution, exactly.

    Parameters
    ----------
    weight : (c_out, c_in, *k) floats
        Of a convolution, or cross-correlation, with stride 1, dilation 1 and one group.
    size : sequence of int
        The positions of its input along each axis of `k`, at least as many as the kernel's.

    Returns
    -------
    (), in at least float32
        The largest singular value of the linear map of (c_in, *size) to (c_out, *size).

    Raises
    ------
    TypeError
        If `weight` is not floating-point.
    ValueError
        If `size` has not one value for each axis of the kernel, or is smaller than it.

    Notes
    -----
    The Fourier transform takes a circular convolution apart: each frequency is multiplied by its
    own (c_out, c_in) matrix, so the largest of their norms is the norm of the whole.

    References
    ----------
    Sedghi, Gupta & Long (2019), "The singular values of convolutional layers".
    """
    weight = as_statistics_dtype(weight)
    require_size(weight, size)
    matrices = np.fft.fftn(weight, tuple(size), axes=range(2, weight.ndim))
    norms = np.linalg.svd(np.moveaxis(matrices, (0, 1), (-2, -1)), compute_uv=False)
    return norms.max().astype(weight.dtype)


def _require_matrix(
    w: Array, u: Array, v: Array, n_power_iterations: int, dim: int, eps: float
) -> None:
    """Refuse a weight that is no matrix along `dim`, and vectors that do not fit it."""
    require_floats(w, {"u": u, "v": v})
    require_eps(eps)
    shape = w.shape
    if len(shape) < 2:
        raise ValueError(
            f"expected w with at least two axes, got shape {shape}; "
            "a vector has a single length: divide it with normalize(w, dim=0)"
        )
    (axis,) = require_axes(w, dim)
    if n_power_iterations < 0:
        raise ValueError(
            f"expected n_power_iterations of at least 0, got {n_power_iterations}; "
            "1 is enough in training, 0 leaves u and v as they are"
        )
    height = shape[axis]
    for name, vector, length in (("u", u, height), ("v", v, w.size // height)):
        if vector.shape != (length,):
            raise ValueError(
                f"expected {name} of shape ({length},) for w {shape} and dim {dim}, "
                f"got {vector.shape}; u counts the outputs, v everything else"
            )


def require_size(weight: Any, size: Sequence[int]) -> None:
    """Refuse an input size that has other axes than the kernel, or that the kernel exceeds."""
    kernel = tuple(weight.shape[2:])
    if len(size) != len(kernel) or any(s < k for s, k in zip(size, kernel, strict=True)):
        raise ValueError(
            f"expected size of {len(kernel)} axes, none below the kernel's {kernel}, "
            f"got {tuple(size)}; pass the height and width of the layer's input"
        )
