"""Reference layers: forward and hand-derived backward; this package imports NumPy alone."""

from course_lib.numpy_layers.batch_norm import (
    BatchNormCache,
    BatchNormGrads,
    batch_norm,
    batch_norm_backward,
)
from course_lib.numpy_layers.layer_norm import (
    LayerNormCache,
    LayerNormGrads,
    layer_norm,
    layer_norm_backward,
)
from course_lib.numpy_layers.moments import Moments, moments, standardize, standardize_backward

__all__ = [
    "BatchNormCache",
    "BatchNormGrads",
    "LayerNormCache",
    "LayerNormGrads",
    "Moments",
    "batch_norm",
    "batch_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "moments",
    "standardize",
    "standardize_backward",
]
