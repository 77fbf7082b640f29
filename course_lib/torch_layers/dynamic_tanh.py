"""Dynamic tanh on tensors; the twin of `numpy_layers.dynamic_tanh`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.dynamic_tanh import require_affine, require_one_value
from course_lib.numpy_layers.shapes import affine_per_feature, trailing_shape
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.fused import fused, passes_of
from course_lib.torch_layers.moments import as_statistics_dtype


def dynamic_tanh(
    x: Tensor, alpha: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Squash each value of `x` by ``tanh(alpha * x)``, then scale and shift its feature.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.dynamic_tanh`; the backward
    pass is autograd's, or on a GPU that of `fused`.
    """
    require_one_value("alpha", alpha, x)
    require_affine(x, weight, bias, "dynamic_tanh")

    def plain(x: Tensor, alpha: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        y = torch.tanh(as_statistics_dtype(alpha).reshape(()) * as_statistics_dtype(x))
        return affine_per_feature(y, weight, bias).to(x.dtype)

    if passes := passes_of("dynamic_tanh", 0.0, x, alpha, weight, bias):
        return fused(passes, plain, {}, x=x, alpha=alpha, weight=weight, bias=bias)
    return plain(x, alpha, weight, bias)


class DynamicTanh(_Affine):
    """Dynamic tanh over the trailing `normalized_shape`; Zhu et al. (2025).

    Parameters
    ----------
    normalized_shape : int, or sequence of int
        The trailing shape of the input; weight and bias have one value a feature.
    alpha_init_value : float
        Where the one learned scale starts.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        alpha_init_value: float = 0.5,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = trailing_shape(normalized_shape)
        self.alpha_init_value = alpha_init_value
        like = {"device": device, "dtype": dtype}
        self.alpha = nn.Parameter(torch.full((1,), float(alpha_init_value), **like))
        self._create_affine(self.normalized_shape, True, True, **like)

    def reset_parameters(self) -> None:
        """Return to the first α, γ = 1 and β = 0."""
        nn.init.constant_(self.alpha, self.alpha_init_value)
        super().reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Squash `x`, the same way in training and in evaluation."""
        return dynamic_tanh(x, self.alpha, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.normalized_shape}, alpha_init_value={self.alpha_init_value}"
