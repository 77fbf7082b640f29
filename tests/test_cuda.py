"""Every torch module of the course on CUDA, against float64 on the CPU; the CPU runs the same.

The rows of "cpu" prove the tests themselves where there is no CUDA device.
"""

import copy
import importlib
import shutil
import socket

import pytest
import torch
import torch_table as table
from test_torch_precision import FLOATS, assert_rounded_once, widened
from torch import distributed
from torch_table import LABELS, all_modules, both_modes

from course_lib.torch_layers import SyncBatchNorm

sync_batch_norm = importlib.import_module("course_lib.torch_layers.sync_batch_norm")
NO_CUDA = "no CUDA device here; run on one with pytest tests/test_cuda.py"
cuda = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_CUDA))
devices = pytest.mark.parametrize("device", ["cpu", cuda])
# Parts of torch itself still call what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
FLOAT32 = {"rtol": 1e-4, "atol": 1e-4}  # sums of up to 640 values in any order


@pytest.fixture(autouse=True)
def exact_products():
    """Keep matrix products and convolutions in float32, where CUDA would take TF32."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    # A context, since torch's testing module forbids to set the flags themselves.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
    torch.backends.cuda.matmul.allow_tf32 = before


def on(device, label, training, dtype):
    """Return the module on the device, its inputs there, and the module in float64 on the CPU."""
    module = table.module(label, training, dtype)
    exact = copy.deepcopy(module).double()
    inputs = [value.detach().to(device) for value in table.inputs(label, dtype)]
    floats = [value.requires_grad_() if value.is_floating_point() else value for value in inputs]
    return module.to(device), floats, exact


def leaves(values):
    """Return copies in float64 on the CPU that want gradients where the originals do."""
    return [widened(v.detach().cpu()).requires_grad_(v.requires_grad) for v in values]


def step(module, inputs):
    """Run forward and back with one upstream gradient; return all that comes out, on the CPU."""
    y = module(*inputs)
    wanted = [value for value in (*inputs, *module.parameters()) if value.requires_grad]
    gradients = torch.autograd.grad(y, wanted, table.upstream(y.cpu()).to(y))
    state = [v for name, v in module.state_dict().items() if "tracked" not in name]
    return [value.detach().cpu().double() for value in (y, *gradients, *state)]


@devices
@all_modules
@both_modes
def test_float32_forward_backward_and_state(device, label, training):
    module, inputs, exact = on(device, label, training, torch.float32)
    assert {value.device.type for value in module.state_dict().values()} <= {device}
    wanted = step_as(exact, leaves(inputs), step(module, inputs))
    assert module(*inputs).device.type == device
    torch.testing.assert_close(*wanted, **FLOAT32)


def step_as(exact, inputs, got):
    """Return what came out and what should have."""
    y = exact(*inputs)
    wanted = [value for value in (*inputs, *exact.parameters()) if value.requires_grad]
    upstream = table.upstream(y.float()).double()  # the same draw, in float32
    gradients = torch.autograd.grad(y, wanted, upstream)
    state = [v for name, v in exact.state_dict().items() if "tracked" not in name]
    return got, [value.detach() for value in (y, *gradients, *state)]


@devices
@all_modules
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@both_modes
def test_half_precision_rounds_once_and_has_gradients(device, label, dtype, training):
    module, inputs, exact = on(device, label, training, dtype)
    y = module(*inputs)
    assert_rounded_once(label, y.cpu(), exact(*leaves(inputs)), dtype)
    y.backward(table.upstream(y.cpu()).to(y))
    assert all(value.grad.isfinite().all() for value in inputs if value.requires_grad)


@devices
@pytest.mark.parametrize(
    "label", [label for label in LABELS if len(table.ROWS[label][1][0]) in (4, 5)]
)
def test_channels_last_stays(device, label):
    module, inputs, exact = on(device, label, True, torch.float32)
    layout = torch.channels_last if inputs[0].ndim == 4 else torch.channels_last_3d
    inputs[0] = inputs[0].detach().to(memory_format=layout).requires_grad_()
    assert copy.deepcopy(module)(*inputs).is_contiguous(memory_format=layout)
    got, wanted = step_as(exact, leaves(inputs), step(module, inputs))
    torch.testing.assert_close(got, wanted, **FLOAT32)


@devices
@all_modules
def test_autocast_keeps_statistics_wide(device, label):
    module, inputs, exact = on(device, label, True, torch.float32)
    inputs = [v.detach().bfloat16() if v.is_floating_point() else v for v in inputs]
    with torch.autocast(device, torch.bfloat16):
        y = module(*inputs)
    assert_rounded_once(label, y.cpu(), exact(*leaves(inputs)), torch.bfloat16)


@devices
@pytest.mark.parametrize("label", ["BatchNorm2d", "BatchRenorm2d", "GroupNorm", "LayerNorm"])
def test_compiled_by_inductor(device, label):
    if device == "cpu" and not shutil.which("c++"):
        pytest.skip("no compiler")
    torch.compiler.reset()
    module, inputs, exact = on(device, label, True, torch.float32)
    compiled = torch.compile(module, fullgraph=True)
    got, wanted = step_as(exact, leaves(inputs), step(compiled, inputs))
    torch.testing.assert_close(got, wanted, **FLOAT32)


@devices
def test_sync_batch_norm_exchanges_over_the_devices_backend(device, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    backend = {"cpu": "gloo", "cuda": "nccl"}[device]
    distributed.init_process_group(backend, init_method=address, rank=0, world_size=1)
    # One process alone would take the short way past the exchange.
    monkeypatch.setattr(sync_batch_norm, "_has_company", lambda group: True)
    try:
        module, inputs, exact = on(device, "SyncBatchNorm", True, torch.float32)
        got = step(module, inputs)
    finally:
        distributed.destroy_process_group()
    monkeypatch.undo()
    assert isinstance(module, SyncBatchNorm)
    torch.testing.assert_close(*step_as(exact, leaves(inputs), got), **FLOAT32)
