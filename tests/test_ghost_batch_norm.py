"""Ghost batch norm in NumPy and on tensors: batch norm of each virtual batch, one after another."""

# ruff: noqa: E501 (one error a line: a table)

import importlib
import re
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted
from outcomes import Outcome, assert_near, assert_slope, draw, torch_batch_norm
from torch import nn

NUMPY = importlib.import_module("course_lib.numpy_layers.ghost_batch_norm")
TWIN = importlib.import_module("course_lib.torch_layers.ghost_batch_norm")
SHAPES = [(8, 4), (7, 3, 3), (5, 3, 3, 3)]
# float64 keeps 16 digits; sums of at most 50 values of size 10 lose fewer than three of them.
FLOAT64, FLOAT32 = 1e-12, 1e-6
many = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 2**31)
both_modes = pytest.mark.parametrize("training", [True, False])
all_shapes = pytest.mark.parametrize("shape", SHAPES)


def numpy_layer(case, size=3, training=True, eps=0.1):
    memory = (case.running_mean, case.running_var)
    y, cache = NUMPY.ghost_batch_norm(
        case.x, size, *memory, case.weight, case.bias, training, 0.3, eps
    )
    return Outcome(y, *NUMPY.ghost_batch_norm_backward(case.dy, cache), *memory)


def twin_layer(case, size=3, training=True, eps=0.1):
    x, dy, weight, bias, *memory = (None if v is None else torch.from_numpy(v) for v in case)
    leaves = [
        leaf if leaf is None or not leaf.is_floating_point() else leaf.requires_grad_()
        for leaf in (x, weight, bias)
    ]
    y = TWIN.ghost_batch_norm(x, size, *memory, weight, bias, training, 0.3, eps)
    y.backward(dy)
    grads = [None if leaf is None or leaf.grad is None else leaf.grad for leaf in leaves]
    return Outcome(*(None if v is None else v.detach().numpy() for v in (y, *grads, *memory)))


def one_after_another(case, size=3, training=True, eps=0.1):
    """Run torch's batch norm on the virtual batches, all on the same running statistics."""
    parts = []
    for start in range(0, len(case.x), size):
        part = case.copy()
        part.running_mean, part.running_var = case.running_mean, case.running_var
        part.x, part.dy = (value[start : start + size].copy() for value in (case.x, case.dy))
        parts.append(vars(torch_batch_norm(part, training, momentum=0.3, eps=eps)))
    joined = {name: np.concatenate([p[name] for p in parts]) for name in ("y", "dx")}
    summed = {
        name: None if parts[0][name] is None else sum(p[name] for p in parts)
        for name in ("dweight", "dbias")
    }
    return Outcome(**joined, **summed, running_mean=case.running_mean, running_var=case.running_var)


both_layers = pytest.mark.parametrize("layer", [numpy_layer, twin_layer])


def case_of(shape, **options):
    return draw(shape, shape[1:2], **options)


def assert_all_near(got, wanted, tolerance=FLOAT64):
    for name, value in vars(got).items():
        assert_near(value, getattr(wanted, name), tolerance)


@both_layers
@all_shapes
@both_modes
@pytest.mark.parametrize("size", [2, 3, 5, 100])
@pytest.mark.parametrize("affine", [True, False])
def test_virtual_batches_come_one_after_another(layer, shape, training, size, affine):
    case = case_of(shape) if affine else case_of(shape).plain()
    if training and shape == SHAPES[0] and len(case.x) % size == 1:
        size += 1  # no vector alone
    assert_all_near(
        layer(case.copy(), size, training), one_after_another(case.copy(), size, training)
    )


@both_layers
@many
@given(n=st.integers(1, 9), size=st.integers(1, 4), seed=seeds)
def test_virtual_batches_do_not_see_each_other(layer, n, size, seed):
    case = case_of((n, 2, 3), seed=seed)
    first = case.copy()
    first.x, first.dy = case.x[:size].copy(), case.dy[:size].copy()
    assert_near(layer(case, size).dx[:size], layer(first, size).dx, FLOAT64)


@both_layers
@many
@given(n=st.integers(2, 9), size=st.integers(2, 4), seed=seeds)
def test_input_gradient_is_orthogonal_to_ones_in_each_virtual_batch(layer, n, size, seed):
    case = case_of((n, 2, 3), seed=seed)
    dx = layer(case.copy(), size, eps=0.0).dx
    for start in range(0, n, size):
        part = slice(start, start + size)
        bound = np.abs(case.dy[part]).sum((0, 2)) * np.abs(case.weight) / case.x[part].std((0, 2))
        assert np.all(np.abs(dx[part].sum((0, 2))) <= 1e-9 * bound)


@both_layers
@both_modes
def test_gradients_predict_the_slope(layer, training):
    case = case_of(SHAPES[2])
    gradients = layer(case.copy(), training=training)
    assert_slope(lambda c: np.sum(layer(c, training=training).y * case.dy), case, gradients)


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
def test_float32_is_accurate_at_every_mean(layer, mean):
    case = case_of((40, 3, 4), offset=mean, spread=(1.0, 1.0)).to(np.float32)
    got, exact = layer(case.copy(), 16), one_after_another(case.to(np.float64), 16)
    for name in ("y", "dx", "dweight"):
        assert_near(getattr(got, name), getattr(exact, name), FLOAT32)


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_input(layer, dtype):
    case = case_of(SHAPES[1], offset=100.0).to(dtype)
    assert {value.dtype for value in vars(layer(case)).values()} == {np.dtype(dtype)}


@both_layers
def test_arguments_keep_their_values(layer):
    case, before = case_of(SHAPES[1]), case_of(SHAPES[1])
    layer(case)
    for name in ("x", "dy", "weight", "bias"):
        np.testing.assert_array_equal(getattr(case, name), getattr(before, name))


@both_layers
@pytest.mark.parametrize("size", [3, 1])
def test_vector_alone_is_refused_before_the_memory_moves(layer, size):
    case, before = case_of((7, 4)), case_of((7, 4))
    with pytest.raises(
        ValueError, match=r"every virtual batch, got 7 .* parts of .* another virtual_batch_size"
    ):
        layer(case, size)
    np.testing.assert_array_equal(case.running_mean, before.running_mean)


@both_layers
@pytest.mark.parametrize("size", [0, -2])
def test_empty_virtual_batches_are_refused(layer, size):
    with pytest.raises(
        ValueError, match=re.escape(f"virtual_batch_size of at least 1, got {size}")
    ):
        layer(case_of(SHAPES[1]), size)


@both_layers
@both_modes
def test_integers_are_refused(layer, training):
    case = case_of(SHAPES[1])
    case.x = case.x.astype(int)
    with pytest.raises(TypeError, match="floating-point"):
        layer(case, training=training)


def modules(**options):
    ours = TWIN.GhostBatchNorm(3, 3, eps=0.1, dtype=torch.float64, **options)
    torchs = nn.BatchNorm2d(3, eps=0.1, dtype=torch.float64, **options)
    ours.load_state_dict(torchs.state_dict(), strict=True)
    return ours, torchs


@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": None}, {"affine": False}, {"bias": False}, {"track_running_stats": False}],
    ids=str,
)
def test_module_is_torchs_on_virtual_batches(options):
    ours, torchs = modules(**options)
    x = torch.from_numpy(case_of((8, 3, 2, 2)).x)
    torch.testing.assert_close(ours(x), torch.cat([torchs(part) for part in x.split(3)]))
    torch.testing.assert_close(ours.eval()(x), torchs.eval()(x))
    torchs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict())


@both_modes
@pytest.mark.parametrize("order", ["gradcheck", "gradgradcheck"])
def test_twin_is_differentiable_twice(training, order):
    x = torch.from_numpy(case_of((5, 3, 2, 2)).x).requires_grad_()
    assert getattr(torch.autograd, order)(modules()[0].train(training), x, fast_mode=True)


def test_module_says_what_it_is():
    assert repr(modules()[0]).startswith("GhostBatchNorm(virtual_batch_size=3, 3, eps=0.1")


N, T = "numpy_layers.ghost_batch_norm", "torch_layers.ghost_batch_norm"
alike, twin_alike = (
    partial(test_virtual_batches_come_one_after_another, f, SHAPES[1], True, 3, True)
    for f in (numpy_layer, twin_layer)
)
served = partial(test_virtual_batches_come_one_after_another, twin_layer, SHAPES[1], False, 3, True)
alone = partial(test_vector_alone_is_refused_before_the_memory_moves, numpy_layer, 3)
# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("whole batch", N, "size = virtual_batch_size if training else", "size =", alike),
    ("whole batch", T, "x.split(virtual_batch_size) if training else", "", twin_alike),
    ("two parts, whatever their size", T, "x.split(virtual_batch_size) if", "x.chunk(2) if", twin_alike),
    ("virtual batches in evaluation", T, "training, momentum, eps)\n", "True, momentum, eps)\n", served),
    ("parts in another order", N, "for start in starts]", "for start in starts[::-1]]", alike),
    ("parameter gradients averaged", N, "np.sum(dweight, 0)", "np.mean(dweight, 0)", alike),
    ("parameter gradients of the last part", N, "np.sum(dbias, 0)", "dbias[-1]", alike),
    ("one value accepted", N, "last * positions == 1", "False", alone),
    ("memory of the first part alone", T, "*options) for part in parts", "*(options if part is parts[0] else (None, None, *options[2:]))) for part in parts", twin_alike),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
