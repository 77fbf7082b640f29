"""Switchable normalization: learned shares of instance, layer and batch norm's statistics."""

from typing import NamedTuple

import numpy as np

from course_lib.numpy_layers.batch_norm import _bessel, _update_running
from course_lib.numpy_layers.moments import Array, as_statistics_dtype, moments
from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
    require_floats,
    require_momentum,
    require_statistics,
)


class SwitchableNormCache(NamedTuple):
    """What the backward pass needs; the triples stand for instance, layer and batch."""

    x_hat: Array  # (n, c, h, w)
    inv_std: Array  # (n, c, 1, 1)
    centered: list[Array]  # x minus each mean, (n, c, h, w)
    var: list[Array]  # (n, c, 1, 1), (n, 1, 1, 1), (1, c, 1, 1)
    mean_share: Array  # (3,), sums to 1
    var_share: Array  # (3,), sums to 1
    weight: Array | None  # (c,)
    bias: Array | None  # (c,)
    training: bool  # in evaluation the batch's statistics are constants


class SwitchableNormGrads(NamedTuple):
    """Gradients of `switchable_norm`; a parameter that was not given has gradient None."""

    dx: Array  # (n, c, h, w)
    dmean_weight: Array  # (3,)
    dvar_weight: Array  # (3,)
    dweight: Array | None  # (c,)
    dbias: Array | None  # (c,)


SCOPES = ((2, 3), (1, 2, 3), (0, 2, 3))  # the axes of instance, layer and batch norm


def switchable_norm(
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    mean_weight: Array,
    var_weight: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, SwitchableNormCache]:
    """Normalize `x` with weighted means of three means and of three variances.

    Parameters
    ----------
    x : (n, c, h, w) floats
    running_mean, running_var : (c,) floats, or None
        For the batch's part: updated in place when `training`, used otherwise.
    mean_weight, var_weight : (3,) floats
        Their softmax is the share of instance, layer and batch, in this order.
    weight, bias : (c,) floats, or None
        γ and β; None stands for 1 and 0.
    training, momentum, eps
        As in `batch_norm`.

    Returns
    -------
    y : (n, c, h, w), in the dtype of `x`
    cache : SwitchableNormCache

    Raises
    ------
    TypeError
        If `x` is not floating-point.
    ValueError
        If a shape does not fit, if training has one value a channel, if evaluation has no
        running statistics, if `x` is empty, or if `eps` or `momentum` is out of range.

    Notes
    -----
    Axes: (h, w), (c, h, w) and (n, h, w). All three variances are biased; `running_var` averages
    the unbiased one, as in `batch_norm`, where the authors' code averages another.

    References
    ----------
    Luo, Ren, Peng, Zhang & Li (2019), "Differentiable learning-to-normalize via switchable
    normalization".
    """
    x = np.asarray(x)
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_images(x, mean_weight, var_weight)
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "switchable_norm")
    require_statistics(x, running_mean, running_var, training)
    require_eps(eps)
    require_momentum(momentum)
    stats = [moments(x, axes) for axes in (SCOPES if training else SCOPES[:2])]
    var, centered = [part.var for part in stats], [part.centered for part in stats]
    if training:
        _update_running(running_mean, stats[2].mean, momentum)
        _update_running(running_var, stats[2].var * _bessel(x), momentum)
    else:
        var.append(as_statistics_dtype(per_channel(running_var, x)))
        centered.append(as_statistics_dtype(x) - per_channel(running_mean, x))
    mean_share, var_share = (_softmax(as_statistics_dtype(w)) for w in (mean_weight, var_weight))
    inv_std = 1 / np.sqrt(sum(p * part for p, part in zip(var_share, var, strict=True)) + eps)
    # The shares sum to 1, so x minus the weighted mean is the weighted mean of what is centred:
    # no large mean is ever computed with.
    x_hat = inv_std * sum(p * part for p, part in zip(mean_share, centered, strict=True))
    y = affine_per_channel(x_hat, weight, bias)
    return y.astype(x.dtype), SwitchableNormCache(
        x_hat, inv_std, centered, var, mean_share, var_share, weight, bias, training
    )


def switchable_norm_backward(dy: Array, cache: SwitchableNormCache) -> SwitchableNormGrads:
    """Pull `dy`, of the shape of `x`, back through switchable norm.

    Each statistic hands its gradient back to the values that it was taken over, each of which
    moved it by 1 / m (a mean), or by 2 (x − mean) / m (a variance).
    """
    x_hat, inv_std, centered, var, mean_share, var_share, weight, bias, training = cache
    wide_dy, batch = as_statistics_dtype(dy), (0, 2, 3)
    g = wide_dy if weight is None else wide_dy * per_channel(weight, dy)
    into = g * inv_std
    dmean = -into.sum((2, 3), keepdims=True)  # (n, c, 1, 1), of the weighted mean
    dvar = -(into * x_hat).sum((2, 3), keepdims=True) * inv_std / 2  # of the weighted variance
    dx = into.copy()
    for k, axes in enumerate(SCOPES if training else SCOPES[:2]):
        m = np.prod([dy.shape[axis] for axis in axes])
        from_mean = mean_share[k] * dmean.sum(axes, keepdims=True)
        from_var = var_share[k] * dvar.sum(axes, keepdims=True)
        dx += (from_mean + 2 * from_var * centered[k]) / m
    dmean_share = np.array([(into * part).sum() for part in centered])
    dvar_share = np.array([(dvar * part).sum() for part in var])
    return SwitchableNormGrads(
        dx.astype(dy.dtype),
        _softmax_backward(dmean_share, mean_share).astype(dy.dtype),
        _softmax_backward(dvar_share, var_share).astype(dy.dtype),
        None if weight is None else (wide_dy * x_hat).sum(batch).astype(weight.dtype),
        None if bias is None else wide_dy.sum(batch).astype(bias.dtype),
    )


def require_images(x: Array, mean_weight: Array, var_weight: Array) -> None:
    """Refuse `x` that is no batch of images, and other than three shares."""
    shares = {"mean_weight": mean_weight, "var_weight": var_weight}
    require_floats(x, shares)
    if x.ndim != 4:
        raise ValueError(
            f"expected x of shape (n, c, h, w), got {tuple(x.shape)}; "
            "add axes of length 1 for the positions that are missing"
        )
    for name, value in shares.items():
        if tuple(value.shape) != (3,):
            raise ValueError(
                f"expected {name} of shape (3,), got {tuple(value.shape)}; "
                "one value each for instance, layer and batch"
            )


def _softmax(logits: Array) -> Array:
    """Return positive shares that sum to 1."""
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def _softmax_backward(g: Array, shares: Array) -> Array:
    """Pull the gradient of the shares back: a common change of all logits changes no share."""
    return shares * (g - (shares * g).sum())
