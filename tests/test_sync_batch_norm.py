"""Synchronized batch norm over a list of shards in NumPy, and its module in one process."""

import copy
import importlib
import inspect
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near, draw, torch_batch_norm
from torch import nn

from course_lib import torch_layers

NUMPY = importlib.import_module("course_lib.numpy_layers.sync_batch_norm")
TWIN = importlib.import_module("course_lib.torch_layers.sync_batch_norm")
# float64 keeps 16 digits; sums of at most 50 values of size 10 lose fewer than three of them.
FLOAT64, FLOAT32 = 1e-12, 1e-6
many = settings(deadline=None, derandomize=True, max_examples=15)
counts = st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(lambda n: sum(n) > 1)
seeds = st.integers(0, 2**31)


def cut(x, sizes):
    """Give each process its examples."""
    return np.split(x, np.cumsum(sizes)[:-1])


def numpy_run(case, sizes, eps=0.1):
    """Run the NumPy layer on the shards of a case; return everything joined again."""
    memory = (case.running_mean, case.running_var)
    y, cache = NUMPY.sync_batch_norm(
        cut(case.x, sizes), *memory, case.weight, case.bias, momentum=0.3, eps=eps
    )
    grads = NUMPY.sync_batch_norm_backward(cut(case.dy, sizes), cache)
    return [np.concatenate(y), np.concatenate(grads.dx), *grads[1:], *memory]


def whole(case, eps=0.1):
    """Run torch's batch norm on the whole batch."""
    return list(vars(torch_batch_norm(case, momentum=0.3, eps=eps)).values())


@pytest.mark.parametrize("sizes", [(4, 4), (2, 6), (0, 8), (1, 3, 2, 2)])
def test_these_shards_together_are_one_batch(sizes):
    case = draw((8, 3, 3, 3), (3,))
    for got, wanted in zip(numpy_run(case.copy(), sizes), whole(case.copy()), strict=True):
        assert_near(got, wanted, FLOAT64)


@many
@given(sizes=counts, seed=seeds, positions=st.lists(st.integers(1, 3), max_size=3))
def test_shards_together_are_one_batch(sizes, seed, positions):
    case = draw((sum(sizes), 3, *positions), (3,), seed=seed)
    for got, wanted in zip(numpy_run(case.copy(), sizes), whole(case.copy()), strict=True):
        assert_near(got, wanted, 1e-9)  # two values that lie close together cost digits


@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
def test_float32_is_accurate_at_every_mean(mean):
    case = draw((64, 3, 4), (3,), offset=mean, spread=(1.0, 1.0)).to(np.float32)
    got, exact = numpy_run(case.copy(), (20, 44)), whole(case.to(np.float64))
    for value, wanted in zip(got[:3], exact[:3], strict=True):
        assert_near(value, wanted, FLOAT32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_input(dtype):
    case = draw((8, 3, 2), (3,)).to(dtype)
    assert {value.dtype for value in numpy_run(case, (3, 5))} == {np.dtype(dtype)}


def test_half_precision_rounds_only_the_result():
    case = draw((50, 3, 4), (3,), offset=100.0).to(np.float16)
    got, wanted = numpy_run(case.copy(), (20, 30)), whole(case.to(np.float64))
    assert_near(got[0], wanted[0], 2**-11)  # rounded once, to 11 bits
    assert_near(got[1], wanted[1], 2**-11)


def test_parameters_that_were_not_given_have_no_gradient():
    case = draw((8, 3, 2), (3,)).plain()
    got, wanted = numpy_run(case.copy(), (3, 5)), whole(case)
    assert [value is None for value in got[2:4]] == [True, True]
    assert_near(got[1], wanted[1], FLOAT64)


def test_arguments_keep_their_values():
    case = draw((8, 3, 2), (3,))
    before = case.copy()
    numpy_run(case, (3, 5))
    for name in ("x", "dy", "weight", "bias"):
        np.testing.assert_array_equal(getattr(case, name), getattr(before, name))


def both_merges(*groups):
    merged = TWIN.merge_moments(*(torch.as_tensor(np.array(value, float)) for value in groups))
    return [NUMPY.merge_moments(*groups), [value.numpy() for value in merged]]


@many
@given(sizes=counts, seed=seeds)
def test_merged_moments_are_those_of_the_whole(sizes, seed):
    x = np.random.default_rng(seed).normal(50.0, 3.0, (sum(sizes), 4))
    parts = [part if len(part) else np.zeros((1, 4)) for part in cut(x, sizes)]
    means = [part.mean(0) for part in parts]
    for count, mean, M2 in both_merges(sizes, means, [len(p) * p.var(0) for p in parts]):
        assert count == len(x)
        np.testing.assert_allclose(mean, x.mean(0), rtol=1e-13)
        np.testing.assert_allclose(M2, len(x) * x.var(0), rtol=1e-9, atol=1e-9)


@many
@given(sizes=st.lists(st.integers(1, 5), min_size=3, max_size=6), seed=seeds)
def test_merging_in_two_steps_is_merging_at_once(sizes, seed):
    means, M2s = np.abs(np.random.default_rng(seed).normal(size=(2, len(sizes), 4)))
    first = NUMPY.merge_moments(sizes[:2], means[:2], M2s[:2])
    rest = (np.array([value]) for value in first)
    joined = [np.concatenate(p) for p in zip(rest, (sizes[2:], means[2:], M2s[2:]), strict=True)]
    pairs = zip(NUMPY.merge_moments(*joined), NUMPY.merge_moments(sizes, means, M2s), strict=True)
    for got, wanted in pairs:
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


WRONG_CALLS = {
    "nothing": (NUMPY.merge_moments, [[0, 0], np.zeros((2, 3)), np.zeros((2, 3))], ValueError,
                ["at least one value", "got 0", "drop empty"]),
    "one mean for two": (NUMPY.merge_moments, [[1, 2], np.zeros((1, 3)), np.zeros((1, 3))],
                         ValueError, ["counts (k,)", "(2,), (1, 3)", "one entry a group"]),
    "other channels": (NUMPY.sync_batch_norm, [[np.zeros((2, 3)), np.zeros((2, 4))], np.zeros(3)],
                       ValueError, ["running_mean of shape (4,)", "got (3,)", "a channel"]),
    "one value": (NUMPY.sync_batch_norm, [[np.zeros((1, 3)), np.zeros((0, 3))]], ValueError,
                  ["more than one value a channel", "got 1", "larger batch"]),
    "integers": (NUMPY.sync_batch_norm, [[np.zeros((2, 3), int)]], TypeError,
                 ["floating-point", "int64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(call):
    function, args, error, words = WRONG_CALLS[call]
    with pytest.raises(error, match=".*".join(map(re.escape, words))):
        function(*args)


def described(function):
    return [(a.name, a.kind, a.default) for a in inspect.signature(function).parameters.values()]


def test_constructor_and_conversion_are_torchs():
    assert described(TWIN.SyncBatchNorm) == described(nn.SyncBatchNorm)
    ours, torchs = TWIN.SyncBatchNorm(3, 0.1), nn.SyncBatchNorm(3, 0.1)
    assert described(ours.convert_sync_batchnorm) == described(torchs.convert_sync_batchnorm)
    assert repr(ours) == repr(torchs)


def test_state_is_torchs_both_ways():
    ours, torchs = TWIN.SyncBatchNorm(3), nn.SyncBatchNorm(3)
    nn.init.normal_(torchs.weight), nn.init.normal_(torchs.running_mean)
    ours.load_state_dict(torchs.state_dict(), strict=True)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), rtol=0, atol=0)
    assert ours._version == torchs._version


@pytest.mark.parametrize("package", [nn, torch_layers])
@pytest.mark.parametrize("options", [{}, {"affine": False, "momentum": None}, {"bias": False}])
def test_conversion_keeps_the_very_tensors(package, options):
    net = nn.Sequential(nn.Sequential(package.BatchNorm2d(3, eps=0.1, **options)), nn.ReLU()).eval()
    before = net[0][0]
    converted = TWIN.SyncBatchNorm.convert_sync_batchnorm(net, "group")
    after = converted[0][0]
    assert (type(after), converted, after.training) == (TWIN.SyncBatchNorm, net, False)
    assert (after.process_group, after.eps, after.momentum) == ("group", 0.1, before.momentum)
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        assert getattr(after, name) is getattr(before, name)


def test_conversion_leaves_other_layers():
    class GhostBatchNorm(torch_layers.BatchNorm2d.__base__):
        ranks, layout = (4,), "any"

    for layer in (nn.Linear(2, 3), nn.InstanceNorm2d(3), GhostBatchNorm(3)):
        assert TWIN.SyncBatchNorm.convert_sync_batchnorm(layer) is layer


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 2, 2), (2, 3, 2, 2, 2)])
def test_alone_it_is_batch_norm(training, shape):
    ours = TWIN.SyncBatchNorm(3, dtype=torch.float64).train(training)
    torchs = copy.deepcopy(nn.SyncBatchNorm(3, dtype=torch.float64).train(training))
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), torchs(x), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), rtol=1e-11, atol=1e-12)
    assert torch.autograd.gradgradcheck(ours, x.requires_grad_(), fast_mode=True)
