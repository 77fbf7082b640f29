"""Weight standardization on tensors, as parametrizations and as convolutions."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.shapes import require_eps
from course_lib.numpy_layers.weight_standardization import per_filter, require_fan_in
from course_lib.torch_layers.moments import as_statistics_dtype, standardize


def weight_standardization(w: Tensor, eps: float = 1e-6) -> Tensor:
    """Standardize each filter of `w` (n, *fan_in) over its fan-in.

    Arguments and errors are those of `course_lib.numpy_layers.weight_standardization`; the
    backward pass is autograd's.
    """
    require_fan_in(w)
    require_eps(eps)
    return standardize(w, tuple(range(1, w.ndim)), eps)[0].to(w.dtype)


def scaled_weight_standardization(
    w: Tensor, gain: Tensor | None = None, gamma: float = 1.0, eps: float = 1e-6
) -> Tensor:
    """Standardize each filter of `w` (n, *fan_in) to the variance that keeps a signal's variance.

    Arguments and errors are those of `course_lib.numpy_layers.scaled_weight_standardization`;
    the backward pass is autograd's.
    """
    require_fan_in(w, gain)
    y = weight_standardization(as_statistics_dtype(w), eps) * (
        gamma * math.prod(w.shape[1:]) ** -0.5
    )
    return (y if gain is None else y * per_filter(gain, w)).to(w.dtype)


class WeightStandardization(nn.Module):
    """Parametrization of a weight; Qiao et al. (2019).

    Register it with `torch.nn.utils.parametrize.register_parametrization(layer, "weight", …)`,
    undo it with `remove_parametrizations`.
    """

    def __init__(self, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, weight: Tensor) -> Tensor:
        """Standardize each filter of `weight`."""
        return weight_standardization(weight, self.eps)

    def right_inverse(self, value: Tensor) -> Tensor:
        """Take an assigned weight as the one to standardize."""
        return value


class ScaledWeightStandardization(nn.Module):
    """Parametrization of `num_filters` filters with a learned gain each; Brock et al. (2021).

    Registered and undone as `WeightStandardization`.
    """

    def __init__(
        self,
        num_filters: int,
        gamma: float = 1.0,
        eps: float = 1e-6,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(num_filters, device=device, dtype=dtype))

    def forward(self, weight: Tensor) -> Tensor:
        """Standardize each filter of `weight` and scale it."""
        return scaled_weight_standardization(weight, self.gain, self.gamma, self.eps)

    def right_inverse(self, value: Tensor) -> Tensor:
        """Take an assigned weight as the one to standardize."""
        return value


class WeightStandardizedConv2d(nn.Conv2d):
    """Convolution by standardized filters; the arguments and the state of nn.Conv2d, then `eps`."""

    def __init__(self, *args: Any, eps: float = 1e-6, **options: Any) -> None:
        super().__init__(*args, **options)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` (n, c, h, w) with the standardized weight."""
        return self._conv_forward(x, weight_standardization(self.weight, self.eps), self.bias)

    def extra_repr(self) -> str:
        """Show the arguments of nn.Conv2d, and eps."""
        return f"{super().extra_repr()}, eps={self.eps}"


class ScaledWeightStandardizedConv2d(nn.Conv2d):
    """Convolution by scaled standardized filters; Brock et al. (2021).

    The arguments and the state of nn.Conv2d, then `gamma`, `eps` and a learned `gain` (n,).
    """

    def __init__(self, *args: Any, gamma: float = 1.0, eps: float = 1e-6, **options: Any) -> None:
        super().__init__(*args, **options)
        self.gamma = gamma
        self.eps = eps
        self.gain = nn.Parameter(torch.ones_like(self.weight[:, 0, 0, 0]))

    def reset_parameters(self) -> None:
        """Draw the weight and the bias anew, as nn.Conv2d does, and return to gain 1."""
        super().reset_parameters()
        if "gain" in self._parameters:  # nn.Conv2d's constructor calls this before there is one
            nn.init.ones_(self.gain)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` (n, c, h, w) with the scaled standardized weight."""
        weight = scaled_weight_standardization(self.weight, self.gain, self.gamma, self.eps)
        return self._conv_forward(x, weight, self.bias)

    def extra_repr(self) -> str:
        """Show the arguments of nn.Conv2d, gamma and eps."""
        return f"{super().extra_repr()}, gamma={self.gamma}, eps={self.eps}"
