"""Nets side by side: each lane and copy is a net of its own, trained as it would be alone."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.lab.data import Split
from course_lib.lab.side_by_side import SideBySide, accuracies, train_side_by_side

NORMS = {
    "batch": lambda c, k: nn.BatchNorm2d(c * k),
    "group": lambda c, k: nn.GroupNorm(4 * k, c * k),
    "none": lambda c, k: nn.Identity(),
}


def split_of(n=24):
    rng = np.random.default_rng(0)
    x, y = rng.random((n, 64), dtype=np.float32), rng.integers(0, 10, n)
    return Split(x[: n // 2], y[: n // 2], x[n // 2 :], y[n // 2 :])


def model_of(norms=None, copies=2, pooled=True):
    return SideBySide(norms or list(NORMS.values()), copies, seed=1, pooled=pooled)


def trained(model, rates=0.1, seed=3):
    train_side_by_side(model, split_of(), seed=seed, rates=rates, epochs=2, batch_size=4)
    return model


@pytest.mark.parametrize("pooled", [True, False])
def test_one_example_gives_logits_for_each_lane_and_copy(pooled):
    assert model_of(pooled=pooled)(torch.rand(5, 64)).shape == (5, 3, 2, 10)


def test_copies_of_a_lane_differ_and_lanes_start_alike():
    logits = model_of([NORMS["group"]] * 2)(torch.rand(5, 64))
    torch.testing.assert_close(logits[:, 0], logits[:, 1])
    assert not torch.allclose(logits[:, 0, 0], logits[:, 0, 1])


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("lane", range(3))
def test_lane_trains_as_it_does_alone(lane, pooled):
    together = trained(model_of(pooled=pooled))
    alone = trained(model_of([list(NORMS.values())[lane]], pooled=pooled))
    x = torch.rand(5, 64)
    torch.testing.assert_close(together.eval()(x)[:, lane], alone.eval()(x)[:, 0])


def test_each_copy_gets_its_own_images():
    model = model_of().eval()
    x = torch.rand(5, 2, 64)
    own = model(x)
    for copy in range(2):
        torch.testing.assert_close(own[:, :, copy], model(x[:, copy])[:, :, copy])


def test_rates_belong_to_lanes():
    norms = [NORMS["group"]] * 2
    x = torch.rand(5, 64)
    logits = trained(model_of(norms), rates=[0.0, 0.1]).eval()(x)
    torch.testing.assert_close(logits[:, 0], model_of(norms).eval()(x)[:, 0])
    torch.testing.assert_close(logits[:, 1], trained(model_of(norms)).eval()(x)[:, 1])


def test_rate_is_that_of_plain_sgd_on_the_mean_loss():
    model, split = model_of([NORMS["none"]], copies=1), split_of(8)
    x, y = torch.as_tensor(split.x_train), torch.as_tensor(split.y_train)
    before = [p.detach().clone() for p in model.parameters()]
    loss = nn.functional.cross_entropy(model(x)[:, 0, 0], y)
    gradients = torch.autograd.grad(loss, model.parameters())
    wanted = [p - 0.1 * g for p, g in zip(before, gradients, strict=True)]
    train_side_by_side(model, split, seed=0, rates=0.1, epochs=1, batch_size=4)
    torch.testing.assert_close([p.detach() for p in model.parameters()], wanted)


def test_accuracies_are_shares_of_right_answers():
    model, split = trained(model_of()), split_of()
    x, y = torch.as_tensor(split.x_test), torch.as_tensor(split.y_test)
    right = model.eval()(x)[:, 2, 1].argmax(1) == y
    assert accuracies(model, x, y)[2, 1] == right.double().mean().item()


def test_batch_statistics_are_used_and_leave_no_trace():
    model, split = trained(model_of()), split_of()
    x, y = split.x_test, split.y_test
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with_batches = accuracies(model, x, y, batch_size=2)
    without = accuracies(model, x, y)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    np.testing.assert_array_equal(with_batches[1:], without[1:])
    assert (with_batches[0] != without[0]).any()
