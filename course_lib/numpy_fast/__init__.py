"""The layers of `numpy_layers` whose speed matters, block by block; same names, same results."""

from course_lib.numpy_fast.batch_norm import batch_norm, batch_norm_backward
from course_lib.numpy_fast.group_norm import group_norm, group_norm_backward
from course_lib.numpy_fast.layer_norm import layer_norm, layer_norm_backward
from course_lib.numpy_fast.rms_norm import rms_norm, rms_norm_backward

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "group_norm",
    "group_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]
