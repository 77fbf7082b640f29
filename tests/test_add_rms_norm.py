"""RMS norm of x + residual, with the sum as second result, in NumPy and on tensors."""

from importlib import import_module

import numpy as np
import pytest
import torch
from outcomes import assert_near
from pullbacks import assert_predicts_slope
from torch.nn import functional as F
from wrong_calls import assert_told, zeros

ours, twin = (
    import_module(f"course_lib.{name}.rms_norm") for name in ("numpy_layers", "torch_layers")
)
FLOAT64 = 1e-12  # 16 digits, less those that sums of a few dozen values lose


def draw_sum(dtype=np.float64):
    """Draw x, residual and weight, and the gradients of both results."""
    rng = np.random.default_rng(1)
    arrays = [(1 + rng.normal(size=shape)).astype(dtype) for shape in ((3, 4, 5), (3, 4, 5), (5,))]
    return arrays, rng.normal(size=(2, 3, 4, 5)).astype(dtype)


def numpy_sum(arrays, dys, eps=0.1):
    y, total, cache = ours.add_rms_norm(*arrays, eps)
    return [y, total, *ours.add_rms_norm_backward(*dys, cache)]


def twin_sum(arrays, dys, eps=0.1):
    leaves = [torch.tensor(value, requires_grad=True) for value in arrays]
    outputs = twin.add_rms_norm(*leaves, eps)
    gradients = torch.autograd.grad(outputs, leaves, [torch.from_numpy(dy) for dy in dys])
    return [value.detach().numpy() for value in (*outputs, *gradients)]


both_sums = pytest.mark.parametrize("run", [numpy_sum, twin_sum])


@both_sums
def test_sum_is_returned_and_normalized_as_torchs(run):
    (x, residual, weight), dys = draw_sum()
    leaves = [torch.tensor(value, requires_grad=True) for value in (x, residual, weight)]
    total = leaves[0] + leaves[1]
    y = F.rms_norm(total, (5,), leaves[2], 0.1)
    gradients = torch.autograd.grad((y, total), leaves, [torch.from_numpy(dy) for dy in dys])
    wanted = [value.detach().numpy() for value in (y, total, *gradients)]
    for got, right in zip(run((x, residual, weight), dys), wanted, strict=True):
        assert_near(got, right, FLOAT64)


@both_sums
def test_gradients_of_the_sum_predict_the_slope(run):
    arrays, dys = draw_sum()

    def value(*moved):
        y, total, *_ = run(moved, dys)
        return np.sum(y * dys[0]) + np.sum(total * dys[1])

    assert_predicts_slope(value, arrays, run(arrays, dys)[2:])


@both_sums
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sum_and_its_gradients_have_the_dtype_of_the_input(run, dtype):
    assert {value.dtype for value in run(*draw_sum(dtype))} == {np.dtype(dtype)}


@pytest.mark.parametrize("layer", [ours, twin])
@pytest.mark.parametrize(
    ("residual", "weight", "words"),
    [
        (zeros(3), None, ["residual like x, (2, 3)", "got (3,)", "the place of both"]),
        (zeros(2, 3, dtype=np.float32), None, ["float64", "float32", "the place of both"]),
        (zeros(2, 3), zeros(2), ["normalized_shape (2,)", "got x of shape (2, 3)"]),
    ],
)
def test_sum_of_unlike_parts_is_told_what_to_do(layer, residual, weight, words):
    assert_told(layer.add_rms_norm, [zeros(2, 3), residual, weight], ValueError, words)


def test_arguments_of_the_sum_keep_their_values():
    arrays, dys = draw_sum()
    before = [value.copy() for value in (*arrays, *dys)]
    numpy_sum(arrays, dys)
    for got, wanted in zip((*arrays, *dys), before, strict=True):
        np.testing.assert_array_equal(got, wanted)
