"""ScaleNorm on tensors; the twin of `numpy_layers.scale_norm`."""

import math

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.scale_norm import require_scale
from course_lib.numpy_layers.shapes import require_eps, require_floats
from course_lib.torch_layers.moments import as_statistics_dtype


def scale_norm(x: Tensor, g: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Give every vector along the last axis of `x` the length `g`.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.scale_norm`; the backward
    pass is autograd's.
    """
    require_scale(x, g)
    require_eps(eps)
    wide = as_statistics_dtype(x)
    # The floor comes before the root: at 0 the slope of the root is infinite.
    squares = wide.square().sum(-1, keepdim=True).clamp(min=eps**2)
    y = wide * torch.rsqrt(squares)
    if g is not None:
        y = y * g
    return y.to(x.dtype)


class ScaleNorm(nn.Module):
    """g·x/‖x‖ over the last axis with one learned g; Nguyen & Salazar (2019).

    Parameters
    ----------
    num_features : int
        d, the length of the last axis. The scale starts at √d, where the values have size 1.
    eps : float
        The least length to divide by.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.g = nn.Parameter(torch.empty((), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Return to g = √d."""
        nn.init.constant_(self.g, math.sqrt(self.num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each vector of `x`, the same way in training and in evaluation."""
        require_floats(x, {})
        if x.ndim == 0 or x.shape[-1] != self.num_features:
            raise ValueError(
                f"ScaleNorm expected x of shape (*b, {self.num_features}), got {tuple(x.shape)}; "
                "put the features on the last axis"
            )
        return scale_norm(x, self.g, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.num_features}, eps={self.eps}"
