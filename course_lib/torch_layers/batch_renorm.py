"""Batch renormalization on tensors; the twin of `numpy_layers.batch_renorm`.

Under `torch.func` its memory behaves as batch norm's: see `torch_layers.batch_norm`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.numpy_layers.batch_renorm import RenormLimits, require_limits, require_memory
from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
    require_layout,
    require_momentum,
    require_statistics,
)
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.batch_norm import _write
from course_lib.torch_layers.moments import as_statistics_dtype, standardize


def renorm_limits(
    step: Tensor,
    r_max: float = 3.0,
    d_max: float = 5.0,
    start: int = 5_000,
    r_end: int = 40_000,
    d_end: int = 25_000,
) -> RenormLimits:
    """Return the limits after `step` batches as tensors; see `numpy_layers.renorm_limits`."""
    r_part, d_part = (
        ((step - start) / max(end - start, 1)).clamp(0.0, 1.0) for end in (r_end, d_end)
    )
    return RenormLimits(1.0 + r_part * (r_max - 1.0), d_part * d_max)


def batch_renorm(
    x: Tensor,
    running_mean: Tensor,
    running_std: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.01,
    eps: float = 1e-5,
    r_max: float | Tensor = 3.0,
    d_max: float | Tensor = 5.0,
) -> Tensor:
    """Normalize each channel of `x` as evaluation will, as far as the limits allow.

    Arguments, shapes, errors and the in-place update of the running statistics are those of
    `course_lib.numpy_layers.batch_renorm`; the limits may be tensors, which are not checked. The
    backward pass is autograd's.
    """
    memory = {"running_mean": running_mean, "running_std": running_std}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "batch_renorm")
    require_memory(running_mean, running_std)
    require_statistics(x, running_mean, running_std, training)
    require_eps(eps)
    require_momentum(momentum)
    training = training and x.numel() > 0  # an empty batch says nothing
    wide = as_statistics_dtype(x)
    mean, std = (as_statistics_dtype(per_channel(value, x)) for value in memory.values())
    if training:
        if not isinstance(r_max, Tensor):
            require_limits(r_max, d_max)
        # Near a shift the batch's mean is small, hence exact: and so is its distance to `mean`.
        axes = (0, *range(2, x.ndim))
        shift = wide.detach().mean(axes, keepdim=True)
        x_hat, batch = standardize(wide - shift, axes, eps)
        distance = (shift - mean) + batch.mean.detach()
        batch_std = torch.sqrt(batch.var.detach() + eps)
        r = torch.clamp(batch_std / std, 1 / r_max, r_max)
        d = torch.clamp(distance / std, -d_max, d_max)
        # A compiled backward pass recomputes what is cheap, and would find the memory moved
        # (pytorch pull request 197039). It keeps what has been stacked.
        r, d = torch.stack([r, d]).unbind()
        y = x_hat * r + d
        _move(running_mean, momentum * distance)
        _move(running_std, momentum * (batch_std - std))
    else:
        y = (wide - mean) * (1 / std)
    return affine_per_channel(y, weight, bias).to(x.dtype)


@torch.no_grad()
def _move(running: Tensor, change: Tensor) -> None:
    """Add to the memory in place, outside the graph."""
    _write(running, running + change.reshape(-1).to(running.dtype))


class _BatchRenorm(_Affine):
    """Parameters, memory and the schedule; subclasses name the ranks they take."""

    ranks: tuple[int, ...]
    layout: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.01,
        affine: bool = True,
        limits: Callable[[Tensor], RenormLimits] = renorm_limits,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.limits = limits
        like = {"device": device, "dtype": dtype}
        self._create_affine(num_features, affine, affine, **like)
        self.register_buffer("running_mean", torch.zeros(num_features, **like))
        self.register_buffer("running_std", torch.ones(num_features, **like))
        count = torch.zeros((), dtype=torch.long, device=device)
        self.register_buffer("num_batches_tracked", count)

    def reset_parameters(self) -> None:
        """Forget every batch seen, and with them the schedule; return to γ = 1, β = 0."""
        self.running_mean.zero_()
        self.running_std.fill_(1)
        self.num_batches_tracked.zero_()
        super().reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x`, in training within the limits that the schedule allows by now."""
        name = type(self).__name__
        require_layout(x, self.ranks, self.layout, self.num_features, name)
        limits = RenormLimits(1.0, 0.0)
        if self.training:
            limits = self.limits(self.num_batches_tracked)
            _write(self.num_batches_tracked, self.num_batches_tracked + 1)
        memory = (self.running_mean, self.running_std)
        options = (self.training, self.momentum, self.eps, *limits)
        return batch_renorm(x, *memory, self.weight, self.bias, *options)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"
        )


class BatchRenorm1d(_BatchRenorm):
    """Batch renorm over (n, c) or (n, c, l); Ioffe (2017).

    `limits` maps the number of batches seen, a tensor, to `RenormLimits`; shorter trainings pass
    ``functools.partial(renorm_limits, start=..., r_end=..., d_end=...)``.
    """

    ranks, layout = (2, 3), "(n, c) or (n, c, l)"


class BatchRenorm2d(_BatchRenorm):
    """Batch renorm over (n, c, h, w); Ioffe (2017). See `BatchRenorm1d` for `limits`."""

    ranks, layout = (4,), "(n, c, h, w)"


class BatchRenorm3d(_BatchRenorm):
    """Batch renorm over (n, c, d, h, w); Ioffe (2017). See `BatchRenorm1d` for `limits`."""

    ranks, layout = (5,), "(n, c, d, h, w)"
