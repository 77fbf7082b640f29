"""The textbook's formulas in torch, for torch.compile to make kernels of."""

from collections.abc import Mapping

import torch
from torch import Tensor

from course_lib.bench.cases import EPS, NUM_GROUPS


def layer_norm(activations: tuple, parameters: Mapping[str, Tensor]) -> tuple[Tensor]:
    """Normalize over the last axis."""
    (x,) = activations
    y = _standardize(x.float(), (-1,)) * parameters["weight"] + parameters["bias"]
    return (y.to(x.dtype),)


def rms_norm(activations: tuple, parameters: Mapping[str, Tensor]) -> tuple[Tensor]:
    """Divide by the root mean square over the last axis."""
    (x,) = activations
    return ((_rms(x) * parameters["weight"]).to(x.dtype),)


def add_rms_norm(activations: tuple, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Add the residual, then RMS norm; return both."""
    total = activations[0] + activations[1]
    return (_rms(total) * parameters["weight"]).to(total.dtype), total


def group_norm(activations: tuple, parameters: Mapping[str, Tensor]) -> tuple[Tensor]:
    """Normalize each example's groups of channels."""
    (x,) = activations
    n, c, *s = x.shape
    groups = x.float().reshape(n, NUM_GROUPS, c // NUM_GROUPS, *s)
    return _affine(_standardize(groups, (2, 3, 4)).reshape(x.shape), parameters, x)


def batch_norm(activations: tuple, parameters: Mapping[str, Tensor]) -> tuple[Tensor]:
    """Normalize each channel by the statistics of the batch."""
    (x,) = activations
    return _affine(_standardize(x.float(), (0, 2, 3)), parameters, x)


def dynamic_tanh(activations: tuple, parameters: Mapping[str, Tensor]) -> tuple[Tensor]:
    """Squash by ``tanh(alpha * x)``."""
    (x,) = activations
    t = torch.tanh(parameters["alpha"].float() * x.float())
    return ((t * parameters["weight"] + parameters["bias"]).to(x.dtype),)


def _standardize(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    centered = x - x.mean(axes, keepdim=True)
    return centered * torch.rsqrt(centered.square().mean(axes, keepdim=True) + EPS)


def _rms(x: Tensor) -> Tensor:
    wide = x.float()
    return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPS)


def _affine(x_hat: Tensor, parameters: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor]:
    weight, bias = (parameters[key].reshape(-1, 1, 1) for key in ("weight", "bias"))
    return ((x_hat * weight + bias).to(x.dtype),)
