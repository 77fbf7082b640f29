"""The same layers as torch modules: drop-in for `torch.nn`, built from tensor arithmetic alone."""

from course_lib.torch_layers.adaptive_gradient_clipping import (
    adaptive_gradient_clipping,
    adaptive_gradient_clipping_,
)
from course_lib.torch_layers.adaptive_instance_norm import (
    AdaptiveInstanceNorm2d,
    ConditionalInstanceNorm2d,
    adaptive_instance_norm,
    conditional_instance_norm,
)
from course_lib.torch_layers.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, batch_norm
from course_lib.torch_layers.batch_renorm import (
    BatchRenorm1d,
    BatchRenorm2d,
    BatchRenorm3d,
    batch_renorm,
    renorm_limits,
)
from course_lib.torch_layers.data_scaling import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from course_lib.torch_layers.deep_norm import DeepNorm, deep_norm
from course_lib.torch_layers.dynamic_erf import DynamicErf, dynamic_erf
from course_lib.torch_layers.dynamic_tanh import DynamicTanh, dynamic_tanh
from course_lib.torch_layers.filter_response_norm import FilterResponseNorm2d, filter_response_norm
from course_lib.torch_layers.fixup import Fixup, fixup_
from course_lib.torch_layers.ghost_batch_norm import GhostBatchNorm, ghost_batch_norm
from course_lib.torch_layers.group_norm import GroupNorm, group_norm
from course_lib.torch_layers.instance_norm import (
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    instance_norm,
)
from course_lib.torch_layers.layer_norm import LayerNorm, layer_norm
from course_lib.torch_layers.layer_scale import LayerScale, layer_scale
from course_lib.torch_layers.local_response_norm import LocalResponseNorm, local_response_norm
from course_lib.torch_layers.moments import Moments, moments, standardize
from course_lib.torch_layers.normalize import normalize
from course_lib.torch_layers.query_key_norm import QueryKeyNorm, query_key_norm
from course_lib.torch_layers.re_zero import ReZero, re_zero
from course_lib.torch_layers.residual_blocks import PostNorm, PreNorm, SandwichNorm
from course_lib.torch_layers.rms_norm import (
    PartialRMSNorm,
    RMSNorm,
    add_rms_norm,
    partial_rms_norm,
    rms_norm,
)
from course_lib.torch_layers.scale_norm import ScaleNorm, scale_norm
from course_lib.torch_layers.spectral_norm import convolution_norm, spectral_norm
from course_lib.torch_layers.switchable_norm import SwitchableNorm2d, switchable_norm
from course_lib.torch_layers.sync_batch_norm import SyncBatchNorm, merge_moments, sync_batch_norm
from course_lib.torch_layers.unit_norm import unit_norm
from course_lib.torch_layers.weight_norm import initialize_weight_norm, weight_norm
from course_lib.torch_layers.weight_standardization import (
    ScaledWeightStandardization,
    ScaledWeightStandardizedConv2d,
    WeightStandardization,
    WeightStandardizedConv2d,
    scaled_weight_standardization,
    weight_standardization,
)
from course_lib.torch_layers.whitening import PCAWhitening, ZCAWhitening

__all__ = [
    "AdaptiveInstanceNorm2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchRenorm1d",
    "BatchRenorm2d",
    "BatchRenorm3d",
    "ConditionalInstanceNorm2d",
    "DeepNorm",
    "DynamicErf",
    "DynamicTanh",
    "FilterResponseNorm2d",
    "Fixup",
    "GhostBatchNorm",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LayerScale",
    "LocalResponseNorm",
    "MaxAbsScaler",
    "MinMaxScaler",
    "Moments",
    "PCAWhitening",
    "PartialRMSNorm",
    "PostNorm",
    "PreNorm",
    "QueryKeyNorm",
    "RMSNorm",
    "ReZero",
    "RobustScaler",
    "SandwichNorm",
    "ScaleNorm",
    "ScaledWeightStandardization",
    "ScaledWeightStandardizedConv2d",
    "StandardScaler",
    "SwitchableNorm2d",
    "SyncBatchNorm",
    "WeightStandardization",
    "WeightStandardizedConv2d",
    "ZCAWhitening",
    "adaptive_gradient_clipping",
    "adaptive_gradient_clipping_",
    "adaptive_instance_norm",
    "add_rms_norm",
    "batch_norm",
    "batch_renorm",
    "conditional_instance_norm",
    "convolution_norm",
    "deep_norm",
    "dynamic_erf",
    "dynamic_tanh",
    "filter_response_norm",
    "fixup_",
    "ghost_batch_norm",
    "group_norm",
    "initialize_weight_norm",
    "instance_norm",
    "layer_norm",
    "layer_scale",
    "local_response_norm",
    "merge_moments",
    "moments",
    "normalize",
    "partial_rms_norm",
    "query_key_norm",
    "re_zero",
    "renorm_limits",
    "rms_norm",
    "scale_norm",
    "scaled_weight_standardization",
    "spectral_norm",
    "standardize",
    "switchable_norm",
    "sync_batch_norm",
    "unit_norm",
    "weight_norm",
    "weight_standardization",
]
