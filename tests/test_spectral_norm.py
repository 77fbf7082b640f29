"""Spectral norm in NumPy and as a parametrization: torch's numbers, gradients and vectors."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

import copy
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import assert_seen, planted
from outcomes import assert_near
from pullbacks import assert_predicts_slope, assert_same, autograd
from torch.nn.utils import parametrizations

NUMPY, TWIN = "numpy_layers.spectral_norm", "torch_layers.spectral_norm"
ours, twin = (import_module(f"course_lib.{name}") for name in (NUMPY, TWIN))


def numpy_run(w, u, v, dy, iterations=1, dim=0):
    y, cache = ours.spectral_norm(w, u, v, iterations, dim)
    return y, list(ours.spectral_norm_backward(dy, cache))


def module_run(make, w, u, v, dy, iterations, dim):
    """Run a parametrization with the given buffers, which it may change in place."""
    module = make(torch.from_numpy(w), max(iterations, 1), dim).train(iterations > 0)
    module.load_state_dict({"_u": torch.from_numpy(u), "_v": torch.from_numpy(v)}, strict=True)
    result = autograd(module, [w], dy)
    u[:], v[:] = module._u.numpy(), module._v.numpy()
    return result


def twin_run(w, u, v, dy, iterations=1, dim=0):
    return module_run(twin._SpectralNorm, w, u, v, dy, iterations, dim)


def torch_run(w, u, v, dy, iterations=1, dim=0):
    return module_run(parametrizations._SpectralNorm, w, u, v, dy, iterations, dim)


both_layers = pytest.mark.parametrize("run", [numpy_run, twin_run])
# (shape of w, dim); the square ones let a transposed matrix fit.
SHAPES = [((3, 3), 0), ((3, 3), 1), ((4, 3), 0), ((3, 3, 3), 1), ((2, 4, 3, 3), 0), ((2, 4, 3), -1)]
FLOAT64 = 1e-12  # float64 keeps 16 digits; each sum has at most 36 values
many = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 2**31)


def draw(shape, dim=0, seed=0):
    """Draw a weight, the two unit vectors and the upstream gradient."""
    rng = np.random.default_rng(seed)
    w, dy = rng.normal(size=(2, *shape))
    u, v = rng.normal(size=shape[dim]), rng.normal(size=w.size // shape[dim])
    return w, u / np.linalg.norm(u), v / np.linalg.norm(v), dy


@both_layers
@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_weight_and_gradient_are_torchs(run, shape, dim, iterations):
    case = draw(shape, dim)
    wanted = torch_run(*copy.deepcopy(case), iterations, dim)
    assert_same(run(*case, iterations, dim), wanted, FLOAT64)


@both_layers
@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_vectors_afterwards_are_torchs(run, shape, dim, iterations):
    case, wanted = draw(shape, dim), draw(shape, dim)
    run(*case, iterations, dim)
    torch_run(*wanted, iterations, dim)
    assert_near(case[1], wanted[1], FLOAT64)
    assert_near(case[2], wanted[2], FLOAT64)


@both_layers
def test_weight_and_upstream_gradient_keep_their_values(run):
    case = draw((3, 3))
    before = copy.deepcopy(case)
    run(*case)
    np.testing.assert_array_equal((case[0], case[3]), (before[0], before[3]))


@both_layers
@pytest.mark.parametrize(("shape", "dim"), SHAPES[:4])
def test_gradient_predicts_the_slope_with_constant_vectors(run, shape, dim):
    w, u, v, dy = draw(shape, dim)
    gradients = run(w, u, v, dy, 0, dim)[1]
    assert_predicts_slope(lambda w: np.sum(run(w, u, v, dy, 0, dim)[0] * dy), [w], gradients)


@both_layers
@many
@given(seed=seeds)
def test_largest_singular_value_becomes_one(run, seed):
    w, u, v, dy = draw((4, 2, 2), 0, seed)
    # Each iteration gains the ratio of the two largest singular values, squared.
    y = run(w, u, v, dy, 2000)[0]
    assert abs(np.linalg.norm(y.reshape(4, -1), 2) - 1) < 1e-5


@both_layers
@many
@given(seed=seeds)
def test_estimate_never_exceeds_the_norm(run, seed):
    w, u, v, dy = draw((4, 5), 0, seed)
    assert np.linalg.norm(run(w, u, v, dy, 1)[0], 2) >= 1 - FLOAT64


@both_layers
@many
@given(seed=seeds)
def test_scale_does_not_matter(run, seed):
    case, scaled = draw((4, 5), 0, seed), draw((4, 5), 0, seed)
    scaled[0][:] *= 7
    assert_near(run(*scaled)[0], run(*case)[0], FLOAT64)


@both_layers
@many
@given(seed=seeds)
def test_gradient_is_orthogonal_to_the_weight(run, seed):
    w, u, v, dy = draw((4, 5), 0, seed)
    y, (dw,) = run(w, u, v, dy)
    assert abs((dw * w).sum()) <= 10 * FLOAT64 * np.abs(dy * y).sum()


@both_layers
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_has_the_dtype_of_the_weight(run, dtype):
    case = [value.astype(dtype) for value in draw((3, 3))]
    y, (dw,) = run(*case)
    assert {y.dtype, dw.dtype, case[1].dtype, case[2].dtype} == {np.dtype(dtype)}


@both_layers
def test_half_precision_does_not_overflow(run):
    w, u, v, dy = (value.astype(np.float16) for value in draw((8, 300)))
    w *= np.float16(1e4)  # the sums of 300 such values pass 65504
    y = run(w, u, v, dy)[0].astype(np.float64)
    sigma = u.astype(np.float64) @ w.astype(np.float64) @ v.astype(np.float64)
    np.testing.assert_allclose(y, w / sigma, rtol=2**-10)


@pytest.mark.parametrize(
    ("w", "u", "v", "options", "error", "words"),
    [
        (
            (3, 4),
            4,
            4,
            {},
            ValueError,
            r"u of shape \(3,\) for w \(3, 4\) and dim 0, got \(4,\); u",
        ),
        ((3, 4, 2), 3, 4, {}, ValueError, r"expected v of shape \(8,\) .+ got \(4,\); u counts"),
        ((3, 4), 3, 4, {"dim": 2}, ValueError, "expected dim .+ got 2; count"),
        ((3,), 3, 1, {}, ValueError, r"^expected w .+ got shape \(3,\); a vector"),
        ((3, 4), 3, 4, {"n_power_iterations": -1}, ValueError, "at least 0, got -1; 1 is"),
    ],
)
def test_wrong_call_is_told_what_to_do(w, u, v, options, error, words):
    with pytest.raises(error, match=words):
        ours.spectral_norm(np.ones(w), np.ones(u), np.ones(v), **options)


@pytest.mark.parametrize("integers", [0, 1, 2])
def test_integers_are_refused(integers):
    case = [np.ones((3, 4)), np.ones(3), np.ones(4)]
    case[integers] = case[integers].astype(int)
    with pytest.raises(TypeError, match=r"expected a floating-point .+ got dtype int64; convert"):
        ours.spectral_norm(*case)


def test_autocast_does_not_round_the_estimate():
    layer = twin.spectral_norm(torch.nn.Linear(40, 30)).eval()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer.weight
    torch.testing.assert_close(rounded, layer.weight, rtol=1e-6, atol=0)


def test_second_derivative_is_right():
    w, u, v, _ = draw((3, 2, 2))
    module = twin._SpectralNorm(torch.from_numpy(w)).eval()
    module.load_state_dict({"_u": torch.from_numpy(u), "_v": torch.from_numpy(v)})
    leaf = torch.from_numpy(w).requires_grad_()
    assert torch.autograd.gradcheck(module, leaf)
    assert torch.autograd.gradgradcheck(module, leaf)


runs = (numpy_run, twin_run)
output, twin_output = (
    partial(test_weight_and_gradient_are_torchs, run, (3, 3), 0, 1) for run in runs
)
vectors, twin_vectors = (partial(test_vectors_afterwards_are_torchs, r, (3, 3), 0, 1) for r in runs)
evaluation, twin_evaluation = (
    partial(test_vectors_afterwards_are_torchs, run, (3, 3), 0, 0) for run in runs
)
other_dim, twin_other_dim = (
    partial(test_weight_and_gradient_are_torchs, run, (3, 3), 1, 1) for run in runs
)
half, twin_half = (partial(test_half_precision_does_not_overflow, run) for run in runs)
SIGMA = "(u[:, None] * matrix * v).sum()"
ERRORS = [
    ("gradient without the y term", NUMPY, "(wide_dy * y).sum() * outer", "0", output),
    ("gradient along y", NUMPY, "(wide_dy * y).sum() * outer", "(wide_dy * y).sum() * y", output),
    ("norm detached", TWIN, SIGMA, SIGMA + ".detach()", twin_output),
    ("Frobenius norm", NUMPY, "sigma = u @ matrix @ v", "sigma = np.sqrt((matrix**2).sum())", output),
    ("Frobenius norm", TWIN, SIGMA, "matrix.square().sum().sqrt()", twin_output),
    ("wrong axis in front", NUMPY, "as_statistics_dtype(w), dim, 0)", "as_statistics_dtype(w), 0, 0)", other_dim),
    ("wrong axis in front", TWIN, ".movedim(self.dim, 0)", "", twin_other_dim),
    ("v from the transposed matrix", NUMPY, "v[:] = normalize(matrix.T @ u", "v[:] = normalize(matrix @ u", vectors),
    ("vectors forgotten", NUMPY, "u[:] = normalize", "u = normalize", vectors),
    ("vectors forgotten", TWIN, "self._u.copy_(normalize", "(normalize", twin_vectors),
    ("updated in evaluation", NUMPY, "range(n_power_iterations)", "range(max(n_power_iterations, 1))", evaluation),
    ("updated in evaluation", TWIN, "if self.training:", "if True:", twin_evaluation),
    ("half precision sums", NUMPY, "front = np.moveaxis(as_statistics_dtype(w), dim, 0)", "front = np.moveaxis(w, dim, 0)", half),
    ("half precision sums", TWIN, SIGMA, "(u.half() @ matrix.half() @ v.half())", twin_half),
    ("product that autocast rounds", TWIN, SIGMA, "u @ matrix @ v", test_autocast_does_not_round_the_estimate),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
