"""Batch normalization on tensors; the twin of `numpy_layers.batch_norm`.

Under `torch.func`, in training: `grad` and `jvp` work and move the running statistics in place,
whether these are arguments (`functional_call`) or the module's own, where torch.nn's refuses the
latter. `vmap` needs running statistics for each element, as torch.nn's does: stack the buffers.
"""

import torch
from torch import Tensor

from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_layout,
    require_statistics,
    values_per_channel,
)
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.fused import Passes, fused, passes_of
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
    `course_lib.numpy_layers.batch_norm`; the backward pass is autograd's, or in training that of
    `fused`.
    """
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "batch_norm")
    require_statistics(x, running_mean, running_var, training)
    if eps < 0:  # as torch; infinity and NaN pass there too
        raise ValueError(f"expected eps of at least 0, got {eps}; 1e-5 is usual")
    axes = (0, *range(2, x.ndim))

    def plain(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        return affine_per_channel(standardize(x, axes, eps)[0], weight, bias).to(x.dtype)

    if training and (passes := _passes(eps, momentum, x, weight, bias, *memory.values())):
        options = {**memory, "momentum": momentum, "eps": eps}
        return fused(passes, plain, options, x=x, weight=weight, bias=bias)
    if training:
        x_hat, stats = standardize(x, axes, eps)
        if m := values_per_channel(x):  # an empty batch says nothing
            _update_running(running_mean, stats.mean, momentum)
            _update_running(running_var, stats.var * (m / (m - 1)), momentum)
    else:
        x_hat = _standardize_by(x, running_mean, running_var, eps)
    return affine_per_channel(x_hat, weight, bias).to(x.dtype)


def _passes(eps: float, momentum: float | Tensor, *tensors: Tensor | None) -> Passes | None:
    """Return the written passes, or None; torch takes any momentum, a kernel a share."""
    if isinstance(momentum, Tensor):
        return passes_of("batch_norm", eps, *tensors, momentum)
    return passes_of("batch_norm", eps, *tensors) if 0 <= momentum <= 1 else None


def _standardize_by(x: Tensor, running_mean: Tensor, running_var: Tensor, eps: float) -> Tensor:
    """Return `x` (n, c, *s) standardized by the memory of each channel."""
    inv_std = torch.rsqrt(per_channel(as_statistics_dtype(running_var), x) + eps)
    return (as_statistics_dtype(x) - per_channel(running_mean, x)) * inv_std


@torch.no_grad()
def _update_running(running: Tensor | None, new: Tensor, momentum: float | Tensor) -> None:
    """Move `running` towards `new` in place, outside the graph."""
    if running is not None:
        _write(running, torch.lerp(running, new.reshape(-1).to(running.dtype), momentum))


def _write(buffer: Tensor, value: Tensor) -> None:
    """Give `buffer` another value in place; under torch.func's grad and jvp too, by its alias."""
    try:
        buffer[...].copy_(value)
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        raise RuntimeError(
            "expected running statistics for each element that vmap maps over, got one for all; "
            "pass stacked buffers through torch.func.functional_call, or use evaluation mode, or "
            "track_running_stats=False"
        ) from error


class _BatchNorm(_Affine):
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
        self._create_affine(num_features, affine, affine and bias, **like)
        tracked = track_running_stats
        zeros, ones = torch.zeros(num_features, **like), torch.ones(num_features, **like)
        self.register_buffer("running_mean", zeros if tracked else None)
        self.register_buffer("running_var", ones if tracked else None)
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
        super().reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x` with the batch's statistics in training, the running ones in evaluation."""
        self._check_shape(x)
        self._check_eps()
        tracking = self.training and self.track_running_stats
        momentum = self._count_batch() if tracking else 0.0
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
        _write(self.num_batches_tracked, self.num_batches_tracked + 1)
        if self.momentum is not None:
            return self.momentum
        # A tensor: as a number of Python's it would have no place in an exported graph.
        return 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)

    def _check_shape(self, x: Tensor) -> None:
        name = type(self).__name__
        require_layout(x, self.ranks, self.layout, self.num_features, name)

    def _check_eps(self) -> None:
        if self.training and self.eps == 0:
            raise ValueError(
                "expected eps > 0 in training, got 0; without it a channel of equal values is 0 / 0"
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
