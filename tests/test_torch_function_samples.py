"""torch's own samples of its norms' functions, with ours in the place of torch's."""

import inspect
from functools import cache, partial

import conformance
import pytest
import torch
from conformance import TOLERANCE, both_dtypes, outcome
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db

from course_lib import torch_layers

FUNCTIONS = conformance.functions(torch_layers)
OPERATORS = {  # torch's functions, as op_db names them, and the samples it holds of each
    "batch_norm": 12, "group_norm": 21, "instance_norm": 9, "layer_norm": 6,
    "local_response_norm": 11, "normalize": 8, "rms_norm": 6,
}  # fmt: skip
# The dtypes that torch lists and we refuse: no course on real layers needs their second meaning.
REFUSED = {torch.complex64, torch.complex128, torch.int64}
OPS = {
    name: op
    for op in op_db
    if (name := op.name.removeprefix("nn.functional.")) in OPERATORS and not op.variant_test_name
}


@cache
def samples(name, dtype=torch.float64):
    """Draw torch's samples of a function, in an order that does not change."""
    torch.manual_seed(0)
    # Not its method `sample_inputs`, which looks through the whole stack for a test of torch's.
    return list(OPS[name].sample_inputs_func(OPS[name], "cpu", dtype, requires_grad=True))


@cache
def errors(name):
    """Return what torch's function refuses."""
    return list(OPS[name].error_inputs_func(OPS[name], "cpu"))


def has_no_channels(name, sample):
    """Single out the one kind of sample that torch takes and we refuse: (0,) has no axis 1."""
    return name == "batch_norm" and sample.input.ndim < 2


all_samples = pytest.mark.parametrize(
    ("name", "index"),
    [
        (name, index)
        for name in OPS
        if name in FUNCTIONS
        for index, sample in enumerate(samples(name))
        if not has_no_channels(name, sample)
    ],
)


def tensors(values):
    """Return the tensors among a call's arguments."""
    return [value for value in values if isinstance(value, Tensor)]


@all_samples
@both_dtypes
def test_function_computes_what_torchs_does(name, index, dtype):
    sample = samples(name, dtype)[index]
    results = []
    for function in (FUNCTIONS[name], OPS[name].op):
        own = sample.transform(copy_tensor)
        inputs = tensors([own.input, *own.args, *own.kwargs.values()])
        results.append(outcome(partial(function, own.input, *own.args, **own.kwargs), inputs))
    torch.testing.assert_close(*results, **TOLERANCE[dtype])


def copy_tensor(value):
    """Copy a tensor with its wish for a gradient; leave other arguments as they are."""
    if not isinstance(value, Tensor):
        return value
    return value.detach().clone().requires_grad_(value.requires_grad)


@all_samples
def test_function_passes_gradgradcheck(name, index):
    sample = samples(name)[index].transform(copy_tensor)
    call, inputs = differentiable(FUNCTIONS[name], sample)
    if call(*inputs).isfinite().all():  # eps = -0.5 is among torch's samples: see the test above
        assert torch.autograd.gradcheck(call, inputs, fast_mode=True)
        assert torch.autograd.gradgradcheck(call, inputs, fast_mode=True)


def differentiable(function, sample):
    """Return the function of those arguments alone that want a gradient, and these arguments."""
    given = [sample.input, *sample.args, *sample.kwargs.values()]
    inputs = [value for value in given if isinstance(value, Tensor) and value.requires_grad]

    def call(*new):
        # gradcheck hands over the tensors in the order in which `inputs` lists them.
        swap = {id(old): value for old, value in zip(inputs, new, strict=True)}
        args = [swap.get(id(value), value) for value in [sample.input, *sample.args]]
        kwargs = {name: swap.get(id(value), value) for name, value in sample.kwargs.items()}
        return function(*args, **kwargs)

    return call, inputs


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (name, index)
        for name, op in OPS.items()
        if name in FUNCTIONS and op.error_inputs_func
        for index in range(len(errors(name)))
    ],
)
def test_function_refuses_what_torchs_refuses(name, index):
    sample = errors(name)[index].sample_input
    with pytest.raises(ValueError, match=r"(?s)expected .*got "):  # torch: a bare RuntimeError
        FUNCTIONS[name](sample.input, *sample.args, **sample.kwargs)


def test_torch_holds_the_samples_that_are_counted_here():
    assert {name: len(samples(name)) for name in OPS} == OPERATORS


def test_every_function_that_torch_samples_is_covered():
    assert set(OPERATORS) <= set(FUNCTIONS)


@pytest.mark.parametrize("name", [name for name in OPERATORS if name in FUNCTIONS])
def test_signature_is_torchs(name):
    def described(function):
        return {key: value.default for key, value in inspect.signature(function).parameters.items()}

    wanted = described(getattr(nn.functional, name))
    wanted.pop("out", None)  # writes into a tensor of the caller's
    names = {"input": "x"}  # torch's `input` hides a builtin
    wanted = [(names.get(key, key), value) for key, value in wanted.items()]
    assert list(described(FUNCTIONS[name]).items()) == wanted


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name, op in OPS.items()
        if name in FUNCTIONS
        for dtype in sorted(op.dtypes & REFUSED, key=str)
    ],
)
def test_dtype_beyond_the_reals_is_refused(name, dtype):
    sample = samples(name, dtype=torch.float64)[0]
    with pytest.raises(TypeError, match="expected a floating-point tensor, got"):
        FUNCTIONS[name](sample.input.detach().to(dtype), *sample.args, **sample.kwargs)


@pytest.mark.parametrize("name", [name for name in OPS if name in FUNCTIONS])
def test_sample_without_channels_is_refused(name):
    for sample in filter(partial(has_no_channels, name), samples(name)):
        with pytest.raises(ValueError, match="channels on axis 1"):
            FUNCTIONS[name](sample.input, *sample.args, **sample.kwargs)
