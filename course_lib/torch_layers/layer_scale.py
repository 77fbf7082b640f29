"""LayerScale on tensors; the twin of `numpy_layers.layer_scale`."""

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.layer_scale import along
from course_lib.torch_layers.moments import as_statistics_dtype


def layer_scale(x: Tensor, weight: Tensor, dim: int = -1) -> Tensor:
    """Multiply each channel of `x` by its own factor; see `numpy_layers.layer_scale`."""
    return (as_statistics_dtype(x) * along(weight, x, dim)).to(x.dtype)


class LayerScale(nn.Module):
    """The last step of a residual branch; Touvron et al. (2021).

    Parameters
    ----------
    num_features : int
        Channels, on axis `dim` of the input.
    start : float
        The first value of every factor, near 0: see `numpy_layers.layer_scale.layer_scale_start`.
    """

    def __init__(
        self,
        num_features: int,
        start: float = 1e-5,
        dim: int = -1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features, self.start, self.dim = num_features, start, dim
        self.weight = nn.Parameter(torch.empty(num_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Return every factor to `start`."""
        nn.init.constant_(self.weight, self.start)

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels of `x`, what the branch is about to add."""
        return layer_scale(x, self.weight, self.dim)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.num_features}, start={self.start}, dim={self.dim}"
