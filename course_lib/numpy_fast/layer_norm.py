"""Layer normalization, fast: `numpy_layers.layer_norm` on blocks of examples."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from course_lib.numpy_fast.moments import (
    ROW_BYTES,
    RowMoments,
    blocks,
    center_again,
    empty_moments,
    measure,
    shorten_buffers,
)
from course_lib.numpy_layers import layer_norm as textbook
from course_lib.numpy_layers import layer_norm_backward as textbook_backward
from course_lib.numpy_layers.layer_norm import LayerNormCache as TextbookCache
from course_lib.numpy_layers.layer_norm import LayerNormGrads
from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.shapes import require_eps, require_trailing


class LayerNormCache(NamedTuple):
    """What the backward pass needs; `rows` may be the caller's own array."""

    rows: Array  # x as (b, d), in the dtype of the statistics
    moments: RowMoments  # each (b,)
    weight: Array | None  # normalized_shape
    bias: Array | None  # normalized_shape


def layer_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, LayerNormCache | TextbookCache]:
    """Normalize each example of `x` over its trailing axes.

    Arguments, results and errors are those of `course_lib.numpy_layers.layer_norm`.

    Notes
    -----
    The cache keeps `x` instead of a new `x_hat`: do not change `x` before the backward pass.
    """
    x, shape = np.asarray(x), tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight, "bias": bias}, "layer_norm")
    require_eps(eps)
    if x.size == 0:
        return textbook(x, shape, weight, bias, eps)
    rows = as_statistics_dtype(x).reshape(-1, np.prod(shape))
    y, moments = np.empty_like(rows), empty_moments(rows)
    with np.errstate():
        shorten_buffers(rows)
        for block in blocks(rows, ROW_BYTES):
            part, own = y[block], moments.of(block)
            part -= measure(rows[block], part, eps, own)[:, None]
            part *= own.inv_std[:, None]
            if weight is not None:
                part *= weight.reshape(-1)
            if bias is not None:
                part += bias.reshape(-1)
    y = y.reshape(x.shape).astype(x.dtype, copy=False)
    return y, LayerNormCache(rows, moments, weight, bias)


def layer_norm_backward(dy: Array, cache: LayerNormCache | TextbookCache) -> LayerNormGrads:
    """Pull `dy`, of the shape of `x`, back through layer norm.

    Every sum is a matrix-vector product on `dy` or on dy · (x - mean), block by block.
    """
    if isinstance(cache, TextbookCache):
        return textbook_backward(dy, cache)
    rows, moments, weight, bias = cache
    wide_dy, d = as_statistics_dtype(dy).reshape(rows.shape), rows.shape[1]
    gain = np.ones(d, rows.dtype) if weight is None else weight.reshape(-1).astype(rows.dtype)
    dx, dweight, dbias = np.empty_like(rows), *np.zeros((2, d))
    room, count = np.empty_like(rows[next(blocks(rows, ROW_BYTES))]), rows.shape[1]
    with np.errstate():
        shorten_buffers(rows)
        for block in blocks(rows, ROW_BYTES):
            g, own, part = wide_dy[block], moments.of(block), dx[block]
            x, rest = center_again(rows[block], own, room[: len(g)])
            product = np.multiply(g, x, out=part)
            along_ones = g @ gain
            along_x = (product @ gain - rest * along_ones) * own.inv_std**2 / count
            # x_hat = (x - rest) * inv_std, so its sums are made of those of dy and dy * x
            dweight += own.inv_std @ product
            dweight -= (rest * own.inv_std) @ g
            dbias += np.ones_like(rest) @ g
            np.multiply(g, gain, out=part)
            centered = np.multiply(x, along_x[:, None], out=room[: len(g)])
            centered += (along_ones / count - rest * along_x)[:, None]
            part -= centered
            part *= own.inv_std[:, None]
    return LayerNormGrads(
        dx.reshape(dy.shape).astype(dy.dtype, copy=False),
        None if weight is None else dweight.reshape(weight.shape).astype(weight.dtype),
        None if bias is None else dbias.reshape(bias.shape).astype(bias.dtype),
    )
