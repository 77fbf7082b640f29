"""The written passes of torch layers: the plain operations' results, and autograd's manners."""

from functools import partial
from importlib import import_module

import pytest
import torch
from torch.nn import functional as F

from course_lib import torch_layers
from course_lib.numba_kernels import threads

L, fusing = torch_layers, import_module("course_lib.torch_layers.fused")
# Calls with x, weight and bias; the shape of x and that of the parameters.
NORMS = {
    "layer_norm": (lambda f, x, w, b: f.layer_norm(x, (40,), w, b, 0.1), (6, 5, 40), (40,)),
    "layer_norm of images": (
        lambda f, x, w, b: f.layer_norm(x, (3, 4, 5), w, b, 0.1), (6, 3, 4, 5), (3, 4, 5),
    ),
    "rms_norm": (lambda f, x, w, b: f.rms_norm(x, (40,), w, 0.1), (6, 5, 40), (40,)),
    "group_norm": (lambda f, x, w, b: f.group_norm(x, 2, w, b, 0.1), (3, 6, 4, 5), (6,)),
    "batch_norm": (
        lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True, 0.1, 0.1), (3, 6, 4, 5), (6,),
    ),
    "batch_norm of a matrix": (
        lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True, 0.1, 0.1), (70, 18), (18,),
    ),
    "group_norm, channels last": (
        lambda f, x, w, b: f.group_norm(x, 2, w, b, 0.1), (3, 16, 6, 7), (16,),
    ),
    "batch_norm, channels last": (
        lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True, 0.1, 0.1), (3, 16, 6, 7), (16,),
    ),
}  # fmt: skip
all_norms = pytest.mark.parametrize("norm", NORMS)
FLOAT64 = {"rtol": 1e-11, "atol": 1e-11}  # 16 digits, few operations


@pytest.fixture(autouse=True)
def small_tensors_are_fused(monkeypatch):
    """Let the passes take small tensors too, on three threads."""
    monkeypatch.setattr(fusing, "SMALLEST", 1)
    monkeypatch.setattr(threads, "LEAST", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)


@pytest.fixture
def plain(monkeypatch):
    """Return a function that runs a call by the plain operations."""

    def run(call):
        with monkeypatch.context() as context:
            context.setattr(fusing, "SMALLEST", 1 << 60)
            return call()

    return run


def draw(norm, dtype=torch.float64, mean=1.0, wanted=(True, True, True), affine=True):
    """Draw x, weight and bias, of which those that are wanted have gradients."""
    _, shape, parameters = NORMS[norm]
    generator = torch.Generator().manual_seed(0)
    shapes = (shape, parameters, parameters)
    values = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    values[0] = mean + 2 * values[0]
    if norm.endswith("last"):
        values[0] = values[0].contiguous(memory_format=torch.channels_last)
    leaves = [v.to(dtype).requires_grad_(w) for v, w in zip(values, wanted, strict=True)]
    return leaves if affine else [leaves[0], None, None]


def call(norm, leaves, functions=L):
    if functions is F:  # its group norm crashes on channels last where x needs no gradient
        leaves = [leaves[0].contiguous(), *leaves[1:]]
    return NORMS[norm][0](functions, *leaves)


def upstream(y):
    """Draw the gradient that comes from above, of few digits: the same in any dtype."""
    drawn = torch.randn(y.shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    return (drawn * 32).round().div(32).to(y.dtype)


def outcome(norm, leaves, functions=L):
    """Return the output and the gradients of the leaves that want one."""
    y = call(norm, leaves, functions)
    wanted = [v for v in leaves if v is not None and v.requires_grad]
    wanted = wanted[:2] if norm == "rms_norm" else wanted
    return [y.detach(), *torch.autograd.grad(y, wanted, upstream(y))]


def is_fused(y):
    return type(y.grad_fn).__name__ == "_FusedBackward"


@all_norms
def test_these_calls_are_fused(norm, plain):
    assert is_fused(call(norm, draw(norm)))
    assert not is_fused(plain(lambda: call(norm, draw(norm))))


@all_norms
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("mean", [0.0, 1.0, 100.0])
def test_results_are_torchs(norm, affine, mean):
    leaves = draw(norm, mean=mean, affine=affine)
    torch.testing.assert_close(outcome(norm, leaves), outcome(norm, leaves, F), **FLOAT64)


@all_norms
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_results_are_exact_but_for_one_rounding(norm, dtype):
    leaves = draw(norm, dtype)
    exact = outcome(norm, [v.detach().double().requires_grad_() for v in leaves])
    unit = torch.finfo(dtype).eps
    for got, wanted in zip(outcome(norm, leaves), exact, strict=True):
        assert got.dtype == dtype
        # Half a unit for the rounding; in float32 sums of 120 values lose some units more.
        allowed = unit * (0.51 if dtype != torch.float32 else 8) * wanted.abs().max()
        assert (got.double() - wanted).abs().max() <= allowed


@pytest.mark.parametrize("norm", [norm for norm in NORMS if norm != "rms_norm"])
@pytest.mark.parametrize("mean", [0.0, 1.0, 1e2, 1e4, 1e6])
def test_float32_is_accurate_at_every_mean(norm, mean, plain):
    leaves = draw(norm, torch.float32, mean)
    exact = plain(lambda: outcome(norm, [v.detach().double().requires_grad_() for v in leaves]))
    for got, wanted in zip(outcome(norm, leaves), exact, strict=True):
        assert (got - wanted).abs().max() <= 1e-6 * wanted.abs().max()  # float32 keeps 6e-8


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_long_rows_are_accurate(mean):
    x = mean + torch.randn(4, 65_536, generator=torch.Generator().manual_seed(0))
    exact = F.layer_norm(x.double(), x.shape[1:])
    got = torch_layers.layer_norm(x, x.shape[1:])
    assert (got - exact).abs().max() <= 1e-6 * exact.abs().max()  # one long sum loses 4e-6


@all_norms
@pytest.mark.parametrize("level", [0.0, 1.0, 3e7, 1e12])
def test_equal_values_have_no_spread(norm, level, plain):
    x, *parameters = draw(norm, torch.float32)
    leaves = [torch.full_like(x, level).requires_grad_(), *parameters]
    wanted = plain(partial(outcome, norm, leaves))
    torch.testing.assert_close(outcome(norm, leaves), wanted, rtol=1e-5, atol=1e-5)


@all_norms
@pytest.mark.parametrize(
    "wanted", [(True, False, False), (False, True, False), (False, False, True)], ids=str
)
def test_each_gradient_comes_alone(norm, wanted):
    if norm == "rms_norm" and wanted[2]:
        wanted = (True, True, False)
    leaves = draw(norm, wanted=wanted)
    torch.testing.assert_close(outcome(norm, leaves), outcome(norm, leaves, F), **FLOAT64)


@all_norms
@pytest.mark.parametrize("affine", [True, False])
def test_first_and_second_derivatives_are_right(norm, affine):
    leaves = [value for value in draw(norm, affine=affine) if value is not None]

    def values(*moved):
        return call(norm, [*moved, None, None][:3])

    assert is_fused(values(*leaves))
    assert torch.autograd.gradcheck(values, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(values, leaves, fast_mode=True)


@all_norms
def test_changing_x_before_the_backward_pass_is_an_error(norm):
    x, *parameters = draw(norm)
    changed = x * 1
    y = call(norm, [changed, *parameters])
    changed += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@all_norms
def test_arguments_keep_their_values(norm):
    leaves = draw(norm, mean=100.0)
    before = [value.detach().clone() for value in leaves]
    y = call(norm, leaves)
    dy = upstream(y)
    y.backward(dy)
    torch.testing.assert_close([v.detach() for v in leaves], before, rtol=0, atol=0)
    torch.testing.assert_close(dy, upstream(y), rtol=0, atol=0)


@all_norms
def test_upstream_gradient_may_be_an_expanded_number(norm):
    leaves, dx = draw(norm), []
    for functions in (L, F):
        (gradient,) = torch.autograd.grad(call(norm, leaves, functions).square().sum(), leaves[0])
        dx.append(gradient)
    torch.testing.assert_close(*dx, **FLOAT64)
    assert torch.autograd.grad(call(norm, leaves).sum(), leaves[0])[0].abs().max() < 100


@all_norms
def test_graph_is_released_with_the_output(norm):
    x, *parameters = draw(norm)
    y = call(norm, [x, *parameters])
    y.backward(upstream(y))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward(upstream(y))


@all_norms
def test_kept_graph_gives_the_same_gradients_twice(norm):
    leaves = draw(norm)
    y = call(norm, leaves)
    once, twice = (
        torch.autograd.grad(y, leaves[0], upstream(y), retain_graph=True) for _ in range(2)
    )
    torch.testing.assert_close(once, twice, rtol=0, atol=0)


@all_norms
def test_batched_gradients_are_a_loop(norm):
    leaves = draw(norm)
    y = call(norm, leaves)
    dys = torch.stack([upstream(y), upstream(y).flip(0)])
    (many,) = torch.autograd.grad(y, leaves[0], dys, is_grads_batched=True, retain_graph=True)
    each = [torch.autograd.grad(y, leaves[0], dy, retain_graph=True)[0] for dy in dys]
    torch.testing.assert_close(many, torch.stack(each), **FLOAT64)
