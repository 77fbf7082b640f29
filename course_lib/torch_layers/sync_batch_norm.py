"""Synchronized batch normalization over `torch.distributed`; twin of the NumPy file."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable

from course_lib.numpy_layers.shapes import affine_per_channel, per_channel, require_channels
from course_lib.torch_layers.batch_norm import _BatchNorm, _update_running, batch_norm
from course_lib.torch_layers.moments import as_statistics_dtype, moments


def merge_moments(counts: Tensor, means: Tensor, M2s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return count, mean and M2 of k groups together from counts (k,), means and M2s (k, *c).

    Chan et al. (1982); see `course_lib.numpy_layers.merge_moments`.
    """
    count = counts.sum()
    weight = counts.reshape(-1, *(1,) * (means.ndim - 1))
    mean = (weight / count * means).sum(0)
    return count, mean, (M2s + weight * (means - mean).square()).sum(0)


def sync_batch_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
    process_group: Any | None = None,
) -> Tensor:
    """Normalize this process's shard `x` with the statistics of all processes; training's pass.

    Arguments are those of `course_lib.numpy_layers.sync_batch_norm`, with one shard, (n, c, *s),
    instead of all. Every process of the group must call it, forward and backward; a shard may be
    empty. Where no group is initialized, or it has one process, this is `batch_norm`. The
    gradients of weight and bias are this shard's: DistributedDataParallel combines them.

    Raises
    ------
    ValueError
        As batch norm; the values of a channel are counted over all processes.
    RuntimeError
        In a second derivative: the exchange of the backward pass is differentiable once.
    """
    if not _has_company(process_group):
        return batch_norm(x, running_mean, running_var, weight, bias, True, momentum, eps)
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "sync_batch_norm")
    y, mean, unbiased_var = _Standardize.apply(x, eps, process_group)
    _update_running(running_mean, mean, momentum)
    _update_running(running_var, unbiased_var, momentum)
    return affine_per_channel(y, weight, bias).to(x.dtype)


class _Standardize(torch.autograd.Function):
    """Zero mean and unit variance a channel over all processes; 2c + 1 numbers travel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float, group: Any) -> tuple[Tensor, Tensor, Tensor]:
        centered, *own = _shard_moments(x)
        # float64: the mean of a shard far from 0 is not a float32 number.
        packed = torch.cat([value.reshape(-1).double() for value in own])
        received = [torch.empty_like(packed) for _ in range(distributed.get_world_size(group))]
        distributed.all_gather(received, packed, group=group)
        counts, means, M2s = torch.stack(received).split([1, x.shape[1], x.shape[1]], 1)
        count, mean, M2 = merge_moments(counts[:, 0], means, M2s)
        if count < 2:
            raise ValueError(
                f"expected more than one value a channel in all processes together, got "
                f"{count:g}; use a larger batch, or evaluation mode"
            )
        offset = per_channel(own[1] - mean, x).to(centered.dtype)
        inv_std = per_channel(torch.rsqrt(M2 / count + eps), x).to(centered.dtype)
        x_hat = (centered + offset) * inv_std
        ctx.save_for_backward(x_hat, inv_std, count)
        ctx.group, ctx.dtype = group, x.dtype
        unbiased_var = M2 / (count - 1)
        ctx.mark_non_differentiable(mean, unbiased_var)
        return x_hat, mean, unbiased_var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor, *_: Any) -> tuple[Tensor, None, None]:
        x_hat, inv_std, count = ctx.saved_tensors
        axes = (0, *range(2, g.ndim))
        # Both means that batch norm projects out are means over all processes.
        sums = torch.stack([g.sum(axes), (g * x_hat).sum(axes)]).double()
        distributed.all_reduce(sums, group=ctx.group)
        along_ones, along_x_hat = (per_channel(value, g).to(g.dtype) for value in sums / count)
        return (inv_std * (g - along_ones - x_hat * along_x_hat)).to(ctx.dtype), None, None


def _shard_moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x minus its mean, and count, mean and M2 in float64, the last two of shape (c,)."""
    wide, axes = as_statistics_dtype(x), (0, *range(2, x.ndim))
    count = torch.tensor(x.numel() // x.shape[1], dtype=torch.float64, device=x.device)
    if x.numel() == 0:  # nothing to say, but the other processes wait for the message
        return wide, count, *count.new_zeros(2, x.shape[1])
    shift = wide.mean(axes, keepdim=True)  # near it the mean that is left is small, hence exact
    mean, var, centered = moments(wide - shift, axes)
    exact_mean = shift.double() + mean
    return centered, count, exact_mean.reshape(-1), count * var.reshape(-1)


def _has_company(group: Any | None) -> bool:
    """Tell whether there is another process to synchronize with."""
    ready = distributed.is_available() and distributed.is_initialized()
    return ready and distributed.get_world_size(group) > 1


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the batches of all processes, (n, c, *s); drop-in for torch.nn's.

    Unlike torch's it also runs on the CPU (gloo).
    """

    ranks, layout = range(2, 65), "(n, c, *s)"  # torch's tensors have at most 64 axes

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        options = (eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(num_features, *options, bias=bias)
        self.process_group = process_group

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x` with the statistics of all processes; in evaluation with the running."""
        if not (self.training and _has_company(self.process_group)):
            return super().forward(x)
        self._check_shape(x)
        tracked = self.track_running_stats
        return sync_batch_norm(
            x,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            self._count_batch() if tracked else 0.0,
            self.eps,
            self.process_group,
        )

    @classmethod
    def convert_sync_batchnorm(
        cls, module: nn.Module, process_group: Any | None = None
    ) -> nn.Module:
        """Replace every batch norm in `module`, torch.nn's or ours, and return the module.

        Parameters and buffers are kept, not copied. A batch norm handed in itself is returned as
        a new layer.
        """
        converted = module
        if _is_batch_norm(module):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(converted, name, getattr(module, name))
            converted.train(module.training)
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


def _is_batch_norm(module: nn.Module) -> bool:
    """Recognize batch norms by name: torch.nn's are not imported here, ghost batch norm is none."""
    names = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"}
    return any(base.__name__ in names for base in type(module).__mro__)
