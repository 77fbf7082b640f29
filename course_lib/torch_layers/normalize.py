"""Unit norm on tensors; the twin of `numpy_layers.normalize`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.numpy_layers.normalize import require_axes
from course_lib.torch_layers.moments import as_statistics_dtype


def normalize(
    x: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12
) -> Tensor:
    """Divide each vector of `x` along `dim` by its p-norm, or by `eps` where the norm is smaller.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.normalize`; the backward
    pass is autograd's.
    """
    axes = require_axes(x, dim)
    wide = as_statistics_dtype(x)
    norm = torch.linalg.vector_norm(wide, p, axes or None, keepdim=True)
    return (wide / norm.clamp_min(eps)).to(x.dtype)
