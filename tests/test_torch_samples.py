"""torch's own samples of its norms' modules, with our classes in the place of torch's."""

from functools import partial

import conformance
import pytest
import torch
from conformance import TOLERANCE, both_dtypes, outcome
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

from course_lib import torch_layers

MODULES = conformance.modules(torch_layers)
NORMS = {  # torch's modules, as module_db names them, and the samples it holds of each
    "BatchNorm1d": 8, "BatchNorm2d": 7, "BatchNorm3d": 7, "GroupNorm": 10, "InstanceNorm1d": 6,
    "InstanceNorm2d": 6, "InstanceNorm3d": 6, "LayerNorm": 7, "LocalResponseNorm": 3, "RMSNorm": 6,
}  # fmt: skip
INFOS = {info.module_cls.__name__: info for info in module_db if info.module_cls.__name__ in NORMS}


def module_samples(name, dtype=torch.float64, training=True):
    """Draw torch's samples of a module; the same call draws the same numbers."""
    torch.manual_seed(0)
    info = INFOS[name]
    return info.module_inputs_func(info, "cpu", dtype, requires_grad=True, training=training)


all_modules = pytest.mark.parametrize(
    ("name", "index", "training"),
    [
        pytest.param(name, index, training, id=f"{name}-{index}-{sample.desc}-{training=}")
        for name, info in INFOS.items()
        if name in MODULES
        for training in ([True, False] if info.train_and_eval_differ else [True])
        for index, sample in enumerate(module_samples(name, training=training))
    ],
)


def build(make, arguments, dtype):
    """Build a module with torch's sample arguments."""
    return make(*arguments.args, **arguments.kwargs).to(dtype)


def pair(name, index, training, dtype=torch.float64):
    """Return our module, torch's with the same random state, and the sample's input."""
    sample = module_samples(name, dtype, training)[index]
    ours = build(MODULES[name], sample.constructor_input, dtype)
    torchs = build(INFOS[name].module_cls, sample.constructor_input, dtype)
    state = torchs.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.uniform_(0.5, 2.0)
    ours.load_state_dict(state, strict=True)
    (x,) = (*sample.forward_input.args, *sample.forward_input.kwargs.values())
    return ours.train(training), torchs.train(training), x


@all_modules
@both_dtypes
def test_module_computes_what_torchs_does(name, index, training, dtype):
    ours, torchs, x = pair(name, index, training, dtype)
    got, wanted = (
        outcome(partial(module, x), [x, *module.parameters(), *module.buffers()])
        for module in (ours, torchs)
    )
    torch.testing.assert_close(got, wanted, **TOLERANCE[dtype])


@all_modules
def test_torchs_module_loads_our_state(name, index, training):
    ours, torchs, x = pair(name, index, training)
    ours(x)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(torchs(x), ours(x), **TOLERANCE[torch.float64])


@all_modules
def test_repr_is_torchs(name, index, training):
    ours, torchs, _ = pair(name, index, training)
    assert repr(ours) == repr(torchs)


@all_modules
def test_module_passes_gradgradcheck(name, index, training):
    ours, _, x = pair(name, index, training)
    inputs = [x, *ours.parameters()]

    def call(x, *parameters):
        names = [name for name, _ in ours.named_parameters()]
        return torch.func.functional_call(ours, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, inputs, fast_mode=True)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (name, index)
        for name, info in INFOS.items()
        if name in MODULES and info.module_error_inputs_func
        for index in range(2)
    ],
)
def test_module_refuses_what_torchs_refuses(name, index):
    info = INFOS[name]
    errors = info.module_error_inputs_func(info, "cpu", torch.float64, False, True)
    assert len(errors) == 2, "torch has other wrong calls now: count them above"
    error, sample = errors[index], errors[index].module_error_input
    make = partial(build, MODULES[name], sample.constructor_input, torch.float64)
    if error.error_on == ModuleErrorEnum.FORWARD_ERROR:
        make = partial(make(), *sample.forward_input.args)
    with pytest.raises(error.error_type, match=r"(?s)expected .*got "):
        make()


def test_torch_holds_the_samples_that_are_counted_here():
    assert {name: len(module_samples(name)) for name in INFOS} == NORMS


def test_every_module_that_torch_samples_is_covered():
    assert set(NORMS) <= set(MODULES)
