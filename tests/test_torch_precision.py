"""Every torch module of the course in half precision, under autocast and with channels last."""

import copy

import pytest
import torch
import torch_table as table
from torch_table import FLOAT64, LABELS, all_modules, both_modes, outcome

FLOATS = {torch.float16: 2**-10, torch.bfloat16: 2**-7}  # unit in the last place of 1


def assert_rounded_once(label, y, exact, dtype):
    """Assert that `y` is `exact`, rounded to `dtype` where it was finished and nowhere before."""
    assert y.dtype == dtype
    unit, largest = FLOATS[dtype], exact.abs().max()
    # Half a unit for the rounding; the rest is float32's share, with means of 50 deviations.
    allowed = unit * (0.5 * exact.abs() + 0.005 * largest)
    if table.multiplies(label):  # torch's own layer rounds too, and what follows may magnify that
        allowed = 8 * unit * largest
    excess = ((y.double() - exact).abs() / allowed).max()
    assert excess <= 1, f"the error is {excess:.3g} times what one rounding makes"


@all_modules
@both_modes
def test_autocast_keeps_statistics_wide(label, training):
    module = table.module(label, training, torch.float32)
    exact = copy.deepcopy(module).double()
    # What a layer before this one hands over: bfloat16, with a mean of 50 standard deviations.
    offset = 0.0 if table.multiplies(label) else 100.0
    inputs = table.inputs(label, torch.bfloat16, offset)
    with torch.autocast("cpu", torch.bfloat16):
        y = module(*inputs)
    assert_rounded_once(label, y, exact(*map(widened, inputs)), torch.bfloat16)


@all_modules
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@both_modes
def test_half_precision_rounds_once(label, dtype, training):
    module, inputs = table.module(label, training, dtype), table.inputs(label, dtype)
    exact = copy.deepcopy(module).double()
    y = module(*inputs)
    assert_rounded_once(label, y, exact(*map(widened, inputs)), dtype)


def widened(value):
    return value.double() if value.is_floating_point() else value


@pytest.mark.parametrize(
    "label", [label for label in LABELS if len(table.ROWS[label][1][0]) in (4, 5)]
)
@both_modes
def test_channels_last_stays_and_gives_the_same(label, training):
    module, inputs = table.module(label, training), table.inputs(label)
    twin = copy.deepcopy(module)
    layout = torch.channels_last if inputs[0].ndim == 4 else torch.channels_last_3d
    last = [inputs[0].detach().to(memory_format=layout).requires_grad_(), *inputs[1:]]
    torch.testing.assert_close(outcome(twin, last), outcome(module, inputs), **FLOAT64)
    assert module(*last).is_contiguous(memory_format=layout)
