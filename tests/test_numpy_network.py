"""A network in NumPy alone: it learns, without torch, along torch's own loss curve."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from outcomes import assert_near
from torch import nn

from course_lib import numpy_network as network
from course_lib import torch_layers
from course_lib.lab.data import digits

RELU, TANH = (network.relu, network.relu_backward), (network.tanh, network.tanh_backward)
TRAINING = """
import sys
import numpy as np
from course_lib import numpy_network as network
from course_lib.lab.data import digits

data, rng = digits(), np.random.default_rng(0)
net = network.Sequential(
    network.Linear(64, 64, rng), network.BatchNorm(64),
    network.Activation(network.relu, network.relu_backward), network.Linear(64, 10, rng),
)
optimizer = network.SGD(net.parameters, lr=0.1, momentum=0.9, weight_decay=1e-4)
for _ in range(5):
    for rows in np.array_split(rng.permutation(len(data.x_train)), 20):
        loss, cache = network.cross_entropy(
            net.forward(data.x_train[rows], training=True), data.y_train[rows])
        net.backward(network.cross_entropy_backward(1.0, cache))
        optimizer.step(net.gradients)
right = net.forward(data.x_test, training=False).argmax(1) == data.y_test
print(right.mean(), "torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def run_alone():
    command = [sys.executable, "-W", "error", "-c", TRAINING]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_network_learns_the_digits(run_alone):
    assert float(run_alone[0]) >= 0.95


def test_network_trains_without_torch(run_alone):
    assert run_alone[1] == "False"


def twins(seed=0):
    """Return a NumPy net and a torch net that start from the same parameters."""
    rng = np.random.default_rng(seed)
    layers = (network.Linear(64, 32, rng), network.BatchNorm(32), network.Activation(*RELU),
              network.Linear(32, 10, rng))  # fmt: skip
    twin = nn.Sequential(nn.Linear(64, 32), torch_layers.BatchNorm1d(32), nn.ReLU(),
                         nn.Linear(32, 10)).double()  # fmt: skip
    net = network.Sequential(*layers)
    with torch.no_grad():
        for tensor, array in zip(twin.parameters(), net.parameters, strict=True):
            tensor.copy_(torch.tensor(array))
    return net, twin


@pytest.mark.parametrize(
    ("rule", "torchs", "options"),
    [
        (network.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (network.Adam, torch.optim.Adam, {"lr": 0.01}),
    ],
)
def test_loss_curve_is_the_torch_twins(rule, torchs, options):
    data, (net, twin) = digits(), twins()
    x_train, rng = data.x_train.astype(np.float64), np.random.default_rng(1)
    optimizer, reference = rule(net.parameters, **options), torchs(twin.parameters(), **options)
    curves = []
    for _ in range(50):
        rows = rng.choice(len(x_train), 64, replace=False)
        x, y = x_train[rows], data.y_train[rows]
        loss, cache = network.cross_entropy(net.forward(x, training=True), y)
        net.backward(network.cross_entropy_backward(1.0, cache))
        optimizer.step(net.gradients)
        reference.zero_grad()
        wanted = nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y))
        wanted.backward()
        reference.step()
        curves.append((loss, wanted.item()))
    losses, wanted = np.transpose(curves)
    np.testing.assert_allclose(losses, wanted, rtol=0, atol=1e-6)  # issue 3 asks for 1e-6
    memory = (net.layers[1].running_mean, net.layers[1].running_var)
    for got, buffer in zip(memory, list(twin.buffers())[:2], strict=True):
        assert_near(got, buffer.numpy(), 1e-6)
    x_test = data.x_test.astype(np.float64)
    evaluated = twin.eval()(torch.from_numpy(x_test)).detach().numpy()
    assert_near(net.forward(x_test, training=False), evaluated, 1e-6)


def test_every_layer_fits_into_the_chain():
    rng = np.random.default_rng(0)
    net = network.Sequential(
        network.Conv2d(1, 3, (3, 3), rng, stride=2, padding=1), network.BatchNorm(3),
        network.Activation(*TANH), network.Flatten(), network.LayerNorm((48,)),
        network.Activation(network.sigmoid, network.sigmoid_backward), network.Linear(48, 5, rng),
    )  # fmt: skip
    x, dy = rng.normal(size=(6, 1, 8, 8)), rng.normal(size=(6, 5))
    moved = [rng.normal(size=array.shape) for array in (x, *net.parameters)]
    net.forward(x, training=True)
    gradients = [net.backward(dy), *net.gradients]
    start = [parameter.copy() for parameter in net.parameters]

    def value(step):
        for parameter, origin, along in zip(net.parameters, start, moved[1:], strict=True):
            parameter[...] = origin + step * along
        return np.sum(dy * net.forward(x + step * moved[0], training=True))

    # The step 1e-5 leaves errors below 1e-9; 1e-7 leaves room for the curvature.
    measured = (value(1e-5) - value(-1e-5)) / 2e-5
    parts = [np.sum(g * along) for g, along in zip(gradients, moved, strict=True)]
    assert abs(measured - sum(parts)) <= 1e-7 * max(map(abs, parts))


def test_weights_start_within_torchs_bounds():
    rng = np.random.default_rng(0)
    for layer, bound in ((network.Linear(25, 400, rng), 0.2),
                         (network.Conv2d(4, 400, (5, 5), rng), 0.1)):  # fmt: skip
        for parameter in layer.parameters:
            assert 0.95 * bound < np.abs(parameter).max() <= bound


@pytest.mark.parametrize(
    "layer", [network.Linear(2, 3, np.random.default_rng(0)), network.BatchNorm(3)]
)
def test_backward_before_forward_is_refused(layer):
    with pytest.raises(ValueError, match=r"expected a forward pass .+, got none; call \w+"):
        layer.backward(np.ones((2, 3)))


def test_evaluation_leaves_the_running_statistics():
    layer = network.BatchNorm(3)
    layer.forward(np.random.default_rng(0).normal(5, 2, (8, 3)), training=False)
    np.testing.assert_array_equal(layer.running_mean, np.zeros(3))
    np.testing.assert_array_equal(layer.running_var, np.ones(3))
