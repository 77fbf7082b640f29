"""Filter response normalization on tensors; the twin of `numpy_layers.filter_response_norm`."""

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.filter_response_norm import require_positions
from course_lib.numpy_layers.shapes import (
    affine_per_channel,
    per_channel,
    require_channels,
    require_eps,
    require_layout,
)
from course_lib.torch_layers.affine import _Affine
from course_lib.torch_layers.moments import as_statistics_dtype


def filter_response_norm(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    tau: Tensor | None = None,
    learned_eps: Tensor | None = None,
    eps: float = 1e-6,
) -> Tensor:
    """Divide each channel of each example by its root mean square, then apply the threshold τ.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.filter_response_norm`; the
    backward pass is autograd's.
    """
    parameters = {"weight": weight, "bias": bias, "tau": tau, "learned_eps": learned_eps}
    require_channels(x, parameters, "filter_response_norm")
    require_positions(x)
    require_eps(eps)
    wide, axes = as_statistics_dtype(x), tuple(range(2, x.ndim))
    floor = eps if learned_eps is None else eps + per_channel(learned_eps, x).abs()
    x_hat = wide * torch.rsqrt(wide.square().mean(axes, keepdim=True) + floor)
    y = affine_per_channel(x_hat, weight, bias)
    if tau is not None:
        y = torch.maximum(y, per_channel(tau, x))
    return y.to(x.dtype)


class FilterResponseNorm2d(_Affine):
    """Filter response norm and its thresholded linear unit over (n, c, h, w); Singh & Krishnan.

    It takes the place of a norm and of the activation that follows it. `learnable_eps` is for
    layers whose positions are few: ε = eps + |learned_eps|, which starts at the paper's 1e-4.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-6,
        learnable_eps: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.learnable_eps = learnable_eps
        like = {"device": device, "dtype": dtype}
        self._create_affine(num_features, True, True, **like)
        self.tau = nn.Parameter(torch.zeros(num_features, **like))
        small = nn.Parameter(torch.full((num_features,), 1e-4, **like))
        self.register_parameter("learned_eps", small if learnable_eps else None)

    def reset_parameters(self) -> None:
        """Return to γ = 1, β = 0, τ = 0, and to the first learned ε."""
        nn.init.zeros_(self.tau)
        if self.learned_eps is not None:
            nn.init.constant_(self.learned_eps, 1e-4)
        super().reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each channel of each example, in training and evaluation alike."""
        require_layout(x, (4,), "(n, c, h, w)", self.num_features, "FilterResponseNorm2d")
        parameters = (self.weight, self.bias, self.tau, self.learned_eps)
        return filter_response_norm(x, *parameters, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"{self.num_features}, eps={self.eps}, learnable_eps={self.learnable_eps}"
