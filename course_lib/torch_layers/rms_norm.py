"""Root mean square normalization on tensors; the twin of `numpy_layers.rms_norm`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.rms_norm import measured_features, require_sum
from course_lib.numpy_layers.shapes import require_trailing, trailing_shape
from course_lib.torch_layers.fused import fused, passes_of
from course_lib.torch_layers.moments import as_statistics_dtype


def rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide each example of `x` by the root mean square over its trailing axes.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.rms_norm`; the backward
    pass is autograd's, or that of `fused`.
    """
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight}, "rms_norm")

    def plain(x: Tensor, weight: Tensor | None) -> Tensor:
        return partial_rms_norm(x, shape, 1.0, weight, eps)

    if passes := passes_of("rms_norm", eps or 0.0, x, weight):
        options = {"normalized_shape": shape, "eps": eps}
        return fused(passes, plain, options, x=x, weight=weight)
    return plain(x, weight)


def add_rms_norm(
    x: Tensor, residual: Tensor, weight: Tensor | None = None, eps: float | None = None
) -> tuple[Tensor, Tensor]:
    """Return the RMS norm of ``x + residual``, and this sum.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.add_rms_norm`; on a GPU one
    kernel does both.
    """
    shape = require_sum(x, residual, weight)

    def plain(x: Tensor, residual: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        total = x + residual
        return rms_norm(total, shape, weight, eps), total

    if passes := passes_of("add_rms_norm", eps or 0.0, x, residual, weight):
        return fused(passes, plain, {"eps": eps}, x=x, residual=residual, weight=weight)
    return plain(x, residual, weight)


def partial_rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    p: float,
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide each example of `x` by the root mean square of its first features.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.partial_rms_norm`; the
    backward pass is autograd's.
    """
    shape = tuple(normalized_shape)
    require_trailing(x, shape, {"weight": weight}, "rms_norm")
    measured = measured_features(shape, p)
    wide = as_statistics_dtype(x)
    first = wide.flatten(-len(shape))[..., :measured]
    mean_square = first.square().mean(-1).reshape(*x.shape[: -len(shape)], *(1,) * len(shape))
    y = wide * torch.rsqrt(mean_square + (torch.finfo(wide.dtype).eps if eps is None else eps))
    if weight is not None:
        y = y * weight
    return y.to(x.dtype)


class RMSNorm(nn.Module):
    """RMS norm over the trailing `normalized_shape`; Zhang & Sennrich (2019). As torch.nn's."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = trailing_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = nn.Parameter(torch.ones(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", weight if elementwise_affine else None)

    def reset_parameters(self) -> None:
        """Return to γ = 1."""
        if self.weight is not None:
            nn.init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each example of `x`, the same way in training and in evaluation."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments, as torch.nn does."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class PartialRMSNorm(RMSNorm):
    """RMS norm that measures the first share `p` of the features; Zhang & Sennrich (2019)."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        p: float,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, device, dtype)
        measured_features(self.normalized_shape, p)  # refuses a wrong p here, not in training
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each example of `x`, the same way in training and in evaluation."""
        return partial_rms_norm(x, self.normalized_shape, self.p, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.normalized_shape}, p={self.p}, eps={self.eps}"
