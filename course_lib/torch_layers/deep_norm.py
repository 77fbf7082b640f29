"""DeepNorm on tensors; the twin of `numpy_layers.deep_norm`."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from course_lib.numpy_layers.deep_norm import require_branch, require_trailing_axes
from course_lib.numpy_layers.shapes import require_eps
from course_lib.torch_layers.layer_norm import layer_norm
from course_lib.torch_layers.moments import moments


def deep_norm(
    x: Tensor,
    g: Tensor,
    normalized_shape: Sequence[int],
    alpha: float,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return ``layer_norm(alpha * x + g)``; arguments and errors are the NumPy twin's."""
    require_branch(x, g)
    axes = require_trailing_axes(x, normalized_shape)
    require_eps(eps)
    # Layer norm forgets the means: taken out before the sum, they cost it no digits.
    total = alpha * moments(x, axes).centered + moments(g, axes).centered
    return layer_norm(total, normalized_shape, weight, bias, eps).to(x.dtype)


class DeepNorm(nn.Module):
    """A residual block, ``norm(alpha * x + sublayer(x))``; Wang et al. (2022).

    Parameters
    ----------
    sublayer : nn.Module
        Attention or feed-forward; further arguments of `forward` go to it.
    norm : nn.Module
        Layer norm, in the paper.
    alpha : float
        From `numpy_layers.deep_norm.deep_norm_constants`, as the gain of the sublayer's weights.
    """

    def __init__(self, sublayer: nn.Module, norm: nn.Module, alpha: float) -> None:
        super().__init__()
        self.sublayer, self.norm, self.alpha = sublayer, norm, alpha

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        """Add the branch to the scaled skip, then normalize."""
        g = self.sublayer(x, *args, **options)
        require_branch(x, g)
        return self.norm(self.alpha * x + g)

    def extra_repr(self) -> str:
        """Show the constant."""
        return f"alpha={self.alpha}"
