"""On a GPU the torch layers call the kernels: here the interpreter stands in for it."""

import fused_kernels
import pytest
import torch
from triton_processes import needs_triton, triton_process

pytestmark = needs_triton
all_calls = pytest.mark.parametrize("label", fused_kernels.CALLS)
FLOAT32 = {"rtol": 1e-5, "atol": 1e-5}  # sums of up to 18 values, in two derivatives
HALF = {"rtol": 2**-6, "atol": 2**-6}  # the interpreter truncates where it makes bfloat16


@pytest.fixture(scope="module")
def there():
    """Call a function in a process that interprets kernels."""
    with triton_process(interpret=True) as process:
        yield lambda function, *args, **options: process.submit(function, *args, **options).result()


def assert_same(there, label, tolerance, **options):
    got, wanted = (there(fused_kernels.run, label, kernels, **options) for kernels in (True, False))
    assert got.fused
    assert not wanted.fused
    assert got.strides == wanted.strides
    torch.testing.assert_close(got.values, wanted.values, **tolerance)


@all_calls
@pytest.mark.parametrize("affine", [True, False])
def test_kernels_results_and_both_derivatives_are_the_plain_ones(there, label, affine):
    assert_same(there, label, FLOAT32, affine=affine)


@all_calls
def test_half_precision_and_float32_parameters_go_together(there, label):
    assert_same(there, label, HALF, dtype=torch.bfloat16)


@pytest.mark.parametrize("label", ["group_norm", "batch_norm"])
def test_channels_last_stays(there, label):
    assert_same(there, label, FLOAT32, last=True)


@pytest.mark.parametrize("label", ["layer_norm", "group_norm"])
def test_autocast_changes_nothing(there, label):
    assert_same(there, label, FLOAT32, autocast=True)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_module_trains_to_the_same_state(there, momentum):
    states = [there(fused_kernels.train, kernels, momentum) for kernels in (True, False)]
    torch.testing.assert_close(*states, **FLOAT32)


@pytest.mark.parametrize(
    "name",
    [
        "float64", "empty", "transposed", "negative eps", "wide buffers", "momentum beyond 1",
        "evaluation",
    ],
)  # fmt: skip
def test_what_no_kernel_takes_goes_the_plain_way(there, name):
    assert there(fused_kernels.refused, name)
