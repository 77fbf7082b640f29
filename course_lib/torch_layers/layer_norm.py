"""Layer normalization on tensors; the twin of `numpy_layers.layer_norm`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.numpy_layers.shapes import affine_per_feature, require_trailing, trailing_shape
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.fused import fused, passes_of
from course_lib.torch_layers.moments import standardize


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each example of `x` over its trailing axes.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.layer_norm`; the backward
    pass is autograd's, or that of `fused`.
    """
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight, "bias": bias}, "layer_norm")

    def plain(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        x_hat, _ = standardize(x, tuple(range(-len(shape), 0)), eps)
        return affine_per_feature(x_hat, weight, bias).to(x.dtype)

    if passes := passes_of("layer_norm", eps, x, weight, bias):
        options = {"normalized_shape": shape, "eps": eps}
        return fused(passes, plain, options, x=x, weight=weight, bias=bias)
    return plain(x, weight, bias)


class LayerNorm(_Affine):
    """Layer norm over the trailing `normalized_shape`; Ba et al. (2016). Drop-in for torch.nn's."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = trailing_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        wanted = elementwise_affine, elementwise_affine and bias
        self._create_affine(self.normalized_shape, *wanted, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each example of `x`, the same way in training and in evaluation."""
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments, as torch.nn does."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )
