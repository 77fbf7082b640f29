"""Whitening on tensors of any device; the twin of `numpy_layers.whitening`."""

import torch
from torch import Tensor

from course_lib.numpy_layers import whitening as arrays
from course_lib.torch_layers.data_scaling import _Rows
from course_lib.torch_layers.moments import moments


class _Tensors(_Rows):
    """What whitening asks of arrays, for tensors; the statistics are kept off the graph."""

    @staticmethod
    def _decompose(wide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, _, centered = moments(wide.detach(), (0,))
        variances, axes = torch.linalg.eigh(centered.T @ centered / len(wide))
        components = axes.T.flip(0)
        largest = components.abs().argmax(1, keepdim=True)
        return (
            mean[0],
            variances.flip(0).clamp(min=0),
            components * components.gather(1, largest).sign(),
        )


class PCAWhitening(_Tensors, arrays.PCAWhitening):
    """Turn onto the principal axes, with variance 1 along each; see `numpy_layers.whitening`."""


class ZCAWhitening(_Tensors, arrays.ZCAWhitening):
    """Whiten and turn back, changing the data least; see `numpy_layers.whitening`."""
