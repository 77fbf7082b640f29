"""Query-key norm: attention by cosines, whose logits a learned scale bounds."""

from typing import Any, NamedTuple

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype
from course_lib.numpy_layers.normalize import NormalizeCache, normalize, normalize_backward
from course_lib.numpy_layers.shapes import require_floats


class QueryKeyNormCache(NamedTuple):
    """What the backward pass needs."""

    queries: NormalizeCache  # unit queries (*b, n, d)
    keys: NormalizeCache  # unit keys (*b, m, d)
    g: Array  # one value


class QueryKeyNormGrads(NamedTuple):
    """Gradients of `query_key_norm`."""

    dq: Array  # (*b, n, d)
    dk: Array  # (*b, m, d)
    dg: Array  # the shape of g


def query_key_norm(
    q: Array, k: Array, g: Array | float, eps: float = 1e-12
) -> tuple[Array, QueryKeyNormCache]:
    """Return the attention logits ``g`` times the cosine of each query with each key.

    Parameters
    ----------
    q : (*b, n, d) floats
        Queries; the head dimension d is the last.
    k : (*b, m, d) floats
        Keys.
    g : float, or one value in an array
        Learned scale. It replaces 1/√d: do not divide by √d as well.
    eps : float
        Smallest length by which a vector is divided.

    Returns
    -------
    logits : (*b, n, m), in the dtype of `q`
        Between -g and g, ready for the softmax over the last axis.
    cache : QueryKeyNormCache

    Raises
    ------
    TypeError
        If `q`, `k` or `g` is not floating-point.
    ValueError
        If `q` and `k` differ elsewhere than in their lengths n and m, `g` has several values, or
        `eps` is negative or not finite.

    Notes
    -----
    Axis: the last. Neither mean nor variance: the length of a vector alone is removed. Layer norm
    on queries and keys that keeps 1/√d is another operation (Dehghani et al., 2023).

    References
    ----------
    Henry et al. (2020), "Query-key normalization for transformers".
    """
    q, k, g = np.asarray(q), np.asarray(k), np.asarray(g)
    require_heads(q, k, g)
    queries = normalize(as_statistics_dtype(q), dim=-1, eps=eps)[1]
    keys = normalize(as_statistics_dtype(k), dim=-1, eps=eps)[1]
    logits = g.reshape(()) * (queries.y @ keys.y.swapaxes(-1, -2))
    return logits.astype(q.dtype), QueryKeyNormCache(queries, keys, g)


def query_key_norm_backward(dlogits: Array, cache: QueryKeyNormCache) -> QueryKeyNormGrads:
    """Pull `dlogits` (*b, n, m) back to queries, keys and scale.

    The length of a query or of a key does not matter: its gradient is orthogonal to it.
    """
    queries, keys, g = cache
    wide = as_statistics_dtype(dlogits)
    scaled = wide * g.reshape(())
    dq = normalize_backward(scaled @ keys.y, queries).dx
    dk = normalize_backward(scaled.swapaxes(-1, -2) @ queries.y, keys).dx
    dg = (wide * (queries.y @ keys.y.swapaxes(-1, -2))).sum().reshape(g.shape)
    return QueryKeyNormGrads(dq.astype(dlogits.dtype), dk.astype(dlogits.dtype), dg.astype(g.dtype))


def require_heads(q: Any, k: Any, g: Any) -> None:
    """Refuse queries and keys of different heads, and more than one scale."""
    require_floats(q, {"k": k, "g": g})
    shapes = tuple(q.shape), tuple(k.shape)
    if min(map(len, shapes)) < 2 or (shapes[0][:-2], shapes[0][-1]) != (
        shapes[1][:-2],
        shapes[1][-1],
    ):
        raise ValueError(
            f"expected q (*b, n, d) and k (*b, m, d) of the same *b and d, got {shapes[0]} and "
            f"{shapes[1]}; the head dimension d stands last, repeat keys that heads share"
        )
    if tuple(g.shape) not in ((), (1,)):
        raise ValueError(
            f"expected g of one value, got shape {tuple(g.shape)}; query_key_norm has one scale"
        )
