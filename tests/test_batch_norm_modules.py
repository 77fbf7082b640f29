"""The batch norm modules stand in for torch.nn's: same state, same numbers, same words."""

import copy
import inspect

import pytest
import torch
from pullbacks import step
from torch import nn

from course_lib import torch_layers

SHAPES = {
    "BatchNorm1d": (5, 4),
    "BatchNorm1d over positions": (5, 4, 3),
    "BatchNorm2d": (2, 4, 4, 4),
    "BatchNorm3d": (2, 4, 3, 2, 4),
}
OPTIONS = {
    "defaults": {},
    "cumulative": {"momentum": None},
    "other numbers": {"momentum": 0.3, "eps": 0.1},
    "untracked": {"track_running_stats": False},
    "no affine": {"affine": False},
    "no bias": {"bias": False},
    "nothing": {"affine": False, "track_running_stats": False, "momentum": None},
}
all_names = pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"])
all_shapes = pytest.mark.parametrize("kind", SHAPES)
all_options = pytest.mark.parametrize("options", OPTIONS)
# float64 keeps 16 digits; a few dozen roundings stand between the inputs and any result.
FLOAT64 = {"rtol": 1e-11, "atol": 1e-12}
# One unit in the last place of the dtype: both round a float32 result, which may fall either way.
HALF = {torch.float16: 2**-10, torch.bfloat16: 2**-7}


def pair(kind, options="defaults", dtype=torch.float64):
    """Return torch's module, with random parameters, and ours with the same state."""
    name = kind.partition(" ")[0]
    torchs = getattr(nn, name)(4, **OPTIONS[options], dtype=dtype)
    ours = getattr(torch_layers, name)(4, **OPTIONS[options], dtype=dtype)
    generator = torch.Generator().manual_seed(1)
    for parameter in torchs.parameters():
        nn.init.normal_(parameter, generator=generator)
    ours.load_state_dict(torchs.state_dict(), strict=True)
    return ours, torchs


def batches(kind, count=3, dtype=torch.float64):
    """Draw batches, each with a mean of its own, and their upstream gradients."""
    generator = torch.Generator().manual_seed(2)
    for number in range(count):
        x, dy = torch.randn(2, *SHAPES[kind], generator=generator, dtype=torch.float64)
        yield (number + 2 * x).to(dtype), dy.to(dtype)


@all_shapes
@all_options
def test_training_then_evaluation_is_torchs(kind, options):
    ours, torchs = pair(kind, options)
    for x, dy in batches(kind):
        torch.testing.assert_close(step(ours, x, dy), step(torchs, x, dy), **FLOAT64)
    ours.eval(), torchs.eval()
    for x, dy in batches(kind):
        torch.testing.assert_close(step(ours, x, dy), step(torchs, x, dy), **FLOAT64)


@all_shapes
@all_options
def test_state_after_training_is_torchs(kind, options):
    ours, torchs = pair(kind, options)
    for x, dy in batches(kind):
        step(ours, x, dy), step(torchs, x, dy)
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), **FLOAT64)


def test_evaluation_leaves_the_state():
    ours, _ = pair("BatchNorm2d")
    before = copy.deepcopy(ours.state_dict())
    for x, dy in batches("BatchNorm2d"):
        step(ours.eval(), x, dy)
    torch.testing.assert_close(ours.state_dict(), before, rtol=0, atol=0)


def test_running_statistics_have_no_graph():
    ours, _ = pair("BatchNorm2d")
    for x, dy in batches("BatchNorm2d", 1):
        step(ours, x, dy)
    assert not any(buffer.requires_grad for buffer in ours.buffers())


@all_names
@all_options
def test_state_has_torchs_keys_shapes_and_dtypes(name, options):
    def described(module):
        return {key: (value.shape, value.dtype) for key, value in module.state_dict().items()}

    assert described(getattr(torch_layers, name)(4, **OPTIONS[options])) == described(
        getattr(nn, name)(4, **OPTIONS[options])
    )


@all_names
@all_options
def test_fresh_state_is_torchs(name, options):
    torch.testing.assert_close(
        getattr(torch_layers, name)(4, **OPTIONS[options]).state_dict(),
        getattr(nn, name)(4, **OPTIONS[options]).state_dict(),
        rtol=0,
        atol=0,
    )


@all_shapes
@all_options
def test_torchs_module_loads_our_state(kind, options):
    ours, torchs = pair(kind, options)
    for x, dy in batches(kind):
        step(ours, x, dy)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(torchs.state_dict(), ours.state_dict(), rtol=0, atol=0)


@all_names
def test_constructor_is_torchs(name):
    def described(module):
        arguments = inspect.signature(module).parameters.values()
        return [(argument.name, argument.kind, argument.default) for argument in arguments]

    assert described(getattr(torch_layers, name)) == described(getattr(nn, name))


@all_names
@all_options
def test_repr_is_torchs(name, options):
    ours = getattr(torch_layers, name)(4, **OPTIONS[options])
    assert repr(ours) == repr(getattr(nn, name)(4, **OPTIONS[options]))


@all_names
def test_module_does_not_inherit_torchs(name):
    bases = getattr(torch_layers, name).__mro__
    assert [base for base in bases if "batchnorm" in base.__module__] == []


@pytest.mark.parametrize("method", ["reset_running_stats", "reset_parameters"])
def test_reset_is_torchs(method):
    ours, torchs = pair("BatchNorm2d")
    for x, dy in batches("BatchNorm2d"):
        step(ours, x, dy)
    getattr(ours, method)(), getattr(torchs, method)()
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), rtol=0, atol=0)


@all_shapes
@pytest.mark.parametrize("training", [True, False])
def test_gradient_is_the_derivative(kind, training):
    ours, _ = pair(kind)
    ((x, _),) = batches(kind, 1)
    assert torch.autograd.gradcheck(ours.train(training), x.requires_grad_(), fast_mode=True)


@all_shapes
@pytest.mark.parametrize("training", [True, False])
def test_second_derivative_is_right(kind, training):
    ours, _ = pair(kind)
    ((x, _),) = batches(kind, 1)
    assert torch.autograd.gradgradcheck(ours.train(training), x.requires_grad_(), fast_mode=True)


@all_shapes
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_torchs(kind, dtype):
    ours, torchs = pair(kind, dtype=dtype)
    for x, _dy in batches(kind, dtype=dtype):
        got, wanted = ours(x), torchs(x)
        assert got.dtype == dtype
        torch.testing.assert_close(got, wanted, rtol=2 * HALF[dtype], atol=4 * HALF[dtype])


@all_shapes
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_state_keeps_its_dtype(kind, dtype):
    ours, torchs = pair(kind, dtype=dtype)
    for x, dy in batches(kind, dtype=dtype):
        step(ours, x, dy), step(torchs, x, dy)
    wanted = torchs.state_dict()
    torch.testing.assert_close(
        ours.state_dict(), wanted, rtol=4 * HALF[dtype], atol=4 * HALF[dtype]
    )


@all_names
def test_device_of_the_constructor_is_used(name):
    state = getattr(torch_layers, name)(4, device="meta").state_dict()
    assert {value.device.type for value in state.values()} == {"meta"}
