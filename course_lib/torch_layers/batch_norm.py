"""Batch normalization on tensors; the twin of `numpy_layers.batch_norm`."""

import math

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.shapes import (
    per_channel,
    require_channels,
    require_statistics,
    values_per_channel,
)
from course_lib.torch_layers.moments import as_statistics_dtype, standardize


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of `x` with the batch's statistics, or with the running ones.

    Arguments, shapes, errors and the in-place update of the running statistics are those of
    `course_lib.numpy_layers.batch_norm`; the backward pass is autograd's.
    """
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "batch_norm")
    require_statistics(x, running_mean, running_var, training)
    if training:
        axes = (0, *range(2, x.ndim))
        x_hat, stats = standardize(x, axes, eps)
        m = values_per_channel(x)
        _update_running(running_mean, stats.mean, momentum)
        _update_running(running_var, stats.var * (m / (m - 1)), momentum)
    else:
        inv_std = torch.rsqrt(per_channel(as_statistics_dtype(running_var), x) + eps)
        x_hat = (as_statistics_dtype(x) - per_channel(running_mean, x)) * inv_std
    y = x_hat
    if weight is not None:
        y = y * per_channel(weight, x)
    if bias is not None:
        y = y + per_channel(bias, x)
    return y.to(x.dtype)


@torch.no_grad()
def _update_running(running: Tensor | None, new: Tensor, momentum: float | Tensor) -> None:
    """Move `running` towards `new` in place, outside the graph."""
    if running is not None:
        running.lerp_(new.reshape(-1).to(running.dtype), momentum)


class _BatchNorm(nn.Module):
    """Parameters, buffers and the choice of statistics; subclasses name the ranks they take."""

    _version = 2  # torch's own: version 2 added num_batches_tracked to the state
    ranks: tuple[int, ...]
    layout: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        like = {"device": device, "dtype": dtype}
        ones, zeros = torch.ones(num_features, **like), torch.zeros(num_features, **like)
        self.register_parameter("weight", nn.Parameter(ones) if affine else None)
        self.register_parameter("bias", nn.Parameter(zeros) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros.clone() if tracked else None)
        self.register_buffer("running_var", ones.clone() if tracked else None)
        count = torch.zeros((), dtype=torch.long, device=device)
        self.register_buffer("num_batches_tracked", count if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget every batch seen: mean 0, variance 1, count 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the running statistics and return to γ = 1, β = 0."""
        self.reset_running_stats()
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x` with the batch's statistics in training, the running ones in evaluation."""
        self._check_shape(x)
        self._check_eps()
        tracking = self.training and self.track_running_stats
        momentum = self._count_batch() if tracking else 0.0
        if x.numel() == 0:  # as torch's: it says nothing, so only its count changes
            constants = x.new_ones(2, self.num_features)
            return batch_norm(x, *constants, self.weight, self.bias, eps=self.eps)
        use_buffers = tracking or not self.training
        return batch_norm(
            x,
            self.running_mean if use_buffers else None,
            self.running_var if use_buffers else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )

    def _count_batch(self) -> float | Tensor:
        """Count this batch and return its weight: `momentum`, or 1/count for the plain mean."""
        self.num_batches_tracked.add_(1)
        if self.momentum is not None:
            return self.momentum
        # A tensor: as a number of Python's it would have no place in an exported graph.
        return 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)

    def _check_shape(self, x: Tensor) -> None:
        if x.ndim not in self.ranks or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__} expected x of shape {self.layout} with "
                f"c = {self.num_features}, got {tuple(x.shape)}; channels stand on axis 1"
            )

    def _check_eps(self) -> None:
        if not 0 <= self.eps < math.inf or (self.training and self.eps == 0):
            raise ValueError(
                f"expected a finite eps > 0, got {self.eps}; "
                "without it a channel of equal values is 0 / 0 in training"
            )

    def extra_repr(self) -> str:
        """Show the arguments, as torch.nn does."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch norm over (n, c) or (n, c, l); Ioffe & Szegedy (2015). Drop-in for torch.nn's."""

    ranks, layout = (2, 3), "(n, c) or (n, c, l)"


class BatchNorm2d(_BatchNorm):
    """Batch norm over (n, c, h, w); Ioffe & Szegedy (2015). Drop-in for torch.nn's."""

    ranks, layout = (4,), "(n, c, h, w)"


class BatchNorm3d(_BatchNorm):
    """Batch norm over (n, c, d, h, w); Ioffe & Szegedy (2015). Drop-in for torch.nn's."""

    ranks, layout = (5,), "(n, c, d, h, w)"
