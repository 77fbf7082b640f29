"""The kernels as they are launched, on CUDA; a small shape in the interpreter proves the tests."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_triton_kernels import NEAR, all_layers, assert_right, call_of
from triton_calls import draw
from triton_interpreter import run as run_here
from triton_processes import needs_triton, triton_process

NO_CUDA = "no CUDA device here; run on one with pytest tests/test_triton_cuda.py"
cuda = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_CUDA))
pytestmark = needs_triton
# Sums of up to 10^5 values, in another order than NumPy's.
LARGE = {**NEAR, "float32": 1e-5}
SHAPES = {
    "layer_norm": [(4099, 768), (515, 8192), (67, 16384), (5, 40_000)],
    "rms_norm": [(4099, 1024), (67, 16384), (5, 40_000)],
    "add_rms_norm": [(515, 4096), (5, 40_000)],
    "dynamic_tanh": [(515, 4096)],
    "group_norm": [(4, 64, 16, 16), (2, 64, 129, 129)],
    "batch_norm": [(16, 64, 28, 28), (64, 96)],
}


@pytest.fixture(scope="module", params=["cpu", cuda])
def device(request):
    """Name where kernels run."""
    return request.param


@pytest.fixture(scope="module")
def run(device, tmp_path_factory):
    """Run a call with the tiles that its shape gives, in a process of its own."""
    cache = str(tmp_path_factory.mktemp("triton"))
    with triton_process(interpret=device == "cpu", cache=cache) as process:
        yield lambda call: process.submit(run_here, replace(call, device=device, sizes={})).result()


def calls_of(device, layer, **options):
    groups = {"num_groups": 2} if layer == "group_norm" else {}
    shapes = [None] if device == "cpu" else SHAPES[layer]
    for shape in shapes:
        yield (
            call_of(layer, **options) if shape is None else draw(layer, shape, **groups, **options)
        )


@all_layers
@pytest.mark.parametrize(
    ("dtype", "layout"),
    [("float32", "contiguous"), ("float16", "channels_last"), ("bfloat16", "contiguous")],
)
def test_real_tiles_are_right(run, device, layer, dtype, layout):
    for call in calls_of(device, layer, dtype=dtype, layout=layout):
        assert_right(run, call, LARGE[dtype])


@all_layers
def test_repeated_run_has_the_same_bits(run, device, layer):
    for call in calls_of(device, layer):
        first, second = run(call), run(call)
        for name in ("outputs", "gradients", "memory"):
            for one, other in zip(getattr(first, name), getattr(second, name), strict=True):
                np.testing.assert_array_equal(one, other)
