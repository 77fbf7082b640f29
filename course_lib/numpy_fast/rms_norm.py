"""Root mean square normalization, fast: `numpy_layers.rms_norm` on blocks of examples."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from course_lib.numpy_fast.moments import ROW_BYTES, blocks, shorten_buffers
from course_lib.numpy_layers import rms_norm as textbook
from course_lib.numpy_layers import rms_norm_backward as textbook_backward
from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.rms_norm import RMSNormCache as TextbookCache
from course_lib.numpy_layers.rms_norm import RMSNormGrads
from course_lib.numpy_layers.shapes import require_eps, require_trailing


class RMSNormCache(NamedTuple):
    """What the backward pass needs; `rows` may be the caller's own array."""

    rows: Array  # x as (b, d), in the dtype of the statistics
    inv_rms: Array  # (b,)
    weight: Array | None  # normalized_shape


def rms_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    eps: float | None = None,
) -> tuple[Array, RMSNormCache | TextbookCache]:
    """Divide each example of `x` by the root mean square over its trailing axes.

    Arguments, results and errors are those of `course_lib.numpy_layers.rms_norm`.

    Notes
    -----
    The cache keeps `x` instead of a new `x_hat`: do not change `x` before the backward pass.
    """
    x, shape = np.asarray(x), tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight}, "rms_norm")
    require_eps(0.0 if eps is None else eps)
    if x.size == 0:
        return textbook(x, shape, weight, eps)
    rows = as_statistics_dtype(x).reshape(-1, np.prod(shape))
    y, inv_rms = np.empty_like(rows), np.empty(len(rows), rows.dtype)
    eps = np.finfo(rows.dtype).eps if eps is None else eps
    with np.errstate():
        shorten_buffers(rows)
        for block in blocks(rows, ROW_BYTES):
            part = y[block]
            np.copyto(part, rows[block])
            mean_square = np.vecdot(part, part) / rows.shape[1]
            np.divide(1, np.sqrt(mean_square + eps), out=inv_rms[block])
            part *= inv_rms[block, None]
            if weight is not None:
                part *= weight.reshape(-1)
    y = y.reshape(x.shape).astype(x.dtype, copy=False)
    return y, RMSNormCache(rows, inv_rms, weight)


def rms_norm_backward(dy: Array, cache: RMSNormCache | TextbookCache) -> RMSNormGrads:
    """Pull `dy`, of the shape of `x`, back through RMS norm, block by block."""
    if isinstance(cache, TextbookCache):
        return textbook_backward(dy, cache)
    rows, inv_rms, weight = cache
    wide_dy, d = as_statistics_dtype(dy).reshape(rows.shape), rows.shape[1]
    gain = np.ones(d, rows.dtype) if weight is None else weight.reshape(-1).astype(rows.dtype)
    dx, dweight = np.empty_like(rows), np.zeros(d)
    with np.errstate():
        shorten_buffers(rows)
        for block in blocks(rows, ROW_BYTES):
            g, part, inv = wide_dy[block], dx[block], inv_rms[block]
            product = np.multiply(g, rows[block], out=part)
            along_x = product @ gain * inv**2 / d
            dweight += inv @ product
            np.multiply(g, gain, out=part)
            part -= rows[block] * along_x[:, None]
            part *= inv[:, None]
    return RMSNormGrads(
        dx.reshape(dy.shape).astype(dy.dtype, copy=False),
        None if weight is None else dweight.reshape(weight.shape).astype(weight.dtype),
    )
