"""Reference layers: forward and hand-derived backward; this package imports NumPy alone."""

from course_lib.numpy_layers.adaptive_gradient_clipping import adaptive_gradient_clipping
from course_lib.numpy_layers.adaptive_instance_norm import (
    AdaptiveInstanceNormCache,
    AdaptiveInstanceNormGrads,
    ConditionalInstanceNormCache,
    ConditionalInstanceNormGrads,
    adaptive_instance_norm,
    adaptive_instance_norm_backward,
    conditional_instance_norm,
    conditional_instance_norm_backward,
)
from course_lib.numpy_layers.batch_norm import (
    BatchNormCache,
    BatchNormGrads,
    batch_norm,
    batch_norm_backward,
)
from course_lib.numpy_layers.batch_renorm import (
    BatchRenormCache,
    BatchRenormGrads,
    RenormLimits,
    batch_renorm,
    batch_renorm_backward,
    renorm_limits,
)
from course_lib.numpy_layers.data_scaling import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from course_lib.numpy_layers.deep_norm import (
    DeepNormCache,
    DeepNormConstants,
    DeepNormGrads,
    deep_norm,
    deep_norm_backward,
    deep_norm_constants,
)
from course_lib.numpy_layers.dynamic_erf import (
    DynamicErfCache,
    DynamicErfGrads,
    dynamic_erf,
    dynamic_erf_backward,
)
from course_lib.numpy_layers.dynamic_tanh import (
    DynamicTanhCache,
    DynamicTanhGrads,
    dynamic_tanh,
    dynamic_tanh_backward,
)
from course_lib.numpy_layers.filter_response_norm import (
    FilterResponseNormCache,
    FilterResponseNormGrads,
    filter_response_norm,
    filter_response_norm_backward,
)
from course_lib.numpy_layers.fixup import fixup_scale
from course_lib.numpy_layers.ghost_batch_norm import (
    GhostBatchNormCache,
    ghost_batch_norm,
    ghost_batch_norm_backward,
)
from course_lib.numpy_layers.group_norm import (
    GroupNormCache,
    GroupNormGrads,
    group_norm,
    group_norm_backward,
)
from course_lib.numpy_layers.instance_norm import (
    InstanceNormCache,
    InstanceNormGrads,
    instance_norm,
    instance_norm_backward,
)
from course_lib.numpy_layers.layer_norm import (
    LayerNormCache,
    LayerNormGrads,
    layer_norm,
    layer_norm_backward,
)
from course_lib.numpy_layers.layer_scale import (
    LayerScaleCache,
    LayerScaleGrads,
    layer_scale,
    layer_scale_backward,
    layer_scale_start,
)
from course_lib.numpy_layers.local_response_norm import (
    LocalResponseNormCache,
    LocalResponseNormGrads,
    local_response_norm,
    local_response_norm_backward,
)
from course_lib.numpy_layers.moments import Moments, moments, standardize, standardize_backward
from course_lib.numpy_layers.normalize import (
    NormalizeCache,
    NormalizeGrads,
    normalize,
    normalize_backward,
)
from course_lib.numpy_layers.query_key_norm import (
    QueryKeyNormCache,
    QueryKeyNormGrads,
    query_key_norm,
    query_key_norm_backward,
)
from course_lib.numpy_layers.re_zero import ReZeroCache, ReZeroGrads, re_zero, re_zero_backward
from course_lib.numpy_layers.rms_norm import (
    RMSNormCache,
    RMSNormGrads,
    partial_rms_norm,
    rms_norm,
    rms_norm_backward,
)
from course_lib.numpy_layers.scale_norm import (
    ScaleNormCache,
    ScaleNormGrads,
    scale_norm,
    scale_norm_backward,
)
from course_lib.numpy_layers.spectral_norm import (
    SpectralNormCache,
    SpectralNormGrads,
    convolution_norm,
    spectral_norm,
    spectral_norm_backward,
)
from course_lib.numpy_layers.switchable_norm import (
    SwitchableNormCache,
    SwitchableNormGrads,
    switchable_norm,
    switchable_norm_backward,
)
from course_lib.numpy_layers.sync_batch_norm import (
    MergedMoments,
    SyncBatchNormCache,
    SyncBatchNormGrads,
    merge_moments,
    sync_batch_norm,
    sync_batch_norm_backward,
)
from course_lib.numpy_layers.unit_norm import unit_norm
from course_lib.numpy_layers.weight_norm import (
    WeightNormCache,
    WeightNormGrads,
    weight_norm,
    weight_norm_backward,
)
from course_lib.numpy_layers.weight_standardization import (
    ScaledWeightStandardizationCache,
    ScaledWeightStandardizationGrads,
    WeightStandardizationCache,
    WeightStandardizationGrads,
    scaled_weight_standardization,
    scaled_weight_standardization_backward,
    weight_standardization,
    weight_standardization_backward,
)
from course_lib.numpy_layers.whitening import PCAWhitening, ZCAWhitening

__all__ = [
    "AdaptiveInstanceNormCache",
    "AdaptiveInstanceNormGrads",
    "BatchNormCache",
    "BatchNormGrads",
    "BatchRenormCache",
    "BatchRenormGrads",
    "ConditionalInstanceNormCache",
    "ConditionalInstanceNormGrads",
    "DeepNormCache",
    "DeepNormConstants",
    "DeepNormGrads",
    "DynamicErfCache",
    "DynamicErfGrads",
    "DynamicTanhCache",
    "DynamicTanhGrads",
    "FilterResponseNormCache",
    "FilterResponseNormGrads",
    "GhostBatchNormCache",
    "GroupNormCache",
    "GroupNormGrads",
    "InstanceNormCache",
    "InstanceNormGrads",
    "LayerNormCache",
    "LayerNormGrads",
    "LayerScaleCache",
    "LayerScaleGrads",
    "LocalResponseNormCache",
    "LocalResponseNormGrads",
    "MaxAbsScaler",
    "MergedMoments",
    "MinMaxScaler",
    "Moments",
    "NormalizeCache",
    "NormalizeGrads",
    "PCAWhitening",
    "QueryKeyNormCache",
    "QueryKeyNormGrads",
    "RMSNormCache",
    "RMSNormGrads",
    "ReZeroCache",
    "ReZeroGrads",
    "RenormLimits",
    "RobustScaler",
    "ScaleNormCache",
    "ScaleNormGrads",
    "ScaledWeightStandardizationCache",
    "ScaledWeightStandardizationGrads",
    "SpectralNormCache",
    "SpectralNormGrads",
    "StandardScaler",
    "SwitchableNormCache",
    "SwitchableNormGrads",
    "SyncBatchNormCache",
    "SyncBatchNormGrads",
    "WeightNormCache",
    "WeightNormGrads",
    "WeightStandardizationCache",
    "WeightStandardizationGrads",
    "ZCAWhitening",
    "adaptive_gradient_clipping",
    "adaptive_instance_norm",
    "adaptive_instance_norm_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_renorm",
    "batch_renorm_backward",
    "conditional_instance_norm",
    "conditional_instance_norm_backward",
    "convolution_norm",
    "deep_norm",
    "deep_norm_backward",
    "deep_norm_constants",
    "dynamic_erf",
    "dynamic_erf_backward",
    "dynamic_tanh",
    "dynamic_tanh_backward",
    "filter_response_norm",
    "filter_response_norm_backward",
    "fixup_scale",
    "ghost_batch_norm",
    "ghost_batch_norm_backward",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "layer_scale",
    "layer_scale_backward",
    "layer_scale_start",
    "local_response_norm",
    "local_response_norm_backward",
    "merge_moments",
    "moments",
    "normalize",
    "normalize_backward",
    "partial_rms_norm",
    "query_key_norm",
    "query_key_norm_backward",
    "re_zero",
    "re_zero_backward",
    "renorm_limits",
    "rms_norm",
    "rms_norm_backward",
    "scale_norm",
    "scale_norm_backward",
    "scaled_weight_standardization",
    "scaled_weight_standardization_backward",
    "spectral_norm",
    "spectral_norm_backward",
    "standardize",
    "standardize_backward",
    "switchable_norm",
    "switchable_norm_backward",
    "sync_batch_norm",
    "sync_batch_norm_backward",
    "unit_norm",
    "weight_norm",
    "weight_norm_backward",
    "weight_standardization",
    "weight_standardization_backward",
]
