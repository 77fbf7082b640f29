"""Switchable normalization on tensors; the twin of `numpy_layers.switchable_norm`.

Under `torch.func` its memory behaves as batch norm's: see `torch_layers.batch_norm`.
"""

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
    require_layout,
    require_momentum,
    require_statistics,
    values_per_channel,
)
from course_lib.numpy_layers.switchable_norm import SCOPES, require_images
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.batch_norm import _update_running
from course_lib.torch_layers.moments import as_statistics_dtype, moments


def switchable_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean_weight: Tensor,
    var_weight: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize `x` with weighted means of three means and of three variances.

    Arguments, shapes, errors and the in-place update of the running statistics are those of
    `course_lib.numpy_layers.switchable_norm`; the backward pass is autograd's.
    """
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_images(x, mean_weight, var_weight)
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "switchable_norm")
    require_statistics(x, running_mean, running_var, training)
    require_eps(eps)
    require_momentum(momentum)
    stats = [moments(x, axes) for axes in (SCOPES if training else SCOPES[:2])]
    var, centered = [part.var for part in stats], [part.centered for part in stats]
    if training:
        m = values_per_channel(x)
        _update_running(running_mean, stats[2].mean, momentum)
        _update_running(running_var, stats[2].var * (m / (m - 1)), momentum)
    else:
        var.append(as_statistics_dtype(per_channel(running_var, x)))
        centered.append(as_statistics_dtype(x) - per_channel(running_mean, x))
    mean_share, var_share = (
        as_statistics_dtype(logits).softmax(0) for logits in (mean_weight, var_weight)
    )
    total = sum(p * part for p, part in zip(var_share.unbind(), var, strict=True))
    # The shares sum to 1: x minus the weighted mean is the weighted mean of what is centred.
    moved = sum(p * part for p, part in zip(mean_share.unbind(), centered, strict=True))
    x_hat = moved * torch.rsqrt(total + eps)
    return affine_per_channel(x_hat, weight, bias).to(x.dtype)


class SwitchableNorm2d(_Affine):
    """Switchable norm over (n, c, h, w); Luo et al. (2019). It starts with equal shares."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        like = {"device": device, "dtype": dtype}
        self._create_affine(num_features, True, True, **like)
        self.mean_weight = nn.Parameter(torch.ones(3, **like))
        self.var_weight = nn.Parameter(torch.ones(3, **like))
        self.register_buffer("running_mean", torch.zeros(num_features, **like))
        self.register_buffer("running_var", torch.ones(num_features, **like))

    def reset_parameters(self) -> None:
        """Forget every batch seen; return to equal shares, γ = 1 and β = 0."""
        self.running_mean.zero_()
        self.running_var.fill_(1)
        nn.init.ones_(self.mean_weight)
        nn.init.ones_(self.var_weight)
        super().reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x`; in evaluation the batch's part comes from the running statistics."""
        require_layout(x, (4,), "(n, c, h, w)", self.num_features, "SwitchableNorm2d")
        memory, shares = (self.running_mean, self.running_var), (self.mean_weight, self.var_weight)
        options = (self.weight, self.bias, self.training, self.momentum, self.eps)
        return switchable_norm(x, *memory, *shares, *options)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
