"""Deep nets side by side: each is a net of its own, trained as it would be alone."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.lab.deep_nets import DeepNets, rate_range, score, train_deep
from course_lib.lab.training import shuffled_batches


def batch(channels, nets):
    return nn.BatchNorm1d(channels)


def group(channels, nets):
    return nn.GroupNorm(nets, channels)


def data(n=24, copies=None):
    rng = np.random.default_rng(0)
    between = () if copies is None else (copies,)
    x = rng.normal(size=(n, *between, 64)).astype(np.float32)
    return x, rng.integers(0, 10, (n, *between))


def model(norm=None, scales=(0.5, 2.0), rates=(0.1, 0.3), copies=2, **kwargs):
    shape = {"depth": 2, "width": 5, "seed": 1, **kwargs}
    return DeepNets(norm, torch.tanh, scales=scales, rates=rates, copies=copies, **shape)


def alone(nets, scale, rate, copy):
    """Return one of the nets as torch's own layers, without norms."""
    index = np.ravel_multi_index((scale, rate, copy), nets.shape)
    layers = []
    for weight, bias in zip(nets.weights, nets.biases, strict=True):
        linear = nn.Linear(*weight.shape[1:])
        linear.weight.data, linear.bias.data = weight[index].T.clone(), bias[index, 0].clone()
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def test_logits_are_those_of_each_net_alone():
    nets, x = model(), torch.as_tensor(data()[0])
    logits = nets(x)
    assert logits.shape == (2, 2, 2, 24, 10)
    for index in np.ndindex(nets.shape):
        torch.testing.assert_close(logits[index], alone(nets, *index)(x))


def test_scales_multiply_the_same_hidden_weights_and_leave_the_readout():
    weights = [w.unflatten(0, (2, 2, 2)) for w in model().weights]
    torch.testing.assert_close(weights[1][1], 4 * weights[1][0])
    torch.testing.assert_close(weights[2][1], weights[2][0])
    assert not torch.allclose(weights[0][0, 0, 0], weights[0][0, 0, 1])


def test_scale_one_keeps_a_standard_input():
    weight = model(scales=[1.0], width=400).weights[1]
    assert weight.var().item() == pytest.approx(1 / 400, rel=0.03)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("index", [(0, 0, 0), (1, 0, 1), (1, 1, 0)])
def test_net_trains_as_it_does_alone(index, own):
    x, y = data(copies=2 if own else None)
    nets = model()
    single = alone(nets, *index)
    rule = torch.optim.SGD(single.parameters(), lr=nets.rates[index[1]].item())
    xs, ys = (torch.as_tensor(v[:, index[2]] if own else v) for v in (x, y))
    for rows in list(shuffled_batches(24, 8, 2, seed=7 + index[2]))[:5]:
        rule.zero_grad()
        nn.functional.cross_entropy(single(xs[rows]), ys[rows]).backward()
        rule.step()
    train_deep(nets, x, y, steps=5, batch_size=8, seed=7)
    torch.testing.assert_close(nets(torch.as_tensor(x))[index], single(xs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", [batch, group])
def test_net_with_a_norm_does_not_feel_the_others(norm):
    x, y = data()
    together = train_deep(model(norm), x, y, steps=4, batch_size=8)
    lone = train_deep(model(norm, scales=[2.0], rates=[0.3]), x, y, steps=4, batch_size=8)
    wanted = score(lone, x, x, y).loss[0, 0]
    np.testing.assert_allclose(score(together, x, x, y).loss[1, 1], wanted, rtol=1e-4)


def test_whole_takes_statistics_from_all_and_the_loss_from_the_batch():
    x, y = data()
    nets, seen = model(batch), []
    nets.norms[0].register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    before = train_deep(model(), x, y, steps=3, batch_size=8)
    after = train_deep(model(), x, y, steps=3, batch_size=8, whole=True)
    torch.testing.assert_close(after(torch.as_tensor(x)), before(torch.as_tensor(x)))
    train_deep(nets, x, y, steps=3, batch_size=8, whole=True)
    assert seen == [24, 24, 24]


def test_gain_decay_adds_its_gradient():
    x, y = data()
    gains = [
        train_deep(model(batch), x, y, steps=1, gain_decay=decay, batch_size=8).norms[1].weight
        for decay in (0.0, 0.2)
    ]
    rates = torch.tensor([0.1, 0.3])[None, :, None, None].expand(2, 2, 2, 5).flatten()
    torch.testing.assert_close(gains[1], gains[0] - 0.2 * rates)  # the gains began at 1


def test_score_uses_the_statistics_of_the_training_set():
    x, y = data()
    nets = train_deep(model(batch), x, y, steps=2, batch_size=8)
    score(nets, x, x[:3], y[:3])
    z = torch.as_tensor(x) @ nets.weights[0] + nets.biases[0]
    torch.testing.assert_close(nets.norms[0].running_mean, z.mean(1).flatten())
    torch.testing.assert_close(nets.norms[0].running_var, z.var(1).flatten())


def test_score_is_that_of_the_net_in_evaluation_without_dropout():
    x, y = data()
    nets = train_deep(model(batch, dropout=0.5), x, y, steps=2, batch_size=8)
    found = score(nets, x, x, y)
    assert nets.dropout == 0.5
    logits = nets.eval()(torch.as_tensor(x))[1, 0, 1]
    labels = torch.as_tensor(y)
    assert found.accuracy[1, 0, 1] == (logits.argmax(-1) == labels).double().mean().item()
    assert found.loss[1, 0, 1] == pytest.approx(nn.functional.cross_entropy(logits, labels).item())


def test_dropout_is_drawn_from_the_seed_and_leaves_the_global_state():
    x, y = data()
    state = torch.get_rng_state()
    first, second, plain = (
        train_deep(model(dropout=p), x, y, steps=2, batch_size=8, seed=3).weights[1]
        for p in (0.5, 0.5, 0.0)
    )
    torch.testing.assert_close(first, second)
    assert not torch.allclose(first, plain)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("accuracies", "wanted"),
    [
        ([90, 90, 90], 100),
        ([70, 90, 70], 10),
        ([90, 90, 70], 10**1.5),
        ([70, 79, 70], 0),
        ([85, 70, 90], 10 ** (1 - 0.5)),  # the far end does not belong to the best one's range
    ],
)
def test_rate_range_interpolates_between_rates(accuracies, wanted):
    assert rate_range([0.1, 1, 10], accuracies, 80) == pytest.approx(wanted)
