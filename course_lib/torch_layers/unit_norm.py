"""Rows of length 1 on tensors; the twin of `numpy_layers.unit_norm`."""

import math

from torch import Tensor

from course_lib.numpy_layers.unit_norm import require_order
from course_lib.torch_layers.data_scaling import as_rows


def unit_norm(x: Tensor, p: float = 2.0) -> Tensor:
    """Divide each row of `x` (n, d) by its p-norm; see `numpy_layers.unit_norm`."""
    wide = as_rows(x, None)
    require_order(p)
    if x.shape[1] == 0:
        return x
    largest = wide.abs().amax(1, keepdim=True)
    # For a finite p the result does not depend on what is taken out first: no gradient through it.
    largest = largest.detach() if p < math.inf else largest
    scaled = wide / largest.masked_fill(largest == 0, 1.0)
    if p < math.inf:
        power = scaled.abs().pow(p).sum(1, keepdim=True)
        scaled = scaled / power.masked_fill(power == 0, 1.0).pow(1 / p)
    return scaled.to(x.dtype)
