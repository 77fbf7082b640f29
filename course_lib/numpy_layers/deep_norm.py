"""DeepNorm: layer norm over a residual sum whose skip connection is scaled up."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.layer_norm import LayerNormCache, layer_norm, layer_norm_backward
from course_lib.numpy_layers.moments import Array, as_statistics_dtype, moments
from course_lib.numpy_layers.shapes import require_eps, require_floats, require_trailing


class DeepNormConstants(NamedTuple):
    """What the depth asks for: `alpha` scales the skip, `beta` the weights of the branch."""

    alpha: float
    beta: float  # gain of Xavier's start for the feed-forward, value and output projections


class DeepNormCache(NamedTuple):
    """What the backward pass needs."""

    norm: LayerNormCache
    alpha: float
    dtypes: tuple[np.dtype, np.dtype]  # of x and g


class DeepNormGrads(NamedTuple):
    """Gradients of `deep_norm`; a parameter that was not given has gradient None."""

    dx: Array
    dg: Array
    dweight: Array | None
    dbias: Array | None


def deep_norm(
    x: Array,
    g: Array,
    normalized_shape: Sequence[int],
    alpha: float,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, DeepNormCache]:
    """Return ``layer_norm(alpha * x + g)``: it is the skip that is scaled, not the branch.

    Parameters
    ----------
    x : (*b, *normalized_shape) floats
        The skip connection.
    g : floats of the shape of `x`
        What the sublayer made of `x`.
    normalized_shape, weight, bias, eps
        As in `layer_norm`.
    alpha : float
        See `deep_norm_constants`.

    Returns
    -------
    y : shape and dtype of `x`; the sum is taken in at least float32
    cache : DeepNormCache

    Raises
    ------
    TypeError
        If `x` or `g` is not floating-point.
    ValueError
        If `g` has not the shape of `x`, or as `layer_norm`.

    References
    ----------
    Wang et al. (2022), "DeepNet: Scaling Transformers to 1,000 Layers".
    """
    x, g = np.asarray(x), np.asarray(g)
    require_branch(x, g)
    axes = require_trailing_axes(x, normalized_shape)
    require_eps(eps)
    # Layer norm forgets the means: taken out before the sum, they cost it no digits.
    total = alpha * moments(x, axes).centered + moments(g, axes).centered
    y, cache = layer_norm(total, normalized_shape, weight, bias, eps)
    return y.astype(x.dtype), DeepNormCache(cache, alpha, (x.dtype, g.dtype))


def deep_norm_backward(dy: Array, cache: DeepNormCache) -> DeepNormGrads:
    """Pull `dy` back through the norm; of the sum, the skip receives `alpha` times the branch's."""
    norm, alpha, (x_dtype, g_dtype) = cache
    total, dweight, dbias = layer_norm_backward(as_statistics_dtype(dy), norm)
    return DeepNormGrads((alpha * total).astype(x_dtype), total.astype(g_dtype), dweight, dbias)


def require_trailing_axes(x: Any, normalized_shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of `normalized_shape`, refusing `x` that does not end in it."""
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {}, "deep_norm")
    return tuple(range(-len(shape), 0))


def require_branch(x: Any, g: Any) -> None:
    """Refuse a residual sum of unlike shapes, which would broadcast."""
    require_floats(x, {"g": g})
    if tuple(x.shape) != tuple(g.shape):
        raise ValueError(
            f"expected g of the shape of x {tuple(x.shape)}, got {tuple(g.shape)}; "
            "a residual branch returns what it was given in the same shape"
        )


def deep_norm_constants(
    encoder_layers: int, decoder_layers: int
) -> tuple[DeepNormConstants | None, DeepNormConstants | None]:
    """Return the constants of the encoder and of the decoder; None for the one of no layers.

    Layers count attention and feed-forward together as one. From the authors' torchscale; in an
    encoder-decoder it writes 1 / 1.15 for the encoder's 0.87.
    """
    n, m = encoder_layers, decoder_layers
    if n < 0 or m < 0 or n + m == 0:
        raise ValueError(f"expected layers in one of the stacks, got {n} and {m}; count from 1")
    if n == 0 or m == 0:
        alone = DeepNormConstants((2 * (n + m)) ** 0.25, (8 * (n + m)) ** -0.25)
        return (alone, None) if m == 0 else (None, alone)
    both = (n**4 * m) ** (1 / 16)
    return (
        DeepNormConstants(0.81 * both, 0.87 / both),
        DeepNormConstants((3 * m) ** 0.25, (12 * m) ** -0.25),
    )
