"""The same layers as torch modules: drop-in for `torch.nn`, built from tensor arithmetic alone."""

from course_lib.torch_layers.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, batch_norm
from course_lib.torch_layers.layer_norm import LayerNorm, layer_norm
from course_lib.torch_layers.moments import moments, standardize

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LayerNorm",
    "batch_norm",
    "layer_norm",
    "moments",
    "standardize",
]
