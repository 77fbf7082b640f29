"""Bad input, for every torch module and every scaler; drop-ins refuse what torch's refuse."""

import math

import numpy as np
import pytest
import torch
import torch_table as table
from torch import nn

from course_lib import numpy_layers, torch_layers

RNG = np.random.default_rng(0)
THREE_PARTS = r"(?s)expected .+, got .+; \w"
# torch's own layer, which is asked first there, says it in its own words.
OURS = [label for label in table.LABELS if not table.multiplies(label)]
SIZED = [label for label in OURS if any(p.ndim for p in table.module(label).parameters())]
DROP_INS = {
    "BatchNorm2d": (4,), "SyncBatchNorm": (4,), "InstanceNorm2d": (4,), "GroupNorm": (2, 4),
    "LayerNorm": (3,), "RMSNorm": (3,),
}  # fmt: skip


@pytest.mark.parametrize("eps", [0.0, -1e-5, -5.0, math.inf, math.nan])
@pytest.mark.parametrize("name", DROP_INS)
@table.both_modes
def test_drop_in_takes_the_eps_that_torchs_takes(name, eps, training):
    if name == "SyncBatchNorm" and training:
        pytest.skip("torch's refuses the CPU")
    x = torch.randn(4, 4, 5, 3, generator=torch.Generator().manual_seed(0))
    got, wanted = (
        tried(getattr(package, name)(*DROP_INS[name], eps=eps).train(training), x)
        for package in (torch_layers, nn)
    )
    torch.testing.assert_close(got, wanted, equal_nan=True, rtol=1e-4, atol=1e-5)


def tried(module, x):
    """Return the output; where it is refused, infinity."""
    try:
        return module(x).detach()
    except ValueError:
        return torch.full_like(x, math.inf)


@pytest.mark.parametrize("label", SIZED)
def test_module_refuses_wrong_ranks_and_channels(label):
    module, inputs = table.module(label), table.inputs(label)
    number = torch.zeros((), dtype=torch.float64)
    wider = torch.zeros([n + 1 for n in inputs[0].shape], dtype=torch.float64)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for wrong in (number, wider):
        with pytest.raises(ValueError, match=THREE_PARTS):
            module(wrong, *inputs[1:])
    torch.testing.assert_close(dict(module.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("label", OURS)
def test_module_refuses_a_list(label):
    with pytest.raises(TypeError, match=THREE_PARTS):
        table.module(label)(*([[0.0]] for _ in table.inputs(label)))


@pytest.mark.parametrize("label", OURS)
def test_mixed_devices_are_refused_before_the_memory_moves(label):
    module = table.module(label)
    tensors = [value for value in module.state_dict().values() if value.ndim]
    if not tensors:
        pytest.skip("it has nothing on a device, or a single number, which may be on the CPU")
    before = [value.clone() for value in tensors]
    with pytest.raises(RuntimeError, match="device"):
        module(*(value.detach().to("meta") for value in table.inputs(label)))
    assert all(map(torch.equal, tensors, before))


@pytest.mark.parametrize("package", [numpy_layers, torch_layers])
def test_scalers_keep_the_data_and_refuse_what_is_none(package):
    data = RNG.normal(size=(8, 3))
    for name in ("MinMaxScaler", "StandardScaler", "RobustScaler", "MaxAbsScaler",
                 "PCAWhitening", "ZCAWhitening"):  # fmt: skip
        scaler, x = getattr(package, name)(), np.copy(data)
        given = x if package is numpy_layers else torch.from_numpy(x)
        if package is numpy_layers:
            x.flags.writeable = False
        scaler.inverse_transform(scaler.fit(given).transform(given))
        np.testing.assert_array_equal(x, data)
        kind = np.asarray if package is numpy_layers else torch.as_tensor
        for dtype in (np.int64, np.complex128):
            with pytest.raises(TypeError, match=r"expected a floating-point .+, got dtype .+; \w"):
                getattr(package, name)().fit(kind(data.astype(dtype)))
        for shape in [(8,), (2, 2, 2)]:
            with pytest.raises(ValueError, match=r"expected x of shape \(n, d\), got .+; one row"):
                getattr(package, name)().fit(kind(RNG.normal(size=shape)))
        with pytest.raises(ValueError, match=r"expected .+ row.+, got .+; drop"):
            getattr(package, name)().fit(kind(data[:0]))
