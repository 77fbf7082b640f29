"""Signals in deep random nets: the simulation, its theory, and the exercise's checks."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from mutants import assert_seen, planted

from course_lib.grading.answers import signal_propagation as answers
from course_lib.grading.check import CheckFailed, check, load_question
from course_lib.grading.checks import signal_propagation as checks
from course_lib.lab import signals

QUESTIONS = [
    "xavier_std",
    "he_std",
    "leaky_step",
    "tanh_step",
    "gradient_norms",
    "fixed_point",
    "critical_scale",
    "layers_to_leave_float16",
]
TORCH = {
    "linear": lambda z: z,
    "ReLU": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
WIDTHS = [7, 12, 9, 9, 5]  # unequal, so that a transposed weight cannot pass


def random_net(seed, name):
    rng = np.random.default_rng(seed)
    weights = signals.draw_weights(rng, WIDTHS, scale=1.3)
    biases = [rng.normal(size=n) for n in WIDTHS[1:]]
    return rng.normal(size=(4, 7)), rng.normal(size=(4, 5)), weights, biases, name


def torch_gradients(x, upstream, weights, biases, name):
    pre, h = [], torch.tensor(x)
    for weight, bias in zip(weights, biases, strict=True):
        pre.append((h @ torch.tensor(weight).T + torch.tensor(bias)).requires_grad_())
        pre[-1].retain_grad()
        h = TORCH[name](pre[-1])
    pre[-1].backward(torch.tensor(upstream))
    return [z.detach().numpy() for z in pre], [z.grad.numpy() for z in pre]


def assert_all_close(got, wanted):
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)  # float64 on both sides


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("seed", range(3))
def test_forward_and_backward_match_autograd(name, seed):
    x, upstream, weights, biases, name = random_net(seed, name)
    pre, deltas = torch_gradients(x, upstream, weights, biases, name)
    act = signals.ACTIVATIONS[name]
    ours = signals.forward(x, weights, act, biases)
    assert_all_close(ours, pre)
    assert_all_close(signals.backward(upstream, ours, weights, act), deltas)


gradients = partial(test_forward_and_backward_match_autograd, "tanh", 0)


@planted(
    ("slope of the net's tanh", "lab.signals", right, wrong, gradients)
    for right, wrong in [
        ("* act.slope(z))", "* act.slope(act.value(z)))"),
        ("* act.slope(z))", ")"),
        ("deltas[::-1]", "deltas"),
    ]
)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)


@pytest.mark.parametrize("name", TORCH)
def test_jacobian_matches_autograd(name):
    x, _, weights, _, _ = random_net(1, name)

    def net(h):
        for number, weight in enumerate(weights):
            h = torch.tensor(weight) @ (TORCH[name](h) if number else h)
        return h

    wanted = torch.autograd.functional.jacobian(net, torch.tensor(x[0])).numpy()
    got = signals.jacobian(x[0], weights, signals.ACTIVATIONS[name])
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", TORCH)
def test_activation_matches_torch(name):
    z = np.array([-40.0, -3.0, -0.1, 0.2, 5.0, 40.0])
    act = signals.ACTIVATIONS[name]
    tensor = torch.tensor(z, requires_grad=True)
    value = TORCH[name](tensor)
    value.sum().backward()
    np.testing.assert_allclose(act.value(z), value.detach().numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(act.slope(z), tensor.grad.numpy(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("power", [2, 4, 6])
def test_normal_mean_has_the_moments_of_the_normal(power):
    wanted = math.prod(range(1, power, 2)) * 1.7**power
    assert signals.normal_mean(lambda z: z**power, 1.7) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0])
def test_relu_step_has_its_closed_form(q):
    relu = signals.ACTIVATIONS["ReLU"]
    assert signals.next_variance(q, 1.5, relu, 0.3) == pytest.approx(1.125 * q + 0.09, rel=1e-10)
    assert signals.gradient_growth(q, 1.5, relu) == pytest.approx(1.125, rel=1e-10)


def test_orthogonal_weights_are_orthogonal():
    for weight in signals.draw_weights(np.random.default_rng(0), [6] * 4, 1.5, orthogonal=True):
        np.testing.assert_allclose(weight @ weight.T, 2.25 * np.eye(6), atol=1e-12)


def test_gaussian_weights_have_the_variance_of_their_fan_in():
    (weight,) = signals.draw_weights(np.random.default_rng(0), [900, 400], 1.5)
    assert weight.shape == (400, 900)
    # 360,000 numbers: the mean square has a relative standard error of 0.24%.
    assert np.mean(weight**2) == pytest.approx(2.25 / 900, rel=0.02)


@pytest.mark.parametrize("name", TORCH)
def test_theory_predicts_a_wide_net(name):
    rng = np.random.default_rng(0)
    act = signals.ACTIVATIONS[name]
    weights = signals.draw_weights(rng, [1000] * 6, 1.2)
    pre = signals.forward(rng.normal(size=(20, 1000)), weights, act)
    deltas = signals.backward(rng.normal(size=(20, 1000)), pre, weights, act)
    measured = np.mean(deltas[0] ** 2) / np.mean(deltas[-1] ** 2)
    # Relative fluctuations are of order sqrt(depth / width), 7%.
    assert measured == pytest.approx(signals.growth_per_layer(1.2, act, 5).prod(), rel=0.3)


def test_correlation_of_a_relu_layer_has_its_closed_form():
    # Arc-cosine kernel: (sin t + (pi - t) cos t) / pi for inputs at the angle t.
    angle = 1.1
    wanted = (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
    relu = signals.ACTIVATIONS["ReLU"]
    got = signals.next_correlation(math.cos(angle), 2.0, 1.3, relu)
    assert got == pytest.approx(wanted, rel=1e-3)  # the kinks are lines in the plane


@pytest.mark.parametrize("c", [0.0, 0.3, 1.0])
def test_a_linear_layer_keeps_the_correlation(c):
    assert signals.next_correlation(c, 2.0, 0.7, signals.ACTIVATIONS["linear"]) == pytest.approx(c)


def test_evenness_is_the_share_of_equal_singular_values():
    assert signals.evenness(3 * np.eye(8)) == pytest.approx(1)
    assert signals.evenness(np.diag([2.0, 2, 0, 0, 0, 0, 0, 0])) == pytest.approx(0.25)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("shape", [(30, 50), (8, 6, 3, 3)])
def test_scales_are_those_of_torch(shape, backward):
    torch.manual_seed(0)
    weight = torch.empty(4000, *shape[1:]) if not backward else torch.empty(shape[0], 4000)
    mode = "fan_out" if backward else "fan_in"
    torch.nn.init.kaiming_normal_(weight, a=0.5, mode=mode)
    wanted = answers.he_std(np.array(weight.shape), 0.5, backward)
    assert weight.std().item() == pytest.approx(wanted, rel=0.02)


def test_critical_scale_is_critical():
    scale = answers.critical_scale(0.4)
    q = answers.fixed_point(scale, 0.4)
    assert answers.tanh_step(q, scale, 0.4) == pytest.approx((q, 1.0))


@pytest.mark.parametrize("question", QUESTIONS)
def test_right_answer_earns_full_marks_for_every_seed(question, monkeypatch):
    points = sum(criterion.points for criterion in load_question(f"signal_propagation.{question}"))
    for seed in range(50):
        monkeypatch.setenv("COURSE_SEED", str(seed))
        answer = getattr(answers, question)
        assert check(f"signal_propagation.{question}", answer, hidden=True) == points


MISTAKES = [
    pytest.param(criterion, mistake, id=f"{question}: {criterion.label}: {mistake.hint}")
    for question in QUESTIONS
    for criterion in load_question(f"signal_propagation.{question}")
    for mistake in criterion.mistakes
]


@pytest.mark.parametrize(("criterion", "mistake"), MISTAKES)
def test_mistake_is_rejected_by_its_name(criterion, mistake, monkeypatch, capsys):
    monkeypatch.setattr(checks, "asked", (criterion,), raising=False)  # a question of its own
    for seed in range(10):
        monkeypatch.setenv("COURSE_SEED", str(seed))
        with pytest.raises(CheckFailed, match="0 of"):
            check("signal_propagation.asked", mistake.wrong, hidden=True)
        assert mistake.hint in " ".join(capsys.readouterr().out.split())
