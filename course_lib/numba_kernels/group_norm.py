"""Group norm on a CPU: a group is some neighbouring rows of an example, or columns."""

from torch import Tensor

from course_lib.numba_kernels.arrays import Saved, require_loop_inputs
from course_lib.numba_kernels.groups import normalize, normalize_backward
from course_lib.numpy_layers.group_norm import require_groups
from course_lib.numpy_layers.shapes import require_eps


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, Saved]:
    """Normalize each example of `x` over groups of neighbouring channels.

    Arguments and shapes are those of `course_lib.numpy_layers.group_norm`, errors those of
    `course_lib.numba_kernels.layer_norm`.

    Returns
    -------
    y : shape and dtype of `x`
    saved : Saved
    """
    require_groups(x, num_groups, {"weight": weight, "bias": bias})
    require_eps(eps)
    require_loop_inputs(x, weight, bias)
    y, _, saved = normalize(x, weight, bias, num_groups, over_batch=False, eps=eps)
    return y, saved


def group_norm_backward(dy: Tensor, saved: Saved) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Pull `dy`, of the shape of `x`, back through group norm; return dx, dweight and dbias."""
    return normalize_backward(dy, saved, over_batch=False)
