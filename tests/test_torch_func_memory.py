"""Running statistics in training under torch.func: as torch.nn's modules, or better."""

import copy

import pytest
import torch
import torch_table as table
from test_torch_transforms import called, state
from torch import nn
from torch.func import grad, jvp, vmap
from torch_table import FLOAT64, LABELS

TRACKED = [
    label
    for label in LABELS
    if any(name.startswith("running") for name, _ in table.module(label).named_buffers())
]
tracked = pytest.mark.parametrize("label", TRACKED)
WITH_TORCHS = [label for label in TRACKED if hasattr(nn, table.name(label)) and "Sync" not in label]
with_torchs = pytest.mark.parametrize("label", WITH_TORCHS)
# Parts of torch itself still call what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


def torchs(label):
    """Return torch's module of the row, in the state of ours."""
    ours = table.module(label)
    options = {"track_running_stats": True, "affine": ours.affine, "momentum": ours.momentum}
    twin = getattr(nn, table.name(label))(ours.num_features, **options).double()
    twin.load_state_dict(ours.state_dict(), strict=True)
    return twin


def drawn(label):
    """Return the module in training, its input and the state after one plain step."""
    module, (x,) = table.module(label), table.inputs(label)
    after = copy.deepcopy(module)
    after(x)
    return module, x.detach(), dict(after.named_buffers())


def loss(y):
    return (y * table.upstream(y)).sum()


@tracked
@pytest.mark.parametrize("transform", ["grad", "jvp"])
@pytest.mark.parametrize("whose", ["the module's", "arguments"])
def test_derivative_moves_the_memory_once(label, transform, whose):
    module, x, wanted = drawn(label)
    parameters, buffers = state(module)
    if whose == "arguments":

        def forward(x):
            return loss(called(module, parameters, buffers, [x]))

    else:
        buffers = dict(module.named_buffers())

        def forward(x):
            return loss(module(x))

    leaf = x.clone().requires_grad_()
    (dx,) = torch.autograd.grad(loss(copy.deepcopy(module)(leaf)), leaf)
    if transform == "grad":
        torch.testing.assert_close(grad(forward)(x), dx, **FLOAT64)
    else:
        _, slope = jvp(forward, (x,), (dx,))
        torch.testing.assert_close(slope, dx.square().sum(), **FLOAT64)
    torch.testing.assert_close(buffers, wanted, **FLOAT64)
    assert not any(value.requires_grad for value in buffers.values())


@with_torchs
def test_functional_call_writes_into_the_buffers_it_was_given_as_torchs(label):
    found = []
    for module in (table.module(label), torchs(label)):
        (x,), (parameters, buffers) = table.inputs(label), state(module)
        given = dict(buffers)
        y = called(module, parameters, buffers, [x])
        assert all(given[name] is buffers[name] for name in given)
        torch.testing.assert_close(dict(module.named_buffers()), state(module)[1])
        found.append([y, given])
    torch.testing.assert_close(*found, **FLOAT64)


@with_torchs
def test_grad_of_parameters_and_buffers_as_arguments_is_torchs(label):
    found = []
    for module in (table.module(label), torchs(label)):
        (x,), (parameters, buffers) = table.inputs(label), state(module)
        gradients = grad(lambda p, b, m=module, x=x: loss(called(m, p, b, [x.detach()])))
        found.append([gradients(parameters, buffers), buffers])
    torch.testing.assert_close(*found, **FLOAT64)


def stacked(module):
    """Return the module's state twice over, as torch.func.stack_module_state of two copies."""
    both = (state(module), state(module))
    return [
        {name: torch.stack([one[part][name] for one in both]) for name in both[0][part]}
        for part in (0, 1)
    ]


@tracked
def test_vmap_over_stacked_buffers_is_a_loop(label):
    module, x, _ = drawn(label)
    many, (parameters, buffers) = torch.stack([x, 2 * x.flip(0)]), stacked(module)
    loops = [copy.deepcopy(module) for _ in range(2)]
    wanted = torch.stack([one(value) for one, value in zip(loops, many, strict=True)])
    got = vmap(lambda p, b, x: called(module, p, b, [x]))(parameters, buffers, many)
    torch.testing.assert_close(got, wanted, **FLOAT64)
    for k, one in enumerate(loops):
        own = {name: value[k] for name, value in buffers.items()}
        torch.testing.assert_close(own, dict(one.named_buffers()), **FLOAT64)


@tracked
def test_vmap_over_one_memory_says_what_to_do(label):
    module, x, _ = drawn(label)
    before = {name: v.clone() for name, v in module.named_buffers() if "tracked" not in name}
    with pytest.raises(RuntimeError, match=r"expected running .+ vmap .+, got one for all; pass"):
        vmap(module)(torch.stack([x, x]))
    torch.testing.assert_close({k: module.get_buffer(k) for k in before}, before, rtol=0, atol=0)


@with_torchs
def test_torchs_module_refuses_one_memory_too(label):
    with pytest.raises(RuntimeError, match=r"updated in place, were not batched"):
        vmap(torchs(label))(torch.stack([table.inputs(label)[0].detach()] * 2))


@tracked
def test_gradient_of_each_example_under_evaluation(label):
    module, x, _ = drawn(label)
    module.eval()
    each = vmap(grad(lambda x: module(x[None]).square().sum()))(x)
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(module(leaf).square().sum(), leaf)
    torch.testing.assert_close(each, wanted, **FLOAT64)
