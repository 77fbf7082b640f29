"""Gradient flow, one reduction and ε against the NumPy layers, and their sentences everywhere."""

import numpy as np
import pytest
import torch
from explore.page import formula, formulas, positions

from course_lib import numpy_layers as layers
from course_lib.explore import Epsilon, GradientFlow, draws
from course_lib.lab import signals
from course_lib.lab.shift import activation_shift

# Both sides round differently in the last places of float64, and at 1e3 three digits are gone.
EXACT = {"rtol": 1e-7, "atol": 1e-9}


page = pytest.fixture(formulas, scope="module")


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("activation", ["linear", "ReLU", "tanh", "sigmoid"])
def test_gradient_flows_as_through_the_layers(page, norm, activation):
    state = {"depth": 6, "scale": 1.3, "activation": activation, "norm": norm}
    found = formula(page, "gradient_flow", "m.flow(d)", **state)
    w = [1.3 / np.sqrt(32) * draws.normals(layer + 101, 1024).reshape(32, 32)
         for layer in range(1, 7)]  # fmt: skip
    x, dy = (draws.normals(layer + 101, 512).reshape(16, 32) for layer in (0, -1))
    act = signals.ACTIVATIONS[activation]
    inputs, z, caches = [x], [], []
    for weight in w:
        pre = inputs[-1] @ weight.T
        if norm == "layer":
            pre, cache = layers.layer_norm(pre, (32,))
        elif norm == "batch":
            pre, cache = layers.batch_norm(pre, None, None, training=True)
        caches.append(cache if norm != "none" else None)
        z.append(pre)
        inputs.append(act.value(pre))
    back, pulls = dy, {"layer": layers.layer_norm_backward, "batch": layers.batch_norm_backward}
    gradients, weights = [], []
    for layer in range(5, -1, -1):
        if norm != "none":
            back = pulls[norm](back, caches[layer]).dx
        gradients.insert(0, back)
        weights.insert(0, back.T @ inputs[layer])
        back = back @ w[layer] * (act.slope(z[layer - 1]) if layer else 1)
    for name, arrays in {"gradient": gradients, "weights": weights}.items():
        expected = [np.sqrt(np.square(one).mean()) for one in arrays]
        np.testing.assert_allclose(found[name], expected, **EXACT)
    if norm == "none":  # the chapter's own functions say the same
        pre = signals.forward(x, w, act)
        for mine, theirs in zip(gradients, signals.backward(dy, pre, w, act), strict=True):
            np.testing.assert_allclose(mine, theirs, **EXACT)
        expected = [np.sqrt(np.square(one).mean()) for one in pre]
        np.testing.assert_allclose(found["signal"], expected, **EXACT)


def test_words_of_gradient_flow_hold_at_every_position(page):
    said = positions(
        page,
        "gradient_flow",
        "(() => {const f = m.flow(state); return [m.say(state, f), f.weights, f.signal]})()",
        depth=[2, 5, 12, 40],
        scale=[0.2, 1, 1.5, 3],
        activation=GradientFlow.controls["activation"][1],
        norm=GradientFlow.controls["norm"][1],
    )
    seen = set()
    for state, (words, weights, signal) in said:
        ratio, shrunk = weights[0] / max(weights[-1], 1e-300), signal[-1] / signal[0]
        even = 0.1 <= ratio <= 10
        holds = {
            "Layer 1 stops": ratio < 0.1,
            "where it is": ratio > 10,
            "stop together": even and shrunk < 0.1,
            "explode together": even and shrunk > 10,
            "Neither": even and 0.1 <= shrunk <= 10,
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        seen.add(reason)
    assert seen == set(holds)  # the challenge can be met


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_one_reduction_gives_the_four_layers(page, groups, batch, offset):
    x = offset + np.random.default_rng(0).normal(size=(2, 8, 4))
    code = "m.normalize(d.x, m.groupsOf(d.state))"
    state = {"groups": groups, "batch": batch}
    found = formula(page, "one_reduction", code, x=x.ravel().tolist(), state=state)
    if batch:  # one sample whose positions are those of both
        joined = x.transpose(1, 0, 2).reshape(1, 8, 8)
        y = layers.group_norm(joined, groups)[0].reshape(8, 2, 4).transpose(1, 0, 2)
    else:
        y = layers.group_norm(x, groups)[0]
    np.testing.assert_allclose(found, y.ravel(), **EXACT)
    named = {
        (1, False): lambda: layers.layer_norm(x, (8, 4))[0],
        (8, False): lambda: layers.instance_norm(x)[0],
        (8, True): lambda: layers.batch_norm(x, None, None, training=True)[0],
    }
    if (groups, batch) in named:
        np.testing.assert_allclose(found, named[groups, batch]().ravel(), **EXACT)


def test_words_of_one_reduction_hold_at_every_position(page):
    said = positions(
        page,
        "one_reduction",
        "(() => {const r = m.run(state); return [m.say(state, r), r.ids, r.moved]})()",
        groups=[1, 2, 4, 8],
        batch=[False, True],
        cell=list(range(0, 64, 7)),
        change=[-5, -0.5, 0, 0.5, 3],
    )
    names = {(1, False): "layer norm", (8, False): "instance norm", (8, True): "batch norm"}
    for state, (words, ids, moved) in said:
        groups, batch = state["groups"], state["batch"]
        usual = "without a name" if batch else f"group norm with {groups} groups"
        assert names.get((groups, batch), usual) in words
        mates = [one == ids[state["cell"]] for one in ids]
        assert moved == (mates if state["change"] else [False] * 64)
        assert ("some of them in the other sample" in words) == (batch and state["change"] != 0)
        # The code in the sentence takes the means that the figure shows.
        shape, axes = words.partition(".reshape(")[2].split(").mean(")
        x = np.arange(64.0).reshape([int(one) for one in shape.split(", ")])
        means = x.mean(tuple(int(one) for one in axes.partition(")")[0].strip("(").split(", ")))
        flat = [np.mean([i for i in range(64) if ids[i] == group]) for group in range(max(ids) + 1)]
        np.testing.assert_allclose(means.ravel(), flat)
        assert f"{means.size} mean" in words


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.1])
def test_epsilon_is_layer_norms(page, eps, offset):
    x = offset + np.random.default_rng(0).normal(size=16)
    found = formula(page, "epsilon", "m.layerNorm(d.x, d.eps)", x=x.tolist(), eps=eps)
    y, _ = layers.layer_norm(x, (16,), eps=eps)
    np.testing.assert_allclose(found, y, **EXACT)


def test_words_of_epsilon_hold_at_every_position(page):
    values = {key: rule for key, (_, rule) in Epsilon.controls.items()}
    code = "[m.say(state), m.layerNorm(m.inputs(state), state.eps), m.inputs(state)]"
    seen = set()
    for state, (words, y, x) in positions(page, "epsilon", code, **values):
        np.testing.assert_allclose(np.std(x), state["spread"])
        expected, _ = layers.layer_norm(np.array(x, float), (len(x),), eps=state["eps"])
        left = np.std(expected)
        np.testing.assert_allclose(np.std(y), left)
        holds = {
            "ε decides": left < 0.2,
            "share the decision": 0.2 <= left < 0.995,
            "only the order": left >= 0.995 and state["width"] == 2,
            "costs nothing": left >= 0.995 and state["width"] > 2,
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        assert ("instead of 1" in words) == (left < 0.995)
        seen.add(reason)
    assert seen == set(holds)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_shift_of_a_distribution_is_the_labs(page, offset):
    old, now = offset + np.random.default_rng(0).normal(size=(2, 40)) * [[1], [3]]
    found = formula(
        page, "distribution_shift", "m.distance(d.old, d.now)", old=old.tolist(), now=now.tolist()
    )
    (wanted,) = activation_shift(*(torch.from_numpy(values[:, None]) for values in (old, now)))
    np.testing.assert_allclose(found, wanted, **EXACT)
    normed = formula(page, "distribution_shift", "m.batchNorm(d.now)", now=now.tolist())
    y, _ = layers.batch_norm(now[:, None], None, None, training=True)
    np.testing.assert_allclose(normed, y[:, 0], **EXACT)


def test_words_of_distribution_shift_hold_at_every_position(page):
    code = """(() => {const old = m.before(), now = m.after(state);
        return [m.say(state), m.distance(old, now),
            m.distance(m.batchNorm(old), m.batchNorm(now)), now]})()"""
    moves = {"push": [-2, -0.2, 0, 0.2, 1], "stretch": [0.3, 0.9, 1, 1.6], "bend": [0, 0.3, 1]}
    seen = set()
    for state, (words, free, normed, now) in positions(page, "distribution_shift", code, **moves):
        np.testing.assert_allclose(
            [np.mean(now), np.std(now)], [state["push"], state["stretch"]], atol=1e-9
        )
        touched = state["push"] != 0 or state["stretch"] != 1
        holds = {
            "Nothing has moved": not touched and state["bend"] == 0,
            "push and stretch are gone, for": touched and state["bend"] == 0,
            "made up for part": state["bend"] > 0 and normed > free,
            "change of shape is left": state["bend"] > 0 and touched and normed <= free + 0.005,
            "nothing to take out": state["bend"] > 0 and not touched,
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        assert (normed < 0.005) == (state["bend"] == 0)
        seen.add(reason)
    assert seen == set(holds)
