"""Ghost batch normalization on tensors; the twin of `numpy_layers.ghost_batch_norm`.

Under `torch.func` its memory behaves as batch norm's: see `torch_layers.batch_norm`.
"""

import torch
from torch import Tensor

from course_lib.numpy_layers.ghost_batch_norm import require_virtual_batches
from course_lib.numpy_layers.shapes import require_channels, require_eps, require_momentum
from course_lib.torch_layers.batch_norm import _BatchNorm, batch_norm


def ghost_batch_norm(
    x: Tensor,
    virtual_batch_size: int,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Apply batch norm to each virtual batch of `x` on its own.

    Arguments, shapes, errors and the in-place update of the running statistics are those of
    `course_lib.numpy_layers.ghost_batch_norm`; the backward pass is autograd's.
    """
    memory = {"running_mean": running_mean, "running_var": running_var}
    require_channels(x, {**memory, "weight": weight, "bias": bias}, "ghost_batch_norm")
    require_virtual_batches(x, virtual_batch_size, training)
    require_eps(eps)
    require_momentum(momentum)
    options = (*memory.values(), weight, bias, training, momentum, eps)
    parts = x.split(virtual_batch_size) if training else (x,)
    return torch.cat([batch_norm(part, *options) for part in parts])


class GhostBatchNorm(_BatchNorm):
    """Batch norm over virtual batches of (n, c, *s); Hoffer et al. (2017).

    Its state is batch norm's: either loads the other's. Virtual batches are what it counts, so
    ``momentum=None`` averages over them.
    """

    ranks, layout = range(2, 65), "(n, c, *s)"  # torch's tensors have at most 64 axes

    def __init__(
        self,
        num_features: int,
        virtual_batch_size: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        options = (eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(num_features, *options, bias=bias)
        self.virtual_batch_size = virtual_batch_size

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each virtual batch in training, `x` by the running statistics otherwise."""
        self._check_shape(x)
        require_virtual_batches(x, self.virtual_batch_size, self.training)
        require_eps(self.eps)
        if self.momentum is not None:
            require_momentum(self.momentum)
        parts = x.split(self.virtual_batch_size) if self.training else (x,)
        batch_norm_of = super().forward
        return torch.cat([batch_norm_of(part) for part in parts])

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"virtual_batch_size={self.virtual_batch_size}, {super().extra_repr()}"
