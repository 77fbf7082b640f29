"""The optimizers of the NumPy network follow torch's, step by step."""

import numpy as np
import pytest
import torch

from course_lib import numpy_network as network
from course_lib.numpy_network import SGD, Adam

STEPS = 20
# name: (class, ours and torch's, arguments)
RULES = {
    "SGD": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "SGD, decay": ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "SGD, defaults": ("SGD", {}),
    "Adam": ("Adam", {"lr": 0.1}),
    "Adam, arguments": ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1}),
    "Adam, decay": ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    "Adam, defaults": ("Adam", {}),
}
all_rules = pytest.mark.parametrize("rule", RULES)


def start(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in ((3, 4), (3,))]


@all_rules
def test_parameters_follow_torchs(rule):
    name, options = RULES[rule]
    ours, torchs = getattr(network, name), getattr(torch.optim, name)
    rng, parameters = np.random.default_rng(1), start()
    tensors = [torch.tensor(parameter) for parameter in parameters]
    optimizer, reference = ours(parameters, **options), torchs(tensors, **options)
    for _ in range(STEPS):
        gradients = [rng.normal(size=parameter.shape) for parameter in parameters]
        for tensor, gradient in zip(tensors, gradients, strict=True):
            tensor.grad = torch.from_numpy(gradient.copy())
        optimizer.step(gradients), reference.step()
        for got, wanted in zip(parameters, tensors, strict=True):
            # float64 keeps 16 digits; Adam's root of a small square loses some of them.
            np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-11, atol=1e-12)


@all_rules
def test_gradients_keep_their_values(rule):
    name, options = RULES[rule]
    parameters, gradients = start(), start()
    getattr(network, name)(parameters, **options).step(gradients)
    for got, wanted in zip(gradients, start(), strict=True):
        np.testing.assert_array_equal(got, wanted)


@all_rules
def test_half_precision_parameters_stay_half(rule):
    name, options = RULES[rule]
    parameters = start(np.float16)
    getattr(network, name)(parameters, **options).step(start(np.float16))
    assert {parameter.dtype for parameter in parameters} == {np.dtype(np.float16)}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: SGD(p, lr=-1), "lr of at least 0, got -1"),
        (lambda p: SGD(p, momentum=-0.1), "momentum of at least 0"),
        (lambda p: SGD(p, weight_decay=float("nan")), "weight_decay of at least 0, got nan"),
        (lambda p: Adam(p, eps=-1), "eps of at least 0"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), r"betas .*got \(0.9, 1.0\)"),
        (lambda p: SGD(p).step([]), r"gradients of shapes .* got \[\]"),
        (lambda p: Adam(p).step(p[::-1]), "in their order"),
    ],
)
def test_wrong_call_is_told_what_to_do(make, words):
    with pytest.raises(ValueError, match=words):
        make(start())
