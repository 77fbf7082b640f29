"""Mean and variance over chosen axes on tensors; the twin of `numpy_layers.moments`."""

from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Statistics of `x` over some axes, which are kept with length 1."""

    mean: Tensor
    var: Tensor  # biased
    centered: Tensor  # x - mean, in the dtype of the statistics


def moments(x: Tensor, axes: tuple[int, ...]) -> Moments:
    """Compute the mean and the biased variance of `x` over `axes` by the corrected two-pass form.

    Parameters
    ----------
    x : floating-point tensor, any shape
        float16 and bfloat16 are widened to float32.
    axes : tuple of int
        The axes that share one mean.

    Raises
    ------
    TypeError
        If `x` is not floating-point: convert it with ``x.float()``.
    ValueError
        If there is no value to average.

    Notes
    -----
    See `course_lib.numpy_layers.moments` for the correction. `x - mean` is the same function of
    `x` whatever constant is subtracted first, so that constant is kept out of the graph.
    """
    x = as_statistics_dtype(x)
    if 0 in (x.shape[axis] for axis in axes):
        raise ValueError(
            f"expected at least one value along axes {axes}, got shape {tuple(x.shape)}; "
            "drop empty batches before the layer"
        )
    rough_mean = x.detach().mean(axes, keepdim=True)
    shifted = x - rough_mean
    correction = shifted.mean(axes, keepdim=True)
    centered = shifted - correction
    var = centered.square().mean(axes, keepdim=True)
    return Moments(rough_mean + correction, var, centered)


def as_statistics_dtype(x: Tensor) -> Tensor:
    """Return `x` in the precision of its statistics: at least float32."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"expected a floating-point tensor, got {type(x).__name__}; "
            "convert it with torch.as_tensor"
        )
    if not x.is_floating_point():
        raise TypeError(
            f"expected a floating-point tensor, got dtype {x.dtype}; convert it with x.float()"
        )
    return x.to(torch.promote_types(x.dtype, torch.float32))


def standardize(x: Tensor, axes: tuple[int, ...], eps: float) -> tuple[Tensor, Moments]:
    """Return ``(x - mean) / sqrt(var + eps)`` and the moments over `axes`; of nothing, nothing."""
    if x.numel() == 0:
        x_hat = as_statistics_dtype(x).clone()
        zeros = x_hat.sum(axes, keepdim=True)
        return x_hat, Moments(zeros, zeros, x_hat)
    stats = moments(x, axes)
    return stats.centered * torch.rsqrt(stats.var + eps), stats
