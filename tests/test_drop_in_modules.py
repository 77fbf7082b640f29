"""GroupNorm, InstanceNorm and RMSNorm stand in for torch.nn's: same state, numbers and words."""

import copy
import inspect
import pickle
import warnings
from importlib import import_module

import pytest
import torch
from pullbacks import step
from torch import nn

FILES = ("group_norm", "instance_norm", "rms_norm")
twins = [import_module(f"course_lib.torch_layers.{name}") for name in FILES]
# The arguments, and the shapes of input that torch takes.
MODULES = {
    "GroupNorm": ((2, 4), [(3, 4), (2, 4, 3), (2, 4, 3, 2)]),
    "InstanceNorm1d": ((4,), [(2, 4, 5), (4, 5)]),
    "InstanceNorm2d": ((4,), [(2, 4, 3, 5), (4, 3, 5)]),
    "InstanceNorm3d": ((4,), [(2, 4, 3, 2, 4), (4, 3, 2, 4)]),
    "RMSNorm": (((4, 3),), [(4, 3), (2, 4, 3)]),
}
INSTANCE = [name for name in MODULES if name.startswith("Instance")]
OPTIONS = {
    "defaults": (MODULES, {}),
    "other eps": (MODULES, {"eps": 0.1}),
    "no affine": (["GroupNorm"], {"affine": False}),
    "no bias": (["GroupNorm"], {"bias": False}),
    "no weight": (["RMSNorm"], {"elementwise_affine": False}),
    "affine": (INSTANCE, {"affine": True}),
    "affine without bias": (INSTANCE, {"affine": True, "bias": False}),
    "tracked": (INSTANCE, {"track_running_stats": True, "affine": True}),
    "tracked at other speed": (INSTANCE, {"track_running_stats": True, "momentum": 0.3}),
    "tracked at no speed": (INSTANCE, {"track_running_stats": True, "momentum": None}),
}
all_names = pytest.mark.parametrize("name", MODULES)
all_options = pytest.mark.parametrize(
    ("name", "options"), [(name, key) for key, (names, _) in OPTIONS.items() for name in names]
)
FLOAT64 = {"rtol": 1e-11, "atol": 1e-12}  # 16 digits, less those of a few dozen roundings
# One unit in the last place of the dtype: both round a float32 result, which may fall either way.
HALF = {torch.float16: 2**-10, torch.bfloat16: 2**-7}


def our_class(name):
    (found,) = [vars(twin)[name] for twin in twins if name in vars(twin)]
    return found


def fresh(name, options="defaults", dtype=torch.float64):
    """Return our module and torch's as they are made."""
    args, keywords = MODULES[name][0], OPTIONS[options][1]
    return [make(*args, **keywords, dtype=dtype) for make in (our_class(name), getattr(nn, name))]


def pair(name, options="defaults", dtype=torch.float64):
    """Return our module and torch's, with the same random state."""
    ours, torchs = fresh(name, options, dtype)
    generator = torch.Generator().manual_seed(1)
    for value in torchs.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 2.0, generator=generator)
    ours.load_state_dict(torchs.state_dict(), strict=True)
    return ours, torchs


def batches(name, dtype=torch.float64):
    """Draw batches of every shape, each with a mean of its own, and their upstream gradients."""
    generator = torch.Generator().manual_seed(2)
    for number, shape in enumerate(2 * MODULES[name][1]):
        x, dy = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
        yield (number + 2 * x).to(dtype), dy.to(dtype)


@all_options
def test_training_then_evaluation_is_torchs(name, options):
    ours, torchs = pair(name, options)
    for training in (True, False):
        ours.train(training), torchs.train(training)
        for x, dy in batches(name):
            torch.testing.assert_close(step(ours, x, dy), step(torchs, x, dy), **FLOAT64)


@all_options
def test_state_after_training_is_torchs(name, options):
    ours, torchs = pair(name, options)
    for x, dy in batches(name):
        step(ours, x, dy), step(torchs, x, dy)
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), **FLOAT64)
    torchs.load_state_dict(ours.state_dict(), strict=True)


@pytest.mark.parametrize("name", INSTANCE)
def test_running_statistics_have_no_graph(name):
    ours, _ = pair(name, "tracked")
    for x, dy in batches(name):
        step(ours, x, dy)
    assert not any(buffer.requires_grad for buffer in ours.buffers())


@all_options
def test_fresh_state_is_torchs(name, options):
    ours, torchs = (module.state_dict() for module in fresh(name, options))
    assert ours._metadata == torchs._metadata  # the version that a checkpoint carries
    torch.testing.assert_close(dict(ours), dict(torchs), rtol=0, atol=0)


@all_options
def test_reset_is_torchs(name, options):
    ours, torchs = pair(name, options)
    ours.reset_parameters(), torchs.reset_parameters()
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict(), rtol=0, atol=0)


@all_options
def test_repr_is_torchs(name, options):
    ours, torchs = fresh(name, options)
    assert repr(ours) == repr(torchs)


@all_names
def test_constructor_is_torchs(name):
    def described(module):
        arguments = inspect.signature(module).parameters.values()
        return [(argument.name, argument.kind, argument.default) for argument in arguments]

    assert described(our_class(name)) == described(getattr(nn, name))


@all_names
def test_module_does_not_inherit_torchs(name):
    bases = {base.__module__ for base in our_class(name).__mro__}
    assert {base for base in bases if base.startswith("torch.nn")} == {"torch.nn.modules.module"}


@all_names
@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_derivatives_are_right(name, check):
    ours, _ = pair(name)
    x, _ = next(batches(name))
    assert check(ours, x.requires_grad_(), fast_mode=True)


@all_names
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_torchs(name, dtype):
    ours, torchs = pair(name, dtype=dtype)
    for x, _ in batches(name, dtype):
        got, wanted = ours(x), torchs(x)
        torch.testing.assert_close(got, wanted, rtol=2 * HALF[dtype], atol=4 * HALF[dtype])


@all_names
def test_device_of_the_constructor_is_used(name):
    state = our_class(name)(*MODULES[name][0], device="meta").state_dict()
    assert {value.device.type for value in state.values()} <= {"meta"}


@all_options
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_the_same(name, options, duplicate):
    ours, _ = pair(name, options)
    x, _ = next(batches(name))
    torch.testing.assert_close(duplicate(ours)(x), ours(x), rtol=0, atol=0)


def test_instance_norm_without_parameters_only_warns_of_other_channels():
    ours, torchs = fresh("InstanceNorm1d")
    x, _ = next(batches("InstanceNorm1d"))
    with pytest.warns(UserWarning, match=r"expected .+ c = 4, got \(2, 3, 5\); num_features"):
        got = ours(x[:, :3])
    with warnings.catch_warnings(action="ignore"):
        torch.testing.assert_close(got, torchs(x[:, :3]), **FLOAT64)


@pytest.mark.parametrize("name", INSTANCE)
def test_affine_instance_norm_refuses_other_channels(name):
    ours, _ = pair(name, "affine")
    with pytest.raises(ValueError, match=r"expected .+ c = 4, got .+; channels stand before"):
        ours(next(batches(name))[0][:, :3])


@pytest.mark.parametrize("name", INSTANCE)
def test_instance_norm_takes_the_ranks_of_its_name_and_no_others(name):
    ours, _ = fresh(name)
    ranks = {len(shape) for shape in MODULES[name][1]}
    for rank in {1, 2, 3, 4, 5, 6} - ranks:
        with pytest.raises(ValueError, match=rf"^{name} expected .+, got .+; add or remove"):
            ours(torch.zeros(rank * (4,)))
