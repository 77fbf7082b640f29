"""The batch renorm modules: their schedule, state and derivatives, and what wrong calls hear."""

# ruff: noqa: E501 (one call a line: a table)

import copy
import functools
import pickle
import re

import numpy as np
import pytest
import torch
from test_batch_renorm import IMAGES, NUMPY, SHAPES, TWIN, both_modes, case_of


@pytest.mark.parametrize("limits", [NUMPY.renorm_limits, TWIN.renorm_limits])
def test_schedule_is_the_papers(limits):
    steps = {0: (1, 0), 5_000: (1, 0), 15_000: (1 + 4 / 7, 2.5), 25_000: (2 + 1 / 7, 5),
             40_000: (3, 5), 10**6: (3, 5)}  # fmt: skip
    for step, wanted in steps.items():
        got = limits(torch.tensor(step) if limits is TWIN.renorm_limits else step)
        np.testing.assert_allclose([float(value) for value in got], wanted, rtol=1e-6)


def net(**options):
    quick = functools.partial(TWIN.renorm_limits, start=1, r_end=2, d_end=3)
    return TWIN.BatchRenorm2d(3, eps=0.1, limits=quick, dtype=torch.float64, **options)


def test_module_follows_its_schedule():
    module, case = net(), case_of(IMAGES)
    memory = [module.running_mean.clone(), module.running_std.clone()]
    for r_max, d_max in [(1.0, 0.0), (1.0, 0.0), (3.0, 2.5), (3.0, 5.0)]:
        y = module(torch.from_numpy(case.x))
        limits = (r_max, d_max)
        wanted = TWIN.batch_renorm(
            torch.from_numpy(case.x), *memory, None, None, True, 0.01, 0.1, *limits
        )
        torch.testing.assert_close(y, wanted)
    assert module.num_batches_tracked == 4


def test_module_in_evaluation_leaves_its_state():
    module = net().eval()
    before = copy.deepcopy(module.state_dict())
    module(torch.from_numpy(case_of(IMAGES).x))
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)
    assert list(before) == ["weight", "bias", "running_mean", "running_std", "num_batches_tracked"]


def test_module_survives_pickling():
    module = net()
    again = pickle.loads(pickle.dumps(module))
    x = torch.from_numpy(case_of(IMAGES).x)
    torch.testing.assert_close(again(x), module(x), rtol=0, atol=0)


@both_modes
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_twin_is_differentiable_twice(training, shape):
    # With limits that allow nothing r and d do not depend on x, so numeric slopes apply.
    kind = {3: TWIN.BatchRenorm1d, 4: TWIN.BatchRenorm2d, 5: TWIN.BatchRenorm3d}[len(shape)]
    module = kind(shape[1], eps=0.1, dtype=torch.float64).train(training)
    x = torch.from_numpy(case_of(shape).x).requires_grad_()
    assert torch.autograd.gradcheck(module, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(module, x, fast_mode=True)


def test_running_statistics_have_no_graph():
    module = net()
    module(torch.from_numpy(case_of(IMAGES).x).requires_grad_())
    assert not any(buffer.requires_grad for buffer in module.buffers())


ONE, TWO = np.zeros(1), np.ones(2)
WRONG_CALLS = {
    "no memory": ([np.zeros((3, 2)), None, None], {}, ValueError, ["running_std", "None", "zeros and ones"]),
    "one mean": ([np.zeros((3, 2)), ONE, TWO], {}, ValueError, ["running_mean of shape (2,)", "got (1,)"]),
    "one value": ([np.zeros((1, 2)), TWO, TWO], {"training": True}, ValueError, ["more than one value", "(1, 2)", "larger batch"]),
    "r_max": ([np.zeros((3, 2)), TWO, TWO], {"training": True, "r_max": 0.5}, ValueError, ["r_max of at least 1", "0.5", "batch norm"]),
    "d_max": ([np.zeros((3, 2)), TWO, TWO], {"training": True, "d_max": -1}, ValueError, ["d_max of at least 0", "-1", "batch norm"]),
    "integers": ([np.zeros((3, 2), int), TWO, TWO], {}, TypeError, ["floating-point", "int64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("call", WRONG_CALLS)
@pytest.mark.parametrize("package", [NUMPY, TWIN])
def test_wrong_call_is_told_what_to_do(package, call):
    args, options, error, words = WRONG_CALLS[call]
    if package is TWIN:
        args = [value if value is None else torch.from_numpy(value) for value in args]
    with pytest.raises(error, match=".*".join(map(re.escape, words))):
        package.batch_renorm(*args, **options)


def test_module_refuses_other_ranks_and_channels():
    for shape in [(2, 3, 4), (2, 4, 2, 2)]:
        with pytest.raises(ValueError, match=r"BatchRenorm2d expected x of shape .* c = 3, got"):
            net()(torch.zeros(shape, dtype=torch.float64))
