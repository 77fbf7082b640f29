"""The two measures of internal covariate shift: known cases, hand-made gradients, no traces."""

from functools import partial

import numpy as np
import pytest
import torch
from mutants import assert_seen, planted
from outcomes import assert_near
from torch import nn

from course_lib.lab import shift
from course_lib.lab.data import Split
from course_lib.torch_layers import BatchNorm1d

RNG = np.random.default_rng(0)


def tensor(*shape):
    return torch.from_numpy(RNG.normal(size=shape))


def parameters(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_activation_shift_is_scipys_distance_over_the_spread():
    from scipy.stats import wasserstein_distance

    before, after = tensor(30, 4) * 3, tensor(30, 4) + 2
    wanted = [
        wasserstein_distance(old, new) / old.std()
        for old, new in zip(before.T.numpy(), after.T.numpy(), strict=True)
    ]
    assert_near(shift.activation_shift(before, after), wanted, 1e-12)


def test_examples_that_change_places_move_nothing():
    before = tensor(30, 4)
    assert (shift.activation_shift(before, before[torch.randperm(30)]) == 0).all()


def test_constant_unit_moves_by_nothing_or_infinity():
    before = torch.ones(5, 2)
    after = before + torch.tensor([0.0, 1.0])
    assert shift.activation_shift(before, after).tolist() == [0, np.inf]


def test_activation_shift_refuses_other_examples():
    with pytest.raises(ValueError, match=r"one shape \(n, units\), got \(5, 2\) and \(4, 2\)"):
        shift.activation_shift(torch.ones(5, 2), torch.ones(4, 2))


def two_layers():
    """Return a net of two linear layers, its parameters before and after, and a batch."""
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)).double()
    before = parameters(model)
    after = {name: value + 0.3 * tensor(*value.shape) for name, value in before.items()}
    return model, before, after, tensor(7, 4), torch.from_numpy(RNG.integers(0, 3, 7))


def hand_made(first, second, x, y):
    """Return the gradient of the second weight: (softmax − one-hot)ᵀ h / n."""
    h = x @ first["0.weight"].T + first["0.bias"]
    logits = h @ second["1.weight"].T + second["1.bias"]
    error = logits.softmax(1) - nn.functional.one_hot(y, 3)
    return (error.T @ h / len(x)).flatten()


def test_gradients_differ_by_the_update_of_the_layer_in_front():
    model, before, after, x, y = two_layers()
    g, moved = shift.gradient_shift(model, "1.weight", before, after, x, y)
    assert_near(g, hand_made(before, before, x, y), 1e-12)
    assert_near(moved, hand_made(after, before, x, y), 1e-12)


def test_first_layer_has_nothing_in_front():
    model, before, after, x, y = two_layers()
    g, moved = shift.gradient_shift(model, "0.weight", before, after, x, y)
    assert torch.equal(g, moved)
    assert g.norm() > 0


def normed(*noise):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), BatchNorm1d(6), *noise, nn.Linear(6, 3))


def noisy():
    return normed(nn.Dropout())


def test_measuring_leaves_model_and_random_numbers_alone():
    model, x, y = noisy(), torch.randn(8, 4), torch.arange(8) % 3
    state = {name: value.clone() for name, value in model.state_dict().items()}
    seed = torch.get_rng_state()
    shift.layer_inputs(model, x)
    shift.gradient_shift(model, "3.weight", parameters(model), parameters(model), x, y)
    assert torch.equal(torch.get_rng_state(), seed)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_both_gradients_see_the_same_noise():
    model, x, y = noisy(), torch.randn(8, 4), torch.arange(8) % 3
    g, moved = shift.gradient_shift(model, "3.weight", parameters(model), parameters(model), x, y)
    assert torch.equal(g, moved)


def test_layer_inputs_are_those_of_the_linear_layers_but_the_first():
    model, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), torch.randn(8, 4)
    (inputs,) = shift.layer_inputs(model, x)
    assert torch.equal(inputs, model[0](x).relu())


def measured(steps, rate=0.1):
    x = RNG.normal(size=(300, 4)).astype(np.float32)
    split = Split(x, RNG.integers(0, 3, 300), x[:9], np.zeros(9, np.int64))
    return shift.train_measured(normed(), split, steps, seed=0, epochs=1, learning_rate=rate)


def test_one_row_a_measured_step_and_one_column_a_layer():
    assert [part.shape for part in measured((1, 3, 4))] == [(3, 1)] * 3


def test_net_that_does_not_move_does_not_shift():
    still = measured((1, 3), rate=0.0)
    assert still.activation.max() == 0
    assert still.distance.max() == 0
    assert_near(still.cosine, np.ones((2, 1)), 1e-6)


HERE = "lab.shift"
ERRORS = [
    ("examples paired, not sorted", "(before.sort(0).values - after.sort(0).values)",
     "(before - after)", test_examples_that_change_places_move_nothing),
    ("spread after the update", "/ before.std", "/ after.std",
     test_activation_shift_is_scipys_distance_over_the_spread),
    ("the layer itself is updated", "names[: names.index(weight)]", "names",
     test_gradients_differ_by_the_update_of_the_layer_in_front),
    ("nothing is updated", "names[: names.index(weight)]", "()",
     test_gradients_differ_by_the_update_of_the_layer_in_front),
    ("other noise for G′", "with torch.random.fork_rng():  # G", "if True:  # G",
     test_both_gradients_see_the_same_noise),
]  # fmt: skip


@planted([(name, HERE, right, wrong, claim) for name, right, wrong, claim in ERRORS])
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, partial(claim))
