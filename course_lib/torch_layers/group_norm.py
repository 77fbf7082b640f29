"""Group normalization on tensors; the twin of `numpy_layers.group_norm`."""

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.group_norm import require_divisor, require_groups, split_shape
from course_lib.numpy_layers.shapes import per_channel
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
    pass is autograd's.
    """
    require_groups(x, num_groups, {"weight": weight, "bias": bias})
    split = split_shape(x, num_groups)
    x_hat, _ = standardize(x.reshape(split), tuple(range(2, len(split))), eps)
    y = x_hat.reshape(x.shape)
    if weight is not None:
        y = y * per_channel(weight, x)
    if bias is not None:
        y = y + per_channel(bias, x)
    return y.to(x.dtype)


class GroupNorm(nn.Module):
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
        like = {"device": device, "dtype": dtype}
        weight = nn.Parameter(torch.ones(num_channels, **like))
        zeros = nn.Parameter(torch.zeros(num_channels, **like))
        self.register_parameter("weight", weight if affine else None)
        self.register_parameter("bias", zeros if affine and bias else None)

    def reset_parameters(self) -> None:
        """Return to γ = 1, β = 0."""
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each example of `x`, the same way in training and in evaluation."""
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments, as torch.nn does."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
