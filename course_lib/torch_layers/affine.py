"""γ and β as parameters of a module: batch, layer and group norm end with them."""

import torch
from torch import nn


class _Affine(nn.Module):
    """A layer that ends with ``x_hat * weight + bias``, of which it may lack either."""

    def _create_affine(
        self,
        shape: int | tuple[int, ...],
        weight: bool,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        """Register γ = 1 and β = 0, and None for what is not wanted."""
        for name, start, wanted in (("weight", torch.ones, weight), ("bias", torch.zeros, bias)):
            value = nn.Parameter(start(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)

    def reset_parameters(self) -> None:
        """Return to γ = 1, β = 0."""
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
