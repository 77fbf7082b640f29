"""Where the norm stands in a residual block: before the sublayer, after the sum, or twice."""

from typing import Any

from torch import Tensor, nn


class PreNorm(nn.Module):
    """``x + sublayer(norm(x))``: the skip connection stays untouched from end to end.

    Further arguments of `forward` go to the sublayer, here and in the other blocks.
    """

    def __init__(self, sublayer: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.sublayer, self.norm = sublayer, norm

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        """Normalize what the sublayer sees."""
        return x + self.sublayer(self.norm(x), *args, **options)


class PostNorm(nn.Module):
    """``norm(x + sublayer(x))``: every block normalizes the skip too, as the first transformer."""

    def __init__(self, sublayer: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.sublayer, self.norm = sublayer, norm

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        """Normalize the sum."""
        return self.norm(x + self.sublayer(x, *args, **options))


class SandwichNorm(nn.Module):
    """``x + norm_after(sublayer(norm(x)))``: what a branch adds is bounded; Ding et al. (2021)."""

    def __init__(self, sublayer: nn.Module, norm: nn.Module, norm_after: nn.Module) -> None:
        super().__init__()
        self.sublayer, self.norm, self.norm_after = sublayer, norm, norm_after

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        """Normalize what the sublayer sees and what it adds."""
        return x + self.norm_after(self.sublayer(self.norm(x), *args, **options))
