"""Instance normalization on tensors; the twin of `numpy_layers.instance_norm`.

Under `torch.func` its memory behaves as batch norm's: see `torch_layers.batch_norm`.
"""

import warnings

import torch
from torch import Tensor

from course_lib.numpy_layers.instance_norm import bessel, require_instances
from course_lib.numpy_layers.shapes import affine_per_channel, require_floats
from course_lib.torch_layers.batch_norm import _BatchNorm, _standardize_by, _update_running
from course_lib.torch_layers.moments import standardize


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each example of `x` over its positions.

    Arguments, shapes, errors and the in-place update of the running statistics are those of
    `course_lib.numpy_layers.instance_norm`; the backward pass is autograd's.
    """
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_instances(x, memory, {"weight": weight, "bias": bias}, use_input_stats)
    if use_input_stats:
        x_hat, stats = standardize(x, tuple(range(2, x.ndim)), eps)
        if x.numel():  # an empty batch says nothing
            _update_running(running_mean, stats.mean.mean(0), momentum)
            _update_running(running_var, (stats.var * bessel(x)).mean(0), momentum)
    else:
        x_hat = _standardize_by(x, running_mean, running_var, eps)
    return affine_per_channel(x_hat, weight, bias).to(x.dtype)


class _InstanceNorm(_BatchNorm):
    """Batch norm's parameters and buffers, of which torch too leaves the count at 0."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x`; in evaluation with the running statistics, where they are tracked."""
        self._check_shape(x)
        batched = x if x.ndim == max(self.ranks) else x.unsqueeze(0)
        y = instance_norm(
            batched,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y if batched is x else y.squeeze(0)

    def _check_shape(self, x: Tensor) -> None:
        require_floats(x, {})
        name = f"{type(self).__name__} expected x of shape {self.layout}"
        if x.ndim not in self.ranks:
            raise ValueError(f"{name}, got {tuple(x.shape)}; add or remove an axis of length 1")
        if x.shape[1 - max(self.ranks)] == self.num_features:
            return
        wrong = f"{name} with c = {self.num_features}, got {tuple(x.shape)}"
        if self.affine:
            raise ValueError(f"{wrong}; channels stand before the positions")
        # Without parameters the count means nothing: torch lets such an input pass, and so do we.
        warnings.warn(f"{wrong}; num_features is not used without affine", stacklevel=3)


class InstanceNorm1d(_InstanceNorm):
    """Instance norm over (n, c, l) or (c, l); Ulyanov et al. (2016). Drop-in for torch.nn's."""

    ranks, layout = (2, 3), "(n, c, l) or (c, l)"


class InstanceNorm2d(_InstanceNorm):
    """Instance norm over (n, c, h, w) or (c, h, w). Drop-in for torch.nn's."""

    ranks, layout = (3, 4), "(n, c, h, w) or (c, h, w)"


class InstanceNorm3d(_InstanceNorm):
    """Instance norm over (n, c, d, h, w) or (c, d, h, w). Drop-in for torch.nn's."""

    ranks, layout = (4, 5), "(n, c, d, h, w) or (c, d, h, w)"
