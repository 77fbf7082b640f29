"""Instance norm that follows a style, on tensors; twin of `numpy_layers.adaptive_instance_norm`."""

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.adaptive_instance_norm import of_each, require_style, require_table
from course_lib.numpy_layers.shapes import require_eps, require_floats
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.moments import standardize


def adaptive_instance_norm(x: Tensor, style: Tensor, eps: float = 1e-5) -> Tensor:
    """Give each channel of the content `x` the mean and the standard deviation of the style's.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.adaptive_instance_norm`;
    the backward pass is autograd's.
    """
    require_style(x, style)
    require_eps(eps)
    positions = tuple(range(2, x.ndim))
    x_hat, _ = standardize(x, positions, eps)
    _, stats = standardize(style, positions, eps)
    return (x_hat * torch.sqrt(stats.var + eps) + stats.mean).to(x.dtype)


def conditional_instance_norm(
    x: Tensor, style: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5
) -> Tensor:
    """Normalize each channel of each example and apply the γ and β of the example's style.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.conditional_instance_norm`,
    except that a style that does not exist is torch's own IndexError.
    """
    is_integer = style.dtype in (torch.int32, torch.int64)
    require_table(x, style, weight, bias, is_integer)
    require_eps(eps)
    x_hat, _ = standardize(x, tuple(range(2, x.ndim)), eps)
    # index_select and not weight[style], which takes -1 for the last style.
    scale, shift = weight.index_select(0, style), bias.index_select(0, style)
    return (x_hat * of_each(scale, x) + of_each(shift, x)).to(x.dtype)


class AdaptiveInstanceNorm2d(nn.Module):
    """Content (n, c, h, w) with the moments of a style; Huang & Belongie (2017)."""

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Give the content `x` the mean and deviation of `style`, channel by channel."""
        _require_image(self, x)
        return adaptive_instance_norm(x, style, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"eps={self.eps}"


class ConditionalInstanceNorm2d(_Affine):
    """Instance norm over (n, c, h, w) with γ and β for each style; Dumoulin et al. (2017)."""

    def __init__(
        self,
        num_features: int,
        num_styles: int,
        eps: float = 1e-5,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.num_styles = num_styles
        self.eps = eps
        self._create_affine((num_styles, num_features), True, True, device, dtype)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Normalize `x` and apply the rows `style` (n,) of the tables."""
        _require_image(self, x)
        return conditional_instance_norm(x, style, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.num_features}, num_styles={self.num_styles}, eps={self.eps}"


def _require_image(module: nn.Module, x: Tensor) -> None:
    require_floats(x, {})
    if x.ndim != 4:
        raise ValueError(
            f"{type(module).__name__} expected x of shape (n, c, h, w), got {tuple(x.shape)}; "
            "add a batch axis with x[None]"
        )
