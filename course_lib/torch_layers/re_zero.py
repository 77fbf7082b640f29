"""ReZero on tensors; the twin of `numpy_layers.re_zero`."""

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.deep_norm import require_branch
from course_lib.numpy_layers.re_zero import require_scalar
from course_lib.torch_layers.moments import as_statistics_dtype


def re_zero(x: Tensor, g: Tensor, weight: Tensor) -> Tensor:
    """Return ``x + weight * g``; arguments and errors are the NumPy twin's."""
    require_branch(x, g)
    require_scalar(weight, x)
    return (as_statistics_dtype(x) + weight * as_statistics_dtype(g)).to(x.dtype)


class ReZero(nn.Module):
    """A residual block, ``x + weight * sublayer(x)``, the identity at first.

    Bachlechner et al. (2021). Further arguments of `forward` go to the sublayer.
    """

    def __init__(
        self,
        sublayer: nn.Module,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.sublayer = sublayer
        self.weight = nn.Parameter(torch.zeros((), device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Return to the identity."""
        nn.init.zeros_(self.weight)

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        """Add the branch, as much of it as has been learnt."""
        return re_zero(x, self.sublayer(x, *args, **options), self.weight)
