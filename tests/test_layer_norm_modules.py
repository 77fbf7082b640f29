"""The layer norm module stands in for torch.nn's: same state, same numbers, same words."""

import inspect

import pytest
import torch
from pullbacks import step
from torch import nn

from course_lib import torch_layers

SHAPES = {(4,): (5, 4), (4, 3): (2, 5, 4, 3), (4, 3, 2): (2, 4, 3, 2)}
OPTIONS = {
    "defaults": {},
    "other eps": {"eps": 0.1},
    "no affine": {"elementwise_affine": False},
    "no bias": {"bias": False},
}
all_shapes = pytest.mark.parametrize("shape", SHAPES)
all_options = pytest.mark.parametrize("options", OPTIONS)
both_modes = pytest.mark.parametrize("training", [True, False])
# float64 keeps 16 digits; a few dozen roundings stand between the inputs and any result.
FLOAT64 = {"rtol": 1e-11, "atol": 1e-12}
# One unit in the last place of the dtype: both round a float32 result, which may fall either way.
HALF = {torch.float16: 2**-10, torch.bfloat16: 2**-7}


def pair(shape, options="defaults", dtype=torch.float64):
    """Return our module and torch's, with the same random parameters."""
    torchs = nn.LayerNorm(shape, **OPTIONS[options], dtype=dtype)
    ours = torch_layers.LayerNorm(shape, **OPTIONS[options], dtype=dtype)
    generator = torch.Generator().manual_seed(1)
    for parameter in torchs.parameters():
        nn.init.normal_(parameter, generator=generator)
    ours.load_state_dict(torchs.state_dict(), strict=True)
    return ours, torchs


def batch(shape, dtype=torch.float64):
    """Draw a batch and its upstream gradient."""
    generator = torch.Generator().manual_seed(2)
    x, dy = torch.randn(2, *SHAPES[shape], generator=generator, dtype=torch.float64)
    return (1 + 2 * x).to(dtype), dy.to(dtype)


@all_shapes
@all_options
@both_modes
def test_output_and_gradients_are_torchs(shape, options, training):
    ours, torchs = (module.train(training) for module in pair(shape, options))
    x, dy = batch(shape)
    torch.testing.assert_close(step(ours, x, dy), step(torchs, x, dy), **FLOAT64)


@all_shapes
@all_options
def test_fresh_state_is_torchs(shape, options):
    torch.testing.assert_close(
        torch_layers.LayerNorm(shape, **OPTIONS[options]).state_dict(),
        nn.LayerNorm(shape, **OPTIONS[options]).state_dict(),
        rtol=0,
        atol=0,
    )


@all_shapes
@all_options
def test_torchs_module_loads_our_state(shape, options):
    ours, torchs = pair(shape, options)
    for parameter in ours.parameters():
        nn.init.normal_(parameter)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(torchs.state_dict(), ours.state_dict(), rtol=0, atol=0)


def test_constructor_is_torchs():
    def described(module):
        arguments = inspect.signature(module).parameters.values()
        return [(argument.name, argument.kind, argument.default) for argument in arguments]

    assert described(torch_layers.LayerNorm) == described(nn.LayerNorm)


@pytest.mark.parametrize("shape", [4, (4,), [4, 3], torch.Size([4, 3, 2])])
@all_options
def test_repr_is_torchs(shape, options):
    ours = torch_layers.LayerNorm(shape, **OPTIONS[options])
    assert repr(ours) == repr(nn.LayerNorm(shape, **OPTIONS[options]))


def test_module_does_not_inherit_torchs():
    assert not issubclass(torch_layers.LayerNorm, nn.LayerNorm)


def test_reset_is_torchs():
    ours, torchs = pair((4, 3))
    ours.reset_parameters(), torchs.reset_parameters()
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), rtol=0, atol=0)


@all_shapes
def test_gradient_is_the_derivative(shape):
    ours, _ = pair(shape)
    x, _ = batch(shape)
    assert torch.autograd.gradcheck(ours, x.requires_grad_(), fast_mode=True)


@all_shapes
def test_second_derivative_is_right(shape):
    ours, _ = pair(shape)
    x, _ = batch(shape)
    assert torch.autograd.gradgradcheck(ours, x.requires_grad_(), fast_mode=True)


@all_shapes
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_torchs(shape, dtype):
    ours, torchs = pair(shape, dtype=dtype)
    x, _ = batch(shape, dtype)
    got, wanted = ours(x), torchs(x)
    assert got.dtype == dtype
    torch.testing.assert_close(got, wanted, rtol=2 * HALF[dtype], atol=4 * HALF[dtype])


def test_device_of_the_constructor_is_used():
    state = torch_layers.LayerNorm(4, device="meta").state_dict()
    assert {value.device.type for value in state.values()} == {"meta"}
