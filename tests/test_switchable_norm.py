"""Switchable norm in NumPy and on tensors: between instance, layer and batch norm."""

import importlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near, draw
from torch.nn import functional as F

NUMPY = importlib.import_module("course_lib.numpy_layers.switchable_norm")
TWIN = importlib.import_module("course_lib.torch_layers.switchable_norm")
SHAPES = [(3, 3, 3, 3), (2, 4, 5, 3), (4, 3, 1, 1)]
SQUARE = SHAPES[0]
# float64 keeps 16 digits; sums of at most 50 values of size 10 lose fewer than three of them.
FLOAT64, FLOAT32 = 1e-12, 1e-6
SURE = 60.0  # e⁻⁶⁰ is below a rounding of float64: one share is 1
many = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 2**31)
all_shapes = pytest.mark.parametrize("shape", SHAPES)
both_modes = pytest.mark.parametrize("training", [True, False])


@dataclass
class Run:
    """Inputs of a run, or its gradients."""

    x: np.ndarray
    mean_weight: np.ndarray
    var_weight: np.ndarray
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None

    def __iter__(self):
        return iter(vars(self).values())

    def cast(self, change):
        return Run(*(None if value is None else change(value) for value in self))


def run_of(shape, seed=0, offset=0.0, dtype=np.float64, shares=None, spread=(0.5, 3.0)):
    """Draw inputs, an upstream gradient and running statistics."""
    case = draw(shape, shape[1:2], seed=seed, offset=offset, spread=spread)
    logits = np.random.default_rng(seed).normal(size=(2, 3)) if shares is None else shares
    run = Run(case.x, *logits, case.weight, case.bias).cast(lambda value: value.astype(dtype))
    memory = [case.running_mean + offset, case.running_var]
    return run, case.dy.astype(dtype), [value.astype(dtype) for value in memory]


def numpy_layer(run, dy, memory, training=True, eps=0.1):
    x, *shares, weight, bias = run
    options = (weight, bias, training, 0.3, eps)
    y, cache = NUMPY.switchable_norm(x, *memory, *shares, *options)
    return y, Run(*NUMPY.switchable_norm_backward(dy, cache))


def twin_layer(run, dy, memory, training=True, eps=0.1):
    leaves = [
        None if value is None else torch.from_numpy(value).requires_grad_(value.dtype.kind == "f")
        for value in run
    ]
    x, *shares, weight, bias = leaves
    memory = [value if value is None else torch.from_numpy(value) for value in memory]
    y = TWIN.switchable_norm(x, *memory, *shares, weight, bias, training, 0.3, eps)
    y.backward(torch.from_numpy(dy))
    grads = [None if leaf is None or leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return y.detach().numpy(), Run(*grads)


both_layers = pytest.mark.parametrize("layer", [numpy_layer, twin_layer])


@both_layers
@all_shapes
def test_output_is_the_formula(layer, shape):
    run, dy, memory = run_of(shape)
    p, q = (np.exp(value) / np.exp(value).sum() for value in (run.mean_weight, run.var_weight))
    scopes = [(2, 3), (1, 2, 3), (0, 2, 3)]
    mean = sum(a * run.x.mean(axes, keepdims=True) for a, axes in zip(p, scopes, strict=True))
    var = sum(b * run.x.var(axes, keepdims=True) for b, axes in zip(q, scopes, strict=True))
    x_hat = (run.x - mean) / np.sqrt(var + 0.1)
    wanted = x_hat * run.weight[:, None, None] + run.bias[:, None, None]
    assert_near(layer(run, dy, memory)[0], wanted, FLOAT64)


@all_shapes
@both_modes
@pytest.mark.parametrize("absent", [(), ("weight",), ("bias",), ("weight", "bias")])
def test_gradients_are_autograds(shape, training, absent):
    run, dy, memory = run_of(shape)
    run = replace(run, **dict.fromkeys(absent))
    (y, got), (twin_y, wanted) = (
        layer(run, dy, [value.copy() for value in memory], training)
        for layer in (numpy_layer, twin_layer)
    )
    assert_near(y, twin_y, FLOAT64)
    for one, other in zip(got, wanted, strict=True):
        assert_near(one, other, FLOAT64)


@both_layers
@all_shapes
@both_modes
def test_gradients_predict_the_slope(layer, shape, training):
    run, dy, memory = run_of(shape)
    rng, step = np.random.default_rng(7), 1e-5
    along = run.cast(lambda value: rng.normal(size=value.shape))

    def outcome(size):
        moved = Run(*(v + size * a for v, a in zip(run, along, strict=True)))
        return layer(moved, dy, [value.copy() for value in memory], training)

    measured = (np.sum(outcome(step)[0] * dy) - np.sum(outcome(-step)[0] * dy)) / (2 * step)
    parts = [np.sum(g * a) for g, a in zip(outcome(0)[1], along, strict=True)]
    # Truncation near step², rounding near 1e-16 / step: both below 1e-9 of the largest part.
    assert abs(measured - sum(parts)) <= 1e-7 * max(map(abs, parts))


def one_share(which):
    return np.where(np.arange(3) == which, SURE, 0.0) * np.ones((2, 1))


@both_layers
@pytest.mark.parametrize("shape", SHAPES[:2])
@both_modes
def test_first_share_is_instance_norm(layer, shape, training):
    run, dy, memory = run_of(shape, shares=one_share(0))
    wanted = F.instance_norm(*map(torch.from_numpy, (run.x,)), eps=0.1).numpy()
    plain = replace(run, weight=None, bias=None)
    assert_near(layer(plain, dy, memory, training)[0], wanted, FLOAT64)


@both_layers
@all_shapes
@both_modes
def test_second_share_is_layer_norm(layer, shape, training):
    run, dy, memory = run_of(shape, shares=one_share(1))
    tensors = map(torch.from_numpy, (run.x, run.weight, run.bias))
    x, weight, bias = tensors
    wanted = F.group_norm(x, 1, weight, bias, eps=0.1).numpy()
    assert_near(layer(run, dy, memory, training)[0], wanted, FLOAT64)


@both_layers
@all_shapes
@both_modes
def test_third_share_is_batch_norm_and_its_memory(layer, shape, training):
    run, dy, memory = run_of(shape, shares=one_share(2))
    kept = [torch.from_numpy(value.copy()) for value in memory]
    x, weight, bias = map(torch.from_numpy, (run.x, run.weight, run.bias))
    wanted = F.batch_norm(x, *kept, weight, bias, training, 0.3, 0.1).numpy()
    assert_near(layer(run, dy, memory, training)[0], wanted, FLOAT64)
    for got, torchs in zip(memory, kept, strict=True):
        assert_near(got, torchs, FLOAT64)


@both_layers
@many
@given(seed=seeds, shift=st.floats(-5, 5), scale=st.floats(0.2, 5))
def test_scale_and_shift_of_the_batch_do_not_matter(layer, seed, shift, scale):
    run, dy, memory = run_of(SQUARE, seed)
    moved = replace(run, x=shift + scale * run.x)
    got, wanted = (layer(r, dy, memory, eps=0.0)[0] for r in (moved, run))
    assert_near(got, wanted, 1e-9)


@both_layers
@many
@given(seed=seeds)
def test_input_gradient_is_orthogonal_to_what_is_erased(layer, seed):
    run, dy, memory = run_of(SQUARE, seed)
    dx = layer(run, dy, memory, eps=0.0)[1].x
    size = np.abs(dx).sum()
    assert abs(dx.sum()) <= 1e-9 * size
    assert abs((dx * (run.x - run.x.mean())).sum()) <= 1e-9 * size * run.x.std()


@both_layers
@many
@given(seed=seeds)
def test_gradient_of_the_shares_sums_to_zero(layer, seed):
    run, dy, memory = run_of(SQUARE, seed)
    grads = layer(run, dy, memory)[1]
    for value in (grads.mean_weight, grads.var_weight):
        assert abs(value.sum()) <= 1e-12 * max(1, np.abs(value).max())


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("channels_last", [False, True])
def test_float32_is_accurate_at_every_mean(layer, mean, channels_last):
    run, dy, memory = run_of((8, 3, 5, 7), offset=mean, dtype=np.float32, spread=(1.0, 1.0))
    if channels_last:
        run.x = np.ascontiguousarray(run.x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    wide = [value.astype(np.float64) for value in memory]
    wanted = numpy_layer(run.cast(np.float64), dy.astype(np.float64), wide)
    got = layer(run, dy, memory)
    assert_near(got[0], wanted[0], FLOAT32)
    assert_near(got[1].x, wanted[1].x, FLOAT32)


@both_layers
@both_modes
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_input(layer, training, dtype):
    run, dy, memory = run_of(SQUARE, offset=100.0, dtype=dtype)
    y, grads = layer(run, dy, memory, training)
    assert {value.dtype for value in (y, *grads, *memory)} == {np.dtype(dtype)}
    assert np.isfinite(y).all()


@both_layers
@both_modes
def test_arguments_keep_their_values(layer, training):
    (run, dy, memory), (before, _, kept) = run_of(SQUARE), run_of(SQUARE)
    layer(run, dy, memory, training)
    for got, wanted in zip(run, before, strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert training or all(map(np.array_equal, memory, kept))
