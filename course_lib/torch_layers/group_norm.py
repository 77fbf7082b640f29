"""Group normalization on tensors; the twin of `numpy_layers.group_norm`."""

import torch
from torch import Tensor

from course_lib.numpy_layers.group_norm import require_divisor, require_groups, split_shape
from course_lib.numpy_layers.shapes import affine_per_channel
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.fused import fused, passes_of
from course_lib.torch_layers.moments import standardize


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each example of `x` over groups of neighbouring channels.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.group_norm`; the backward
    pass is autograd's, or that of `fused`.
    """
    require_groups(x, num_groups, {"weight": weight, "bias": bias})

    def plain(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        split = split_shape(x, num_groups)
        x_hat, _ = standardize(x.reshape(split), tuple(range(2, len(split))), eps)
        return affine_per_channel(x_hat.reshape(x.shape), weight, bias).to(x.dtype)

    if passes := passes_of("group_norm", eps, x, weight, bias):
        options = {"num_groups": num_groups, "eps": eps}
        return fused(passes, plain, options, x=x, weight=weight, bias=bias)
    return plain(x, weight, bias)


class GroupNorm(_Affine):
    """Group norm over (n, c, *s); Wu & He (2018). Drop-in for torch.nn's."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        require_divisor(num_channels, num_groups)
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._create_affine(num_channels, affine, affine and bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each example of `x`, the same way in training and in evaluation."""
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments, as torch.nn does."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
