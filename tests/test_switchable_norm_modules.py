"""The switchable norm module, and what wrong calls of the functions hear."""

# ruff: noqa: E501 (one call a line: a table)

import pickle
import re

import numpy as np
import pytest
import torch
from test_switchable_norm import NUMPY, SQUARE, TWIN, both_modes, run_of

TWO, THREE, X = np.zeros(2), np.zeros(3), np.zeros((4, 3, 2, 2))
WRONG_CALLS = {
    "vectors": ([np.zeros((4, 3)), THREE, THREE, THREE, THREE], ValueError, ["(n, c, h, w)", "(4, 3)", "length 1"]),
    "two shares": ([X, THREE, THREE, TWO, THREE], ValueError, ["mean_weight of shape (3,)", "(2,)", "one value each"]),
    "two variances": ([X, THREE, THREE, THREE, TWO], ValueError, ["var_weight of shape (3,)", "(2,)", "one value each"]),
    "no memory": ([X, None, None, THREE, THREE], ValueError, ["running_mean", "None", "training=True"]),
    "one value": ([X[:1, :, :1, :1], None, None, THREE, THREE, None, None, True], ValueError, ["more than one", "larger batch"]),
    "integers": ([X.astype(int), THREE, THREE, THREE, THREE], TypeError, ["floating-point", "int64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("package", [NUMPY, TWIN])
@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(package, call):
    args, error, words = WRONG_CALLS[call]
    if package is TWIN:
        args = [torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in args]
    with pytest.raises(error, match=".*".join(map(re.escape, words))):
        package.switchable_norm(*args)


@both_modes
def test_module_is_the_function_of_its_state(training):
    module = TWIN.SwitchableNorm2d(3, 0.1, 0.3, dtype=torch.float64).train(training)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    names = ("running_mean", "running_var", "mean_weight", "var_weight", "weight", "bias")
    assert sorted(state) == sorted(names)
    x = torch.from_numpy(run_of(SQUARE)[0].x).requires_grad_()
    wanted = TWIN.switchable_norm(x, *(state[name] for name in names), training, 0.3, 0.1)
    torch.testing.assert_close(pickle.loads(pickle.dumps(module))(x), wanted, rtol=0, atol=0)
    assert torch.autograd.gradcheck(module, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(module, x, fast_mode=True)
    assert not module.running_var.requires_grad


def test_module_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"SwitchableNorm2d expected x of shape .* c = 3, got"):
        TWIN.SwitchableNorm2d(3)(torch.zeros(2, 3, 4))
