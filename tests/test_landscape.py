"""The probe along the gradient and the training by rule: known losses, lengths by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.lab import landscape
from course_lib.lab.data import Split
from course_lib.torch_layers import BatchNorm1d

RNG = np.random.default_rng(0)
X, Y = torch.from_numpy(RNG.normal(size=(64, 6))), torch.from_numpy(RNG.integers(0, 3, 64))
SPLIT = Split(X.numpy(), Y.numpy(), X.numpy(), Y.numpy())
RATES = torch.tensor([0.1, 0.5], dtype=torch.float64)


def classifier(*, scale=1.0):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), BatchNorm1d(5, eps=1e-20), nn.ReLU(), nn.Linear(5, 3))
    with torch.no_grad():
        model[0].weight *= scale
    return model.double()


def loss_at(model, weight):
    with torch.no_grad():
        model[0].weight.copy_(weight)
    model.zero_grad()
    loss = nn.functional.cross_entropy(model(X), Y)
    loss.backward()
    return loss.detach(), model[0].weight.grad.clone()


def test_probe_is_a_walk_by_hand():
    model = classifier()
    seen, w = landscape.probe(model, X, Y, RATES), model[0].weight.detach().clone()
    start, g = loss_at(model, w)
    for number, rate in enumerate(RATES):
        loss, moved = loss_at(model, w - rate * g)
        torch.testing.assert_close(seen.loss[number], loss - start)
        torch.testing.assert_close(seen.change[number], (moved - g).norm())
    torch.testing.assert_close(seen.gradient, g.norm())
    torch.testing.assert_close(seen.weight, w.norm())
    torch.testing.assert_close(seen.smoothness, (seen.change / (RATES * g.norm())).max())


def test_probe_leaves_the_model_as_it_is():
    model = classifier()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    landscape.probe(model, X, Y, RATES)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


def test_relative_walk_does_not_see_the_length():
    short, long = (
        landscape.probe(classifier(scale=scale), X, Y, RATES, relative=True) for scale in (1, 10)
    )
    torch.testing.assert_close(short.loss, long.loss)
    torch.testing.assert_close(short.smoothness, 100 * long.smoothness)
    torch.testing.assert_close(short.rates * short.gradient, RATES * short.weight)


@pytest.mark.parametrize("factor", [1.0, 0.9])
def test_rule_of_sgd_is_sgd_and_the_trace_is_that_of_its_step(factor):
    model, twin = classifier(), classifier()
    trace = landscape.train_by_rule(
        model,
        SPLIT,
        lambda step, w, g: factor * w - 0.2 * g,
        seed=0,
        epochs=1,
        learning_rate=0.2,
    )
    twin.train()
    w = twin[0].weight.detach().clone()
    nn.functional.cross_entropy(twin(X), Y).backward()
    g = twin[0].weight.grad
    torch.testing.assert_close(model[0].weight.detach(), factor * w - 0.2 * g)
    head = twin[3].weight
    torch.testing.assert_close(model[3].weight, head - 0.2 * head.grad)
    length, pull = w.norm(dim=1), w.norm(dim=1) * g.norm(dim=1)
    angle = (0.2 * g.norm(dim=1) / (factor * length)).arctan()
    wanted = [part.square().mean().sqrt() for part in (length, angle, pull)]
    for got, value in zip(trace, wanted, strict=True):
        assert got.shape == (1, 1)
        torch.testing.assert_close(got[0, 0], value, rtol=1e-6, atol=1e-9)


def test_hidden_weights_are_all_matrices_but_the_last():
    assert list(landscape.hidden_weights(classifier())) == ["0.weight"]
