"""Query-key norm on tensors; the twin of `numpy_layers.query_key_norm`."""

import math

import torch
from torch import Tensor, nn

from course_lib.numpy_layers.query_key_norm import require_heads
from course_lib.numpy_layers.shapes import require_eps
from course_lib.torch_layers.moments import as_statistics_dtype
from course_lib.torch_layers.normalize import normalize


def query_key_norm(q: Tensor, k: Tensor, g: Tensor, eps: float = 1e-12) -> Tensor:
    """Return the attention logits ``g`` times the cosine of each query with each key.

    Arguments, shapes and errors are those of `course_lib.numpy_layers.query_key_norm`; the
    backward pass is autograd's.
    """
    require_heads(q, k, g)
    require_eps(eps)
    queries, keys = (normalize(as_statistics_dtype(x), dim=-1, eps=eps) for x in (q, k))
    cosines = queries @ keys.transpose(-1, -2)
    return (as_statistics_dtype(g).reshape(()) * cosines).to(q.dtype)


class QueryKeyNorm(nn.Module):
    """Attention logits from unit queries and keys, with a learned scale; Henry et al. (2020).

    Parameters
    ----------
    length : int
        The length L of a long sequence in the training data (the paper takes the 97.5th
        percentile): the scale `g` starts at log₂(L² − L). At least 2.
    eps : float
        Smallest length by which a vector is divided.

    Raises
    ------
    ValueError
        If `length` is below 2.
    """

    def __init__(
        self,
        length: int,
        eps: float = 1e-12,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if length < 2:
            raise ValueError(
                f"expected length of at least 2, got {length}; "
                "pass the length of a long training sequence"
            )
        self.length = length
        self.eps = eps
        self.g = nn.Parameter(torch.empty(1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Return to the scale of the sequence length."""
        nn.init.constant_(self.g, math.log2(self.length**2 - self.length))

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        """Return logits (*b, n, m) of queries (*b, n, d) and keys (*b, m, d): no 1/√d needed."""
        return query_key_norm(q, k, self.g, self.eps)

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"length={self.length}, eps={self.eps}"
