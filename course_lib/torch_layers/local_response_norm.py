"""Local response normalization on tensors; the twin of `numpy_layers.local_response_norm`."""

from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.numpy_layers.local_response_norm import require_window
from course_lib.torch_layers.moments import as_statistics_dtype


def local_response_norm(
    x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide `x` by ``(k + alpha · mean square over a window of channels) ** beta``.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.local_response_norm`; the
    backward pass is autograd's.
    """
    require_window(x, size)
    wide = as_statistics_dtype(x)
    if x.numel() == 0:
        return x
    around = (0, 0) * (x.ndim - 2) + (size // 2, (size - 1) // 2)
    mean_square = F.pad(wide.square(), around).unfold(1, size, 1).mean(-1)
    return (wide / (k + alpha * mean_square).pow(beta)).to(x.dtype)


class LocalResponseNorm(nn.Module):
    """Local response norm over (n, c, *s); Krizhevsky et al. (2012). Drop-in for torch.nn's."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        """Divide `x` by the size of its neighbours, the same way in training and evaluation."""
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Show the arguments, as torch.nn does."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
