"""The training loop: seeded, complete in its history, and without traces in the model."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.lab.data import Split
from course_lib.lab.training import (
    History,
    accuracy,
    recalibrate,
    shuffled_batches,
    to_tensors,
    train,
)
from course_lib.torch_layers import BatchNorm1d


def split_of(n=22, d=4, classes=3):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n + 10, d)).astype(np.float32), rng.integers(0, classes, n + 10)
    return Split(x[:n], y[:n], x[n:], y[n:])


def model_of(d=4, classes=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(d, 8), BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes))


def trained(**options):
    model = model_of()
    options = {"seed": 1, "epochs": 3, "batch_size": 5} | options
    return model, train(model, split_of(), **options)


def test_same_seed_gives_the_same_history():
    assert trained()[1] == trained()[1]


def test_same_seed_gives_the_same_model():
    first, second = trained()[0].state_dict(), trained()[0].state_dict()
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_another_seed_gives_another_order():
    assert trained(seed=1)[1].loss != trained(seed=2)[1].loss


def test_callers_random_state_is_not_touched():
    model, split = model_of(), split_of()
    before = torch.get_rng_state()
    train(model, split, seed=1, epochs=1, batch_size=5)
    assert torch.equal(torch.get_rng_state(), before)


def test_history_has_a_loss_for_each_step():
    assert len(trained()[1].loss) == 3 * (22 // 5)


def test_history_has_an_accuracy_for_each_epoch():
    assert len(trained()[1].accuracy) == 3


def test_training_learns_a_separable_set():
    split = split_of(n=60)
    labels = [(x[:, 0] > 0).astype(np.int64) for x in (split.x_train, split.x_test)]
    split = Split(split.x_train, labels[0], split.x_test, labels[1])
    history = train(model_of(), split, seed=0, epochs=20, batch_size=20)
    assert history.loss[-1] < 0.5 * history.loss[0]


def test_training_stops_when_the_loss_is_not_finite():
    model = nn.Linear(4, 3)
    # float32 ends at 3e38: the inputs of size 100 make the second step's outputs overflow.
    split = split_of()
    split = split._replace(x_train=100 * split.x_train)
    history = train(model, split, seed=1, epochs=3, batch_size=5, learning_rate=1e37)
    assert history.diverged
    assert all(map(math.isfinite, history.loss[:-1]))
    assert len(history.loss) < 12


@pytest.mark.parametrize(
    ("loss", "diverged"), [([], False), ([1.0], False), ([1.0, math.nan], True), ([math.inf], True)]
)
def test_history_knows_whether_it_diverged(loss, diverged):
    assert History(loss).diverged is diverged


def test_last_incomplete_batch_is_left_out():
    batches = list(shuffled_batches(22, 5, 2, seed=0))
    assert [len(rows) for rows in batches] == [5] * 8


def test_no_example_comes_twice_in_an_epoch():
    rows = torch.cat(list(shuffled_batches(20, 5, 1, seed=0)))
    assert sorted(rows.tolist()) == list(range(20))


def test_every_epoch_has_an_order_of_its_own():
    first, second = shuffled_batches(20, 20, 2, seed=0)
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("batch_size", [0, -1, 23])
def test_impossible_batch_size_is_refused(batch_size):
    with pytest.raises(
        ValueError, match=rf"expected a batch size from 1 to 22, .+, got {batch_size}"
    ):
        trained(batch_size=batch_size)


def test_after_step_sees_every_step_and_the_model():
    seen = []
    model, history = trained(after_step=lambda step, model: seen.append((step, id(model))))
    assert seen == [(step, id(model)) for step in range(1, len(history.loss) + 1)]


def test_optimizer_of_the_caller_is_used():
    seen = []

    class Recorded(torch.optim.Adam):
        def step(self, closure=None):
            seen.append(self.defaults["lr"])
            return super().step(closure)

    trained(optimizer=Recorded, learning_rate=0.01, epochs=1)
    assert seen == [0.01] * 4


@pytest.mark.parametrize("was_training", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_accuracy_leaves_the_mode(was_training, training):
    model, split = model_of().train(was_training), split_of()
    accuracy(model, split.x_test, split.y_test, training=training)
    assert {module.training for module in model.modules()} == {was_training}


@pytest.mark.parametrize("training", [True, False])
def test_accuracy_leaves_the_state(training):
    model, split = model_of(), split_of()
    before = copy.deepcopy(model.state_dict())
    accuracy(model, split.x_test, split.y_test, training=training)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_accuracy_is_the_share_of_right_answers():
    x = np.eye(3, dtype=np.float32)
    model = nn.Linear(3, 3, bias=False)
    nn.init.eye_(model.weight)
    assert accuracy(model, x, np.array([0, 1, 0])) == pytest.approx(2 / 3)


def test_accuracy_with_batch_statistics_differs_from_the_running_ones():
    model, split = nn.Sequential(BatchNorm1d(4), nn.Linear(4, 3)), split_of(n=200)
    x, y = split.x_train * 100 + 1000, split.y_train
    with torch.no_grad():
        model[1].bias[:] = torch.tensor([0.0, 0.0, 1.0])
    shares = [accuracy(model, x, y, training=training) for training in (True, False)]
    assert shares[0] != shares[1]


def test_tensors_keep_the_dtype():
    x, y = to_tensors(np.zeros((2, 3), np.float32), np.zeros(2, np.int64))
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)


def test_recalibrated_mean_is_the_mean_of_the_examples():
    layer, x = BatchNorm1d(4).double(), split_of(n=20).x_train.astype(np.float64)
    recalibrate(nn.Sequential(layer), x, batch_size=5)
    np.testing.assert_allclose(layer.running_mean, x.mean(0), rtol=1e-12)


def test_recalibrated_variance_is_the_mean_over_the_batches():
    layer, x = BatchNorm1d(4).double(), split_of(n=20).x_train.astype(np.float64)
    recalibrate(nn.Sequential(layer), x, batch_size=5)
    parts = [x[rows].var(0, ddof=1) for rows in shuffled_batches(20, 5, epochs=1, seed=0)]
    np.testing.assert_allclose(layer.running_var, np.mean(parts, 0), rtol=1e-12)


@pytest.mark.parametrize("was_training", [True, False])
def test_recalibration_leaves_mode_momentum_and_weights(was_training):
    model = model_of().train(was_training)
    before = copy.deepcopy(list(model.parameters()))
    recalibrate(model, split_of().x_train, batch_size=5)
    assert (model.training, model[1].momentum) == (was_training, 0.1)
    torch.testing.assert_close(list(model.parameters()), before, rtol=0, atol=0)


def test_recalibration_leaves_a_layer_without_memory_alone():
    model = nn.Sequential(BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 3))
    recalibrate(model, split_of().x_train, batch_size=5)
    assert list(model.buffers()) == []
