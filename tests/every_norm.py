"""One way to call every layer forward and backward, and what the list of errors asks of each."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from outcomes import assert_near

from course_lib import numpy_layers, torch_layers

FLOAT64, FLOAT32, HALF = 1e-10, 1e-6, 2**-11  # dozens of roundings; the result of half, one
IMAGES = (6, 3, 3, 3)  # channels and width are equal: a wrong broadcast shows only in the values
RNG = np.random.default_rng(0)
WEIGHT, BIAS, OTHER = RNG.normal(size=(3, 3))
MEAN, VAR = RNG.normal(size=3), RNG.uniform(0.5, 2, 3)
LIKE_X, FILTERS = RNG.normal(size=IMAGES), RNG.normal(size=6)
ALPHA = np.array(0.5)

# What each layer takes after x; the running statistics are moved, each call gets its own.
ARGUMENTS = {
    "adaptive_instance_norm": [LIKE_X],
    "batch_norm": [MEAN, VAR, WEIGHT, BIAS, True],
    "batch_renorm": [MEAN, VAR, WEIGHT, BIAS, True, 0.01, 1e-5, 1.0, 0.0],
    "deep_norm": [LIKE_X, (3,), 2.0, WEIGHT, BIAS],
    "dynamic_erf": [ALPHA, np.array(0.1), WEIGHT, BIAS],
    "dynamic_tanh": [ALPHA, WEIGHT, BIAS],
    "filter_response_norm": [WEIGHT, BIAS, OTHER],
    "ghost_batch_norm": [3, MEAN, VAR, WEIGHT, BIAS, True],
    "group_norm": [1, WEIGHT, BIAS],
    "instance_norm": [MEAN, VAR, WEIGHT, BIAS],
    "layer_norm": [(3,), WEIGHT, BIAS],
    "layer_scale": [WEIGHT, 1],
    "local_response_norm": [2, 1.0],
    "normalize": [],
    "query_key_norm": [LIKE_X, ALPHA],
    "re_zero": [LIKE_X, ALPHA],
    "rms_norm": [(3,), WEIGHT],
    "scale_norm": [ALPHA],
    "scaled_weight_standardization": [FILTERS],
    "spectral_norm": [RNG.normal(size=6), RNG.normal(size=27)],
    "switchable_norm": [MEAN, VAR, OTHER, BIAS, WEIGHT, BIAS, True],
    "weight_norm": [FILTERS.reshape(6, 1, 1, 1)],
    "weight_standardization": [],
}


def call_numpy(name: str, x: np.ndarray, dy: np.ndarray, dtype: Any = None) -> list[np.ndarray]:
    """Return y and dx of the NumPy layer; its arguments are rounded to `dtype`, or else x's."""
    wide = x.dtype if x.dtype.kind == "f" else np.float64
    y, cache = getattr(numpy_layers, name)(x, *arguments(name, dtype or wide, wide))
    return [y, getattr(numpy_layers, f"{name}_backward")(dy, cache)[0]]


def call_twin(name: str, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    """Return y and dx of its torch twin."""
    given = arguments(name, x.dtype)
    given = [torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in given]
    leaf = torch.tensor(x, requires_grad=True)
    y = getattr(torch_layers, name)(leaf, *given)
    y.backward(torch.from_numpy(dy))
    return [y.detach().numpy(), leaf.grad.numpy()]


def arguments(name: str, *dtypes: Any) -> list:
    """Return copies of what the layer takes after x, the arrays cast to one dtype after another."""
    given = copy.deepcopy(ARGUMENTS[name])
    for dtype in dtypes:
        given = [v.astype(dtype) if isinstance(v, np.ndarray) else v for v in given]
    return given


def draw(name: str, *, offset: float = 0.0, dtype: Any = np.float64) -> list[np.ndarray]:
    """Draw x, and an upstream gradient of the shape of y."""
    x = offset + np.random.default_rng(1).normal(size=IMAGES)
    y = getattr(numpy_layers, name)(x, *arguments(name))[0]
    return [x.astype(dtype), np.random.default_rng(2).normal(size=y.shape).astype(dtype)]


def assert_twins_agree(name: str) -> None:
    ours, twins = (call(name, *draw(name)) for call in (call_numpy, call_twin))
    for got, wanted in zip(ours, twins, strict=True):
        assert_near(got, wanted, FLOAT64)


def assert_float32_is_accurate(name: str, offset: float = 1e4) -> None:
    assert_same_in_float64(name, draw(name, offset=offset, dtype=np.float32), FLOAT32)


def assert_half_precision_rounds_the_result(name: str, offset: float = 300.0) -> None:
    # Of 300 the square overflows, and the spacing of half precision is 1/4.
    assert_same_in_float64(name, draw(name, offset=offset, dtype=np.float16), HALF)


def assert_same_in_float64(name: str, inputs: list[np.ndarray], tolerance: float) -> None:
    wide = [value.astype(np.float64) for value in inputs]
    wanted = call_numpy(name, *wide, dtype=inputs[0].dtype)
    for got, exact in zip(call_numpy(name, *inputs), wanted, strict=True):
        assert_near(got, exact, tolerance)


def assert_constant_is_no_nan(name: str, value: float = 3.0) -> None:
    x, dy = draw(name)
    for result in call_numpy(name, np.full_like(x, value), dy):
        assert np.isfinite(result).all(), "a constant input gives NaN or infinity"


def assert_arguments_stay(name: str) -> None:
    given, before = draw(name), draw(name)
    call_numpy(name, *given)
    for value, wanted in zip(given, before, strict=True):
        np.testing.assert_array_equal(value, wanted)


def assert_integers_are_refused(name: str) -> None:
    x, dy = draw(name)
    with pytest.raises(TypeError, match="floating-point"):
        call_numpy(name, x.astype(int), dy)
