"""Dense nets side by side: each is the net that it would be alone, on batches as asked for."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.lab import dense_nets as lab
from course_lib.lab.data import Split
from course_lib.lab.training import recalibrate
from course_lib.torch_layers import BatchNorm1d, GroupNorm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 64)).astype(np.float32)
Y = np.repeat(np.arange(10), 6)
SPLIT = Split(X, Y, X, Y)
NORMS = [
    lambda units, nets: BatchNorm1d(units * nets),
    lambda units, nets: GroupNorm(nets, units * nets),
]
RATES = [0.1, 0.3]


def trained(norms=NORMS, rates=RATES, **options):
    model = lab.DenseNets(norms, rates, seed=3)
    lab.train_nets(model, lab.random_batches(SPLIT, 6, epochs=2, seed=5), **options)
    return model


def alone(norm, copy_number, rate, frozen=False):
    """Train one plain net as one of those side by side, with autograd's own step."""
    start = lab.DenseNets([NORMS[0]], [1.0], seed=3)
    layers = []
    for layer, weight in enumerate(start.weights):
        linear = nn.Linear(64, weight.shape[2])
        linear.weight.data, linear.bias.data = (
            weight[copy_number].detach().T.clone(),
            torch.zeros(weight.shape[2]),
        )
        layers += [linear, NORMS[norm](64, 1), nn.ReLU()] if layer < 2 else [linear]
    net = nn.Sequential(*layers).train(not frozen)
    rule = torch.optim.SGD(net.parameters(), lr=rate)
    for x, y in lab.random_batches(SPLIT, 6, epochs=2, seed=5):
        rule.zero_grad()
        nn.functional.cross_entropy(net(x[:, copy_number]), y[:, copy_number]).backward()
        rule.step()
    return net


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(("norm", "rate", "copy_number"), [(0, 0, 2), (0, 1, 0), (1, 1, 1)])
def test_net_is_the_one_it_would_be_alone(norm, rate, copy_number, frozen):
    together = trained(frozen=frozen).eval()(torch.from_numpy(X))[:, norm, rate, copy_number]
    net = alone(norm, copy_number, RATES[rate], frozen).eval()
    torch.testing.assert_close(together, net(torch.from_numpy(X)), rtol=1e-3, atol=1e-4)


def test_copies_start_from_other_weights_and_norms_from_the_same():
    model = lab.DenseNets(NORMS, RATES, seed=3)
    weights = model.weights[0].detach().unflatten(0, (2, 2, 3))
    assert (weights == weights[:1, :1]).all()
    assert not torch.equal(weights[0, 0, 0], weights[0, 0, 1])


def test_unlabelled_examples_do_not_count_in_the_loss():
    x, y = next(lab.random_batches(SPLIT, 6, epochs=1))
    model = lab.DenseNets(NORMS[1:], RATES, seed=3)  # layer norm: the others have no influence
    fewer = copy.deepcopy(model)
    lab.train_nets(fewer, [(x[:4], y[:4])])
    y[4:] = lab.UNLABELLED
    lab.train_nets(model, [(x, y)])
    for ours, theirs in zip(model.parameters(), fewer.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_batches_hold_as_many_classes_as_asked(classes):
    for x, y in lab.batches_of_classes(X, Y, 10, classes, steps=20):
        assert x.shape == (10, 3, 64)
        for column in y.T:
            counts = np.unique(column, return_counts=True)[1]
            assert counts.tolist() == [10 // classes] * classes


def test_examples_keep_their_labels():
    for x, y in lab.batches_of_classes(X, Y, 10, 2, steps=3):
        for row, label in zip(x.flatten(0, 1), y.flatten(), strict=True):
            assert Y[(row.numpy() == X).all(1)] == label.item()


def test_copies_see_other_batches():
    _, y = next(lab.batches_of_classes(X, Y, 30, 5, steps=1))
    assert not torch.equal(y[:, 0], y[:, 1])


def test_uneven_request_is_refused():
    with pytest.raises(ValueError, match=r"multiple of classes=3.*got size=10"):
        next(lab.batches_of_classes(X, Y, 10, 3, steps=1))


def test_measuring_leaves_the_model_as_it_is():
    model = trained()
    before = copy.deepcopy(model.state_dict())
    batches = list(lab.random_batches(SPLIT, 6, epochs=1))
    lab.accuracies(model, X, Y)
    lab.accuracies_in(model, batches)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_accuracy_counts_labelled_examples_in_the_mode_asked_for():
    model = trained()
    x, y = next(lab.random_batches(SPLIT, 20, epochs=1))
    y[:5] = lab.UNLABELLED
    for training in (True, False):
        right = copy.deepcopy(model).train(training)(x).argmax(-1)[5:] == y[5:, None, None]
        wanted = right.double().mean(0)
        got = lab.accuracies_in(model, [(x, y)], training)
        np.testing.assert_allclose(got, wanted)


def test_recalibration_reaches_all_batch_norms():
    model = trained()
    recalibrate(model, X, 60)
    inputs = torch.from_numpy(X) @ model.weights[0][0] + model.biases[0][0]
    got = model.norms[0].layers[0].running_mean[:64]
    torch.testing.assert_close(got, inputs.mean(0).detach(), rtol=1e-4, atol=1e-5)
