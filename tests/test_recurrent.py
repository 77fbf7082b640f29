"""The LSTMs of the lab: equal to torch's and to the paper's cell, independent of one another."""

import numpy as np
import pytest
import torch
from mutants import assert_seen, planted
from torch import nn

from course_lib import torch_layers
from course_lib.lab import recurrent

INPUTS, HIDDEN, CLASSES, STEPS, EXAMPLES = 3, 5, 4, 6, 7


def build(seeds=(0, 1), normalize=False, **options):
    return recurrent.LSTMs(INPUTS, HIDDEN, CLASSES, seeds, normalize=normalize, **options)


def task(n=EXAMPLES):
    generator = torch.Generator().manual_seed(9)
    x = torch.randn(n, STEPS, INPUTS, generator=generator)
    return x, torch.randint(CLASSES, (n,), generator=generator)


def side_by_side(model, x):
    """Return x (n, steps, inputs) for every net, (seeds, steps, n, inputs)."""
    return x.transpose(0, 1).expand(len(model.w_x), -1, -1, -1)


def torch_order(weight):
    """Reorder gates from f, i, o, g to torch's i, f, g, o, along the last axis."""
    f, i, o, g = weight.detach().chunk(4, -1)
    return torch.cat([i, f, g, o], -1)


def plain_net_is_torchs():
    model, (x, _) = build(forget_bias=1.5), task()
    logits = model(side_by_side(model, x))
    for net in range(2):
        theirs = nn.LSTM(INPUTS, HIDDEN)
        with torch.no_grad():
            theirs.weight_ih_l0.copy_(torch_order(model.w_x[net]).T)
            theirs.weight_hh_l0.copy_(torch_order(model.w_h[net]).T)
            theirs.bias_ih_l0.copy_(torch_order(model.b[net, 0]))
            theirs.bias_hh_l0.zero_()
        states, _ = theirs(x.transpose(0, 1))
        wanted = states[-1] @ model.w_out[net] + model.b_out[net]
        torch.testing.assert_close(logits[net], wanted, rtol=1e-5, atol=1e-6)


def random_gains(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("gain", "shift", "b")):
                parameter.copy_(torch.rand_like(parameter) + 0.5)
    return model


def normalized_step_is_the_papers():
    model, (x, _) = random_gains(build(normalize=True)), task()
    cells = []
    logits = model(side_by_side(model, x), cells)

    def norm(z, weight, bias=None):
        return torch_layers.layer_norm(z, z.shape[-1:], weight, bias)

    h = c = torch.zeros(EXAMPLES, HIDDEN)
    for step in range(STEPS):
        gates = norm(h @ model.w_h[1], model.gain_h[1, 0]) + model.b[1, 0]
        gates = gates + norm(x[:, step] @ model.w_x[1], model.gain_x[1, 0])
        f, i, o, g = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * norm(c, model.gain_c[1, 0], model.shift_c[1, 0]).tanh()
        torch.testing.assert_close(cells[step][1], c, rtol=1e-4, atol=1e-5)
    wanted = h @ model.w_out[1] + model.b_out[1]
    torch.testing.assert_close(logits[1], wanted, rtol=1e-4, atol=1e-5)


def test_plain_net_equals_torchs_lstm():
    plain_net_is_torchs()


def test_normalized_net_equals_the_papers_equations():
    normalized_step_is_the_papers()


@planted(
    ("the normalized step", "lab.recurrent", right, wrong, normalized_step_is_the_papers)
    for right, wrong in [
        ('self.gained(h @ self.w_h, "h")', "h @ self.w_h"),
        ('self.gained(c, "c") + self.shift_c', 'self.gained(c, "c")'),
        ('self.gained(x.flatten(1, 2) @ self.w_x, "x")', "x.flatten(1, 2) @ self.w_x"),
        ("c = f * c + i * torch", "c = i * c + f * torch"),
    ]
)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)


def trained_weights(seeds, normalize):
    model, (x, y) = build(seeds, normalize), task(40)
    recurrent.train(model, x, y, seeds, epochs=2, learning_rate=0.01, batch_size=8)
    return dict(model.named_parameters())


@pytest.mark.parametrize("normalize", [False, True])
def test_a_net_trains_beside_others_as_it_does_alone(normalize):
    alone, beside = (trained_weights(seeds, normalize) for seeds in ((1,), (0, 1)))
    for name, parameter in alone.items():
        torch.testing.assert_close(beside[name][1:], parameter, rtol=1e-4, atol=1e-5)


def test_training_shortens_long_gradients_and_no_others():
    model, (x, y) = build(), task(8)
    seen = []
    with torch.no_grad():
        model.w_out[0] *= 100
    rule = torch.optim.Adam.step

    def step(self):
        squares = sum(p.grad.square().flatten(1).sum(1) for p in model.parameters())
        seen.append(squares.sqrt())
        return rule(self)

    before = recurrent.total_loss(model, x.expand(2, -1, -1, -1), y.expand(2, -1))
    before.backward()
    raw = sum(p.grad.square().flatten(1).sum(1) for p in model.parameters()).sqrt()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", step)
        recurrent.train(model, x, y, (0, 1), epochs=1, learning_rate=0.01, batch_size=8)
    assert raw[0] > 1 > raw[1]
    torch.testing.assert_close(seen[0], raw.clamp(max=1), rtol=1e-4, atol=1e-5)


def test_gradient_over_time_is_each_cells_own():
    model, (x, y) = build((3,), normalize=True), task()
    norms = recurrent.gradient_over_time(model, x, y)
    assert norms.shape == (1, STEPS)
    cells = []
    loss = nn.functional.cross_entropy(model(side_by_side(model, x), cells)[0], y)
    wanted = [torch.autograd.grad(loss, c, retain_graph=True)[0].norm() for c in cells]
    torch.testing.assert_close(norms[0], torch.stack(wanted))


def test_readout_is_blind_to_size_and_sees_what_is_linear():
    generator = torch.Generator().manual_seed(4)
    states = torch.randn(2, 300, HIDDEN, generator=generator)
    y = (states[0] @ torch.randn(HIDDEN, 3, generator=generator)).argmax(1)
    whole, small = (
        recurrent.read_out(scale * states[:, :200], y[:200], scale * states[:, 200:], y[200:])
        for scale in (1.0, 1e-6)
    )
    assert whole[0] > 0.7
    assert whole[1] < 0.6  # its states have nothing to do with the classes
    np.testing.assert_array_equal(whole, small)


def test_accuracies_count_right_answers():
    model, (x, _) = build(), task()
    answers = model(side_by_side(model, x))[0].argmax(-1)
    assert recurrent.accuracies(model, x, answers)[0] == 1
