"""Batch renorm compiled: the backward pass must see the memory as the forward pass saw it."""

import copy
from functools import partial

import pytest
import torch
from mutants import assert_seen, planted

from course_lib import torch_layers

# Parts of torch itself still call what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


def gradients(layer, compiled, steps=4):
    """Return the input gradients of several training steps on drifting batches."""
    torch.manual_seed(0)
    found = []
    for step in range(steps):
        x = (step + 2 * torch.randn(8, 3, dtype=torch.float64)).requires_grad_()
        compiled(x).backward(torch.randn(8, 3, dtype=torch.float64))
        found.append(x.grad)
    return torch.stack(found), layer.running_std


def test_compiled_gradient_is_right_while_memory_and_limits_move():
    limits = partial(torch_layers.renorm_limits, start=0, r_end=2, d_end=2)
    layer = torch_layers.BatchRenorm1d(3, momentum=0.5, limits=limits, dtype=torch.float64)
    twin = copy.deepcopy(layer)
    torch.compiler.reset()
    compiled = torch.compile(twin, backend="aot_eager", fullgraph=True)
    wanted, found = gradients(layer, layer), gradients(twin, compiled)
    # float64: another order of the same sums
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    (
        "memory read after it moved",
        "torch_layers.batch_renorm",
        "r, d = torch.stack([r, d]).unbind()",
        "r, d = r + 0, d + 0",
        test_compiled_gradient_is_right_while_memory_and_limits_move,
    )
]


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
