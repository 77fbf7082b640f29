"""Filter response norm in NumPy and on tensors: no mean, no batch, a learned threshold."""

# ruff: noqa: E501 (one error a line: a table)

import importlib
import pickle
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import assert_near, draw

NUMPY = importlib.import_module("course_lib.numpy_layers.filter_response_norm")
TWIN = importlib.import_module("course_lib.torch_layers.filter_response_norm")
SHAPES = [(3, 4, 4), (2, 3, 3, 3), (2, 3, 4, 3, 2), (5, 3, 1, 1)]
IMAGES = SHAPES[1]
PARAMETERS = ("weight", "bias", "tau", "learned_eps")
FLOAT64, FLOAT32 = 1e-12, 1e-6  # a dozen roundings of each
many = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 2**31)
all_shapes = pytest.mark.parametrize("shape", SHAPES)


@dataclass
class Run:
    """Inputs of a run, or its gradients."""

    x: np.ndarray
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    tau: np.ndarray | None = None
    learned_eps: np.ndarray | None = None

    def __iter__(self):
        return iter(vars(self).values())

    def cast(self, change):
        return Run(*(None if value is None else change(value) for value in self))


def run_of(shape, seed=0, offset=0.0, dtype=np.float64):
    """Draw inputs, with a large learned eps of either sign, and an upstream gradient."""
    case = draw(shape, shape[1:2], seed=seed, offset=offset)
    rng = np.random.default_rng(seed)
    tau, sign = case.bias + rng.normal(0, 0.2, shape[1]), np.where(np.arange(shape[1]) % 2, 1, -1)
    given = Run(case.x, case.weight, case.bias, tau, sign * rng.uniform(0.1, 1, shape[1]))
    return given.cast(lambda value: value.astype(dtype)), case.dy.astype(dtype)


def numpy_layer(given, dy, eps=0.1):
    y, cache = NUMPY.filter_response_norm(*given, eps)
    return y, Run(*NUMPY.filter_response_norm_backward(dy, cache))


def twin_layer(given, dy, eps=0.1):
    leaves = [
        None if v is None else torch.from_numpy(v).requires_grad_(v.dtype.kind == "f")
        for v in given
    ]
    y = TWIN.filter_response_norm(*leaves, eps)
    y.backward(torch.from_numpy(dy))
    grads = [None if leaf is None or leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return y.detach().numpy(), Run(*grads)


both_layers = pytest.mark.parametrize("layer", [numpy_layer, twin_layer])


@both_layers
@all_shapes
def test_output_is_the_formula(layer, shape):
    given, dy = run_of(shape)
    x, *parameters = given
    wide = (1, -1, *(1,) * (x.ndim - 2))
    weight, bias, tau, learned = (value.reshape(wide) for value in parameters)
    mean_square = (x**2).mean(tuple(range(2, x.ndim)), keepdims=True)
    wanted = np.maximum(weight * x / np.sqrt(mean_square + 0.1 + abs(learned)) + bias, tau)
    assert_near(layer(given, dy)[0], wanted, FLOAT64)


@all_shapes
@pytest.mark.parametrize("absent", [(), *((name,) for name in PARAMETERS), PARAMETERS])
def test_gradients_are_autograds(shape, absent):
    given, dy = run_of(shape)
    given = replace(given, **dict.fromkeys(absent))
    (y, got), (twin_y, wanted) = numpy_layer(given, dy), twin_layer(given, dy)
    assert_near(y, twin_y, FLOAT64)
    for one, other in zip(got, wanted, strict=True):
        assert_near(one, other, FLOAT64)


@both_layers
@all_shapes
def test_gradients_predict_the_slope(layer, shape):
    given, dy = run_of(shape)
    rng, step = np.random.default_rng(7), 1e-6
    along = given.cast(lambda value: rng.normal(size=value.shape))
    moved = [Run(*(v + s * a for v, a in zip(given, along, strict=True))) for s in (step, -step)]
    measured = np.subtract(*(np.sum(layer(run, dy)[0] * dy) for run in moved)) / (2 * step)
    parts = [np.sum(g * a) for g, a in zip(layer(given, dy)[1], along, strict=True)]
    # Truncation near step², rounding near 1e-16 / step: both below 1e-9 of the largest part.
    assert abs(measured - sum(parts)) <= 1e-7 * max(map(abs, parts))


@both_layers
@many
@given(seed=seeds, scale=st.floats(0.1, 10.0))
def test_scale_of_a_channel_does_not_matter(layer, seed, scale):
    given, dy = run_of(IMAGES, seed)
    given = replace(given, learned_eps=None)
    scaled = replace(given, x=given.x * scale)
    assert_near(layer(scaled, dy, eps=0.0)[0], layer(given, dy, eps=0.0)[0], 1e-9)


@both_layers
@many
@given(seed=seeds)
def test_input_gradient_is_orthogonal_to_x(layer, seed):
    given, dy = run_of(IMAGES, seed)
    dx = layer(replace(given, learned_eps=None), dy, eps=0.0)[1].x
    along = np.abs((dx * given.x).sum((2, 3)))
    assert np.all(along <= 1e-9 * (np.abs(dy).sum((2, 3)) * np.abs(given.weight)))


@both_layers
def test_a_common_shift_is_not_removed(layer):
    given, dy = run_of(IMAGES)
    shifted = replace(given, x=given.x + 3.0)
    assert not np.allclose(layer(shifted, dy)[0], layer(given, dy)[0], atol=0.1)


@both_layers
@many
@given(seed=seeds)
def test_examples_and_channels_do_not_see_each_other(layer, seed):
    given, dy = run_of(IMAGES, seed)
    alone = given.cast(lambda value: value[..., 1:2] if value.ndim == 1 else value[1:2, 1:2].copy())
    y, grads = layer(given, dy)
    own_y, own = layer(alone, dy[1:2, 1:2])
    assert_near(own_y, y[1:2, 1:2], FLOAT64)
    assert_near(own.x, grads.x[1:2, 1:2], FLOAT64)


@both_layers
@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4])  # no mean is removed
@pytest.mark.parametrize("channels_last", [False, True])
def test_float32_is_accurate_at_every_mean(layer, mean, channels_last):
    given, dy = run_of((4, 3, 5, 7), offset=mean, dtype=np.float32)
    wanted_y, _ = twin_layer(given.cast(np.float64), dy.astype(np.float64))
    if channels_last:
        given.x = np.ascontiguousarray(given.x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert_near(layer(given, dy)[0], wanted_y, FLOAT32)


@both_layers
def test_half_precision_squares_do_not_overflow(layer):
    given, dy = run_of(IMAGES, offset=3e4, dtype=np.float16)
    wanted, _ = twin_layer(given.cast(lambda v: v.astype(np.float64)), dy.astype(np.float64))
    assert_near(layer(given, dy)[0], wanted, 2**-11)  # rounded once, to 11 bits


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_input(layer, dtype):
    y, grads = layer(*run_of(IMAGES, dtype=dtype))
    assert {value.dtype for value in (y, *grads)} == {np.dtype(dtype)}


@both_layers
def test_arguments_keep_their_values(layer):
    (given, dy), (before, _) = run_of(IMAGES), run_of(IMAGES)
    layer(given, dy)
    for got, wanted in zip(given, before, strict=True):
        np.testing.assert_array_equal(got, wanted)


@both_layers
def test_silent_channel_stays_finite_on_the_threshold(layer):
    given, dy = Run(np.zeros((2, 3, 2, 2)), *np.zeros((3, 3))), np.ones((2, 3, 2, 2))
    given.weight += 1
    y, grads = layer(given, dy, eps=1e-6)
    assert_near(y, np.zeros_like(dy), 0)
    assert_near(grads.tau, np.full(3, 4.0), FLOAT64)  # half of each of eight gradients


WRONG_CALLS = {
    "no positions": ([np.zeros((2, 3))], ValueError, ["3 axes", "(2, 3)", "x[..., None]"]),
    "tau of other channels": ([np.zeros((2, 3, 4)), None, None, np.zeros(4)], ValueError, ["tau of shape (3,)", "got (4,)", "a channel"]),
    "integers": ([np.zeros((2, 3, 4), int)], TypeError, ["floating-point", "int64", "convert it"]),
}  # fmt: skip


@pytest.mark.parametrize("package", [NUMPY, TWIN])
@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(package, call):
    args, error, words = WRONG_CALLS[call]
    if package is TWIN:
        args = [None if value is None else torch.from_numpy(value) for value in args]
    with pytest.raises(error, match=".*".join(map(re.escape, words))):
        package.filter_response_norm(*args)


@pytest.mark.parametrize("learnable", [True, False])
def test_module_is_the_function_of_its_parameters(learnable):
    module = TWIN.FilterResponseNorm2d(3, 1e-3, learnable, dtype=torch.float64)
    given, _ = run_of(IMAGES)
    state = dict(
        zip(PARAMETERS[: 3 + learnable], map(torch.from_numpy, list(given)[1:]), strict=False)
    )
    module.load_state_dict(state, strict=True)
    x = torch.from_numpy(given.x).requires_grad_()
    wanted = TWIN.filter_response_norm(x, *state.values(), eps=1e-3)
    torch.testing.assert_close(pickle.loads(pickle.dumps(module))(x), wanted, rtol=0, atol=0)
    assert torch.autograd.gradcheck(module, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(module, x, fast_mode=True)


def test_fresh_module_is_plain():
    state = TWIN.FilterResponseNorm2d(2, learnable_eps=True, device="cpu").state_dict()
    assert {name: value.tolist() for name, value in state.items()} == {
        "weight": [1, 1], "bias": [0, 0], "tau": [0, 0], "learned_eps": [pytest.approx(1e-4)] * 2
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"expected x of shape \(n, c, h, w\) with c = 2, got"):
        TWIN.FilterResponseNorm2d(2)(torch.zeros(2, 2, 3))
