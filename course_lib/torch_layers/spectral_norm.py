"""Spectral normalization as a parametrization; the twin of `numpy_layers.spectral_norm`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from course_lib.numpy_layers.normalize import require_axes
from course_lib.numpy_layers.spectral_norm import require_size
from course_lib.torch_layers.moments import as_statistics_dtype
from course_lib.torch_layers.normalize import normalize
from course_lib.torch_layers.weight_norm import output_dim


class _SpectralNorm(nn.Module):
    """Divide a weight by its estimated spectral norm; named as torch's for the same repr."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        (self.dim,) = require_axes(weight, dim)
        if n_power_iterations < 1:
            raise ValueError(
                f"expected n_power_iterations of at least 1, got {n_power_iterations}; "
                "evaluation mode, module.eval(), iterates no further"
            )
        self.eps = eps
        if weight.ndim > 1:  # a vector needs no iteration: its norm is its length
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight.detach())
            for name, length in zip(("_u", "_v"), matrix.shape, strict=True):
                start = torch.randn(length, dtype=weight.dtype, device=weight.device)
                self.register_buffer(name, normalize(start, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def forward(self, weight: Tensor) -> Tensor:
        """Divide `weight` by uᵀ W v; in training u and v move towards the singular vectors."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies: a second forward pass moves the buffers before the first one's backward pass.
        u, v = (as_statistics_dtype(vector.clone()) for vector in (self._u, self._v))
        sigma = (u[:, None] * matrix * v).sum()  # autocast would round the product u @ matrix @ v
        return (as_statistics_dtype(weight) / sigma).to(weight.dtype)

    def right_inverse(self, value: Tensor) -> Tensor:
        """Take an assigned weight as the one to divide."""
        return value

    def _matrix(self, weight: Tensor) -> Tensor:
        return as_statistics_dtype(weight).movedim(self.dim, 0).flatten(1)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor, n_power_iterations: int) -> None:
        """Move u and v in place, outside the graph."""
        for _ in range(n_power_iterations):
            self._u.copy_(normalize((matrix * self._v).sum(1), dim=0, eps=self.eps))
            self._v.copy_(normalize((matrix.T * self._u).sum(1), dim=0, eps=self.eps))


def spectral_norm(
    module: nn.Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> nn.Module:
    """Divide `module.name` by its estimated spectral norm, as torch's function does.

    Parameters
    ----------
    module : nn.Module
        Gets the parameter ``parametrizations.<name>.original`` and the buffers ``_u`` and ``_v``
        of ``parametrizations.<name>.0``.
    name : str
    n_power_iterations : int
        Steps of the power iteration each time the weight is read in training mode.
    eps : float
        Smallest length by which u and v are divided.
    dim : int or None
        The axis that counts the outputs; None stands for 1 in a transposed convolution, else 0.

    Returns
    -------
    nn.Module
        The same module. `torch.nn.utils.parametrize.remove_parametrizations` undoes it; call
        ``eval()`` first, for a last reading in training mode iterates once more.

    Raises
    ------
    ValueError
        If the module has no tensor `name` or it no axis `dim`, or without iterations.

    References
    ----------
    Miyato et al. (2018), "Spectral normalization for generative adversarial networks".
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(
            f"expected a tensor {name!r} in {type(module).__name__}, got {weight}; "
            "name one of its parameters"
        )
    dim = output_dim(module) if dim is None else dim
    parametrization = _SpectralNorm(weight, n_power_iterations, dim, eps)
    parametrize.register_parametrization(module, name, parametrization)
    return module


def convolution_norm(weight: Tensor, size: Sequence[int]) -> Tensor:
    """Return the spectral norm of a circular convolution, exactly.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.convolution_norm`;
    differentiable where the largest singular value is a single one.
    """
    weight = as_statistics_dtype(weight)
    require_size(weight, size)
    matrices = torch.fft.fftn(weight, tuple(size), dim=tuple(range(2, weight.ndim)))
    return torch.linalg.svdvals(matrices.movedim((0, 1), (-2, -1))).amax()
