"""`reset_parameters` gives back the module as it was made, memory included."""

import copy

import pytest
import torch

from course_lib import torch_layers as layers

MODULES = [
    layers.BatchNorm2d(3), layers.BatchRenorm1d(3), layers.BatchRenorm2d(3, affine=False),
    layers.FilterResponseNorm2d(3), layers.FilterResponseNorm2d(3, learnable_eps=True),
    layers.GhostBatchNorm(3, 2), layers.InstanceNorm2d(3, affine=True, track_running_stats=True),
    layers.GroupNorm(1, 3), layers.LayerNorm(3), layers.RMSNorm(3), layers.DynamicTanh(3),
    layers.DynamicErf(3), layers.SwitchableNorm2d(3), layers.ConditionalInstanceNorm2d(3, 2),
]  # fmt: skip


@pytest.mark.parametrize("fresh", MODULES, ids=lambda module: type(module).__name__)
def test_reset_gives_back_the_module_as_it_was_made(fresh):
    module = copy.deepcopy(fresh)
    for value in module.state_dict().values():
        value += 2
    module.reset_parameters()
    for name, value in module.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name]), name
