"""Where the written passes run and where they must not: compilers, transforms, layouts, memory."""

import gc
import weakref
from importlib import import_module

import pytest
import test_torch_fast as fast
import torch
import torch_table as table
from test_torch_fast import NORMS, all_norms, call, draw, is_fused, outcome, upstream
from torch import nn
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from course_lib import torch_layers

fusing = import_module("course_lib.torch_layers.fused")
small_tensors_are_fused, plain = fast.small_tensors_are_fused, fast.plain
# Parts of torch itself still call what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
FUSED_ROWS = [
    label
    for label in table.LABELS
    if table.name(label) in ("LayerNorm", "RMSNorm", "GroupNorm", "GhostBatchNorm")
    or table.name(label).startswith(("BatchNorm2d", "BatchNorm3d"))
]
rows = pytest.mark.parametrize("label", FUSED_ROWS)


def value_of(norm, parameters):
    """Return the norm as a function of x alone that is a number."""

    dy = upstream(torch.empty(NORMS[norm][1], dtype=torch.float64))

    def value(x):
        return (call(norm, [x, *parameters]) * dy).sum()

    return value


@rows
@table.both_modes
def test_modules_outcome_and_state_are_the_plain_ones(label, training, plain):
    wanted = plain(lambda: table.outcome(table.module(label, training), table.inputs(label)))
    got = table.outcome(table.module(label, training), table.inputs(label))
    torch.testing.assert_close(got, wanted, **fast.FLOAT64)


@all_norms
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiles_as_one_graph(norm, backend):
    torch.compiler.reset()
    leaves = draw(norm)
    compiled = torch.compile(lambda *v: call(norm, v), backend=backend, fullgraph=True)
    y = compiled(*leaves)
    used = leaves[:2] if norm == "rms_norm" else leaves
    got = [y.detach(), *torch.autograd.grad(y, used, upstream(y))]
    torch.testing.assert_close(got, outcome(norm, leaves), **fast.FLOAT64)


@all_norms
def test_traces_to_plain_operations(norm):
    leaves = [value.detach() for value in draw(norm)]
    graph = make_fx(lambda *v: call(norm, v))(*leaves)
    assert not [node for node in graph.graph.nodes if "out" in str(node.target).split(".")]
    torch.testing.assert_close(graph(*leaves), call(norm, leaves), **fast.FLOAT64)


@all_norms
def test_func_transforms_agree_with_autograd(norm):
    x, *parameters = draw(norm)
    value = value_of(norm, [v.detach() for v in parameters])
    (wanted,) = torch.autograd.grad(value(x), x)
    x = x.detach()
    torch.testing.assert_close(torch.func.grad(value)(x), wanted, **fast.FLOAT64)
    _, slope = torch.func.jvp(value, (x,), (wanted,))
    torch.testing.assert_close(slope, wanted.square().sum(), **fast.FLOAT64)
    each = torch.vmap(torch.func.grad(value))(torch.stack([x, x]))
    torch.testing.assert_close(each, torch.stack([wanted, wanted]), **fast.FLOAT64)


@all_norms
def test_forward_mode_has_tangents(norm):
    x, *parameters = draw(norm)
    value = value_of(norm, parameters)
    (dx,) = torch.autograd.grad(value(x), x)
    with forward_ad.dual_level():
        y = value(forward_ad.make_dual(x.detach(), dx))
        tangent = forward_ad.unpack_dual(y).tangent
    torch.testing.assert_close(tangent, dx.square().sum(), **fast.FLOAT64)


@all_norms
def test_hessian_by_vectorized_jacobian_is_the_loops(norm):
    x, *parameters = draw(norm)
    start, value = x.detach().reshape(-1)[:5], value_of(norm, [v.detach() for v in parameters])

    def of_some(few):
        return value(torch.cat([few, x.detach().reshape(-1)[5:]]).view(x.shape))

    both = (torch.autograd.functional.hessian(of_some, start, vectorize=v) for v in (True, False))
    torch.testing.assert_close(*both, **fast.FLOAT64)


@all_norms
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_autocast_changes_nothing_in_the_passes(norm, dtype, plain):
    leaves = [*draw(norm, dtype)[:1], *draw(norm, torch.float32)[1:]]

    def step():
        with torch.autocast("cpu", torch.bfloat16):  # the backward pass too, as many write it
            return outcome(norm, leaves)

    got, wanted = step(), outcome(norm, leaves)
    assert [value.dtype for value in got] == [dtype, *(v.dtype for v in leaves)][: len(got)]
    torch.testing.assert_close(got, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("norm", ["group_norm", "batch_norm", "layer_norm of images"])
@pytest.mark.parametrize("dims", [(0, 3, 1, 2), (3, 2, 1, 0)])
def test_layout_of_x_is_that_of_y(norm, dims, plain):
    x, *parameters = draw(norm)
    own = [dims.index(axis) for axis in range(4)]
    last = x.detach().permute(*own).contiguous().permute(*dims).requires_grad_()
    y = call(norm, [last, *parameters])
    assert y.stride() == plain(lambda: call(norm, [last, *parameters])).stride()
    got, wanted = outcome(norm, [last, *parameters]), outcome(norm, [x, *parameters])
    torch.testing.assert_close(got, wanted, **fast.FLOAT64)


@all_norms
def test_empty_batch_comes_out_empty(norm):
    x, *parameters = draw(norm)
    empty = x.detach()[:0].requires_grad_()
    y = call(norm, [empty, *parameters])
    y.sum().backward()
    assert y.shape == empty.grad.shape == empty.shape


@pytest.mark.parametrize("momentum", [0.3, 1.0, torch.tensor(0.25, dtype=torch.float64)])
@pytest.mark.parametrize("mean", [1.0, 1e4])
def test_running_statistics_move_as_torchs(momentum, mean):
    (x, *_), memories = draw("batch_norm", mean=mean), []
    for functions in (torch_layers, F):
        memory = torch.arange(6.0, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
        functions.batch_norm(x, *memory, None, None, True, float(momentum), 0.1)
        memories.append(memory)
    given = torch.arange(6.0, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
    assert is_fused(torch_layers.batch_norm(x, *given, None, None, True, momentum, 0.1))
    torch.testing.assert_close(memories[0], memories[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(memories[0], given, rtol=0, atol=0)


def test_second_derivative_leaves_the_running_statistics_alone():
    x, *parameters = draw("batch_norm")
    memory = torch.zeros(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
    y = torch_layers.batch_norm(x, *memory, *parameters, True, 0.3, 0.1)
    before = [value.clone() for value in memory]
    (dx,) = torch.autograd.grad(y, x, upstream(y), create_graph=True)
    torch.autograd.grad(dx.square().sum(), x)
    torch.testing.assert_close(list(memory), before, rtol=0, atol=0)


@all_norms
def test_checkpoint_gives_the_same(norm):
    leaves = draw(norm)
    y = checkpoint(lambda *v: call(norm, v), *leaves, use_reentrant=False)
    used = leaves[:2] if norm == "rms_norm" else leaves
    got = [y.detach(), *torch.autograd.grad(y, used, upstream(y))]
    torch.testing.assert_close(got, outcome(norm, leaves), rtol=0, atol=0)


@all_norms
def test_nothing_outlives_the_output(norm):
    x, *parameters = draw(norm)
    inner = x * 1
    y, alive = call(norm, [inner, *parameters]), weakref.ref(inner)
    y.backward(upstream(y))
    del inner, y
    gc.disable()
    try:
        assert alive() is None, "a cycle or the graph keeps x"
    finally:
        gc.enable()


@all_norms
def test_hooks_on_saved_tensors_see_x(norm):
    leaves, packed = draw(norm), []

    def pack(value):
        packed.append(value.shape)
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        call(norm, leaves)
    assert leaves[0].shape in packed


class Marked(torch.Tensor):
    """A tensor of another kind, which its operations must return."""


@all_norms
def test_tensors_of_other_kinds_take_the_plain_way(norm):
    x, *parameters = draw(norm)
    assert type(call(norm, [x.as_subclass(Marked), *parameters])) is Marked


@all_norms
def test_parameters_wider_than_the_statistics_take_the_plain_way(norm):
    x, *parameters = draw(norm, torch.float32)
    assert is_fused(call(norm, [x, *parameters]))
    assert not is_fused(call(norm, [x, *(value.double() for value in parameters)]))


@pytest.mark.parametrize("eps", [-0.5, float("nan"), float("inf")])
@pytest.mark.parametrize("norm", ["layer_norm", "group_norm"])
def test_eps_of_torchs_kind_gives_torchs_result(norm, eps):
    x, size = draw(norm)[0], NORMS[norm][1]
    argument = (size[-1:],) if norm == "layer_norm" else (2,)
    both = (getattr(f, norm)(x, *argument, eps=eps) for f in (torch_layers, F))
    torch.testing.assert_close(*both, equal_nan=True, **fast.FLOAT64)


def test_small_tensors_take_the_plain_way(monkeypatch):
    monkeypatch.undo()
    assert not is_fused(nn.Sequential(torch_layers.LayerNorm(8))(torch.ones(4, 8)))
    assert is_fused(torch_layers.LayerNorm(1024)(torch.ones(64, 1024)))
