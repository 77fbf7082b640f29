"""Four figures' formulas against the NumPy layers, and their sentences everywhere."""

import itertools

import numpy as np
import pytest
from explore.page import formula, formulas, positions

from course_lib import numpy_layers as layers
from course_lib.explore import Photograph, draws
from course_lib.numpy_network import SGD

# Both sides round differently in the last places of float64, and at 1e3 three digits are gone.
EXACT = {"rtol": 1e-7, "atol": 1e-9}


page = pytest.fixture(formulas, scope="module")


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("eps", [1e-5, 1e-2])
def test_projection_is_layer_norms_backward_pass(page, offset, eps):
    rng = np.random.default_rng(0)
    x, dy = offset + rng.normal(size=8), rng.normal(size=8)
    code = "m.split(d.x, d.dy, d.eps)"
    found = formula(page, "projection", code, x=x.tolist(), dy=dy.tolist(), eps=eps)
    x_hat, cache = layers.layer_norm(x, (8,), eps=eps)
    np.testing.assert_allclose(found["xHat"], x_hat, **EXACT)
    np.testing.assert_allclose(found["dx"], layers.layer_norm_backward(dy, cache).dx, **EXACT)
    np.testing.assert_allclose(np.sum(found["parts"], axis=0), dy, **EXACT)
    assert abs(sum(found["shares"]) - 1) < 1e-12


def test_words_of_the_projection_hold_for_every_gradient(page):
    x = [0.8, -1.2, 0.3, 1.9, -0.4, -1.6, 0.6, -0.1]
    x_hat, cache = layers.layer_norm(np.array(x), (8,))
    rng = np.random.default_rng(1)
    rest = layers.layer_norm_backward(rng.normal(size=8), cache).dx
    drawn = [*rng.uniform(-3, 3, (200, 8)), *np.eye(8), np.zeros(8), np.ones(8), -3 * np.ones(8)]
    drawn += [x_hat, -x_hat, 1 + x_hat, rest, rest + 0.01, 1e-3 * np.ones(8)]
    states = [one.tolist() for one in drawn]
    words = positions(page, "projection", "m.say(m.split(d.x, state.dy))", dy=states, x=x)
    seen = set()
    for state, said in words:
        dy = np.array(state["dy"])
        dx = layers.layer_norm_backward(dy, cache).dx / cache.inv_std
        reach = (dx**2).mean() / max((dy**2).mean(), 1e-12)
        holds = {
            "dy is zero": not dy.any(),
            "Nothing gets through": reach < 0.006,
            "All of it": reach > 0.994,
            "in the mean.": dy.mean() ** 2 >= (dy * x_hat).mean() ** 2,
            "one along x̂.": dy.mean() ** 2 <= (dy * x_hat).mean() ** 2,
        }
        (reason,) = [one for one in holds if one in said]
        assert holds[reason], (state, said)
        seen.add(reason)
    assert len(seen) == 5


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("over", ["channel", "all"])
def test_photograph_is_normalized_as_by_the_layers(page, offset, over):
    x = offset + np.random.default_rng(0).uniform(size=(3, 60))
    state = {**Photograph().state, "warmth": 0.2, "over": over}
    code = "m.normalize(m.adjust(d.x, d.state), d.state.over).y"
    found = formula(page, "photograph", code, x=x.tolist(), state=state)
    factors = np.array([1.2, 1, 0.8])[:, None]
    changed = (((x - 0.5) * 0.4 + 0.6) * factors)[None]
    layer = layers.instance_norm if over == "channel" else layers.layer_norm
    y, _ = layer(changed, *([] if over == "channel" else [(3, 60)]))
    # At 1e3 the two orders of adding up differ in the tenth digit, and the spread is 1/10.
    np.testing.assert_allclose(found, y[0], rtol=1e-6, atol=1e-8)


def test_words_of_the_photograph_name_what_changed_the_output(page):
    rng = np.random.default_rng(0)
    x = (np.array([0.5, 0.55, 0.6])[:, None] + rng.normal(0, 0.18, (3, 40))).clip(0, 1).tolist()
    said = positions(
        page,
        "photograph",
        "[m.say(d.x, state), m.difference(d.x, state)]",
        contrast=[0.01, 0.05, 0.4, 1, 2],
        brightness=[-0.5, 0, 0.1, 0.5],
        warmth=[-0.5, 0, 0.2],
        clip=[False, True],
        over=["nothing", "channel", "all"],
        x=x,
    )
    seen = set()
    for state, (words, off) in said:
        holds = {
            "every change shows": state["over"] == "nothing",
            "not changed it yet": off < 1e-9 and state["contrast"] == 1,
            "No: one mean": off < 0.02,
            "Clipped": state["clip"] and off >= 0.02,
            "Warmth changes": state["warmth"] != 0 and state["over"] == "all" and off >= 0.02,
            "than ε": state["contrast"] <= 0.05 and off >= 0.02,
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        seen.add(reason)
    assert seen == set(holds)  # the challenge can be met


def test_gradient_of_scale_free_weights_is_normalizes(page):
    w, target = np.array([[0.7, -1.9]]), 0.4
    found = formula(page, "scale_free_weights", "m.gradient(d.w, d.t)", w=w[0].tolist(), t=target)
    _, cache = layers.normalize(w)
    upstream = -np.array([[np.cos(target), np.sin(target)]])  # of the loss 1 - cos
    np.testing.assert_allclose([found], layers.normalize_backward(upstream, cache).dx, **EXACT)
    assert abs(np.dot(found, w[0])) < 1e-15


def test_scale_free_weights_are_trained_by_sgd(page):
    state = {"rate": 0.3, "decay": 0.01, "length": 2}
    path = formula(page, "scale_free_weights", "m.train(d).path", **state)
    w = 2 * np.array([[np.cos(2.4), np.sin(2.4)]])
    optimizer = SGD([w], lr=0.3, weight_decay=0.01)
    for there, target in zip(path, 0.5 * draws.normals(11, 1000), strict=False):
        np.testing.assert_allclose(w[0], there, **EXACT)
        _, cache = layers.normalize(w)
        upstream = -np.array([[np.cos(target), np.sin(target)]])
        optimizer.step([layers.normalize_backward(upstream, cache).dx])


def test_words_of_scale_free_weights_hold_for_every_setting(page):
    said = positions(
        page,
        "scale_free_weights",
        "(() => {const run = m.train(state); return [m.say(state, run), run.lengths, run.pull]})()",
        rate=[0.03, 0.1, 0.3, 1],
        decay=[0, 0.001, 0.003, 0.01, 0.03, 0.1],
        length=[0.5, 1, 4],
    )
    settled = {}
    for state, (words, lengths, pull) in said:
        end, rate = np.mean(lengths[-200:]), state["rate"]
        product = rate * state["decay"]
        if not product:
            assert "only grow" in words
            assert (np.diff(lengths) > -1e-12).all()
        elif "settles" in words:
            theory = np.sqrt(2 * product) / pull
            assert abs(rate / end**2 / theory - 1) < 0.25  # ‖w‖ to a tenth
            settled.setdefault(round(product, 9), []).append(rate / end**2)
        else:
            goal = (rate * pull**2 / (2 * state["decay"])) ** 0.25
            assert abs(end / goal - 1) >= 0.1
    # The product alone sets the effective rate: the challenge can be met.
    pairs = [found for found in settled.values() if len(found) > 4]
    assert pairs
    assert all(max(found) / min(found) < 1.5 for found in pairs)


@pytest.mark.parametrize("is_standardized", [False, True])
def test_descent_walks_on_the_features_covariance(page, is_standardized):
    state = {"scale": 4, "correlation": 0.6, "step": 90, "start": [-1.0, 2.0]}
    code = "m.walk(d.state, d.standardized)"
    found = formula(page, "descent", code, state=state, standardized=is_standardized)
    scales = np.diag([1, 1 if is_standardized else 4])
    covariance = scales @ np.array([[1, 0.6], [0.6, 1]]) @ scales
    low, high = np.linalg.eigvalsh(covariance)
    w = np.linalg.inv(scales) @ [-1.0, 2.0]
    optimizer = SGD([w], lr=0.9 * 2 / high)
    np.testing.assert_allclose(found["condition"], high / low, **EXACT)
    for there, loss in zip(found["path"], found["losses"], strict=True):
        np.testing.assert_allclose(there, w, **EXACT)
        np.testing.assert_allclose(loss, w @ covariance @ w / 2, **EXACT)
        optimizer.step([covariance @ w])


def test_words_of_descent_hold_at_every_position(page):
    starts = [list(one) for one in itertools.product([-2, -1.7, 0, 0.1, 1.5], [-2, 0, 0.1, 1.6])]
    said = positions(
        page,
        "descent",
        "(() => {const w = [m.walk(state, false), m.walk(state, true)];"
        "return [m.say(state, ...w), "
        "w.map((one) => [one.steps, one.losses[0], one.condition])]})()",
        scale=[1, 1.5, 3, 10],
        correlation=[0, 0.3, 0.7, 0.95],
        step=[5, 50, 80, 99, 100, 105],
        start=starts,
    )
    for state, (words, walks) in said:
        (raw, loss, condition), (standardized, other, better) = walks
        assert abs(loss - other) < 1e-9  # the same model
        assert condition >= better - 1e-9
        if state["step"] >= 100 or loss == 0:
            assert ("limit" in words) != (loss == 0)
            continue
        slow, quick = (np.inf if one < 0 else one for one in (raw, standardized))
        assert ("lucky" in words) == (slow < quick and state["scale"] > 1), (state, words)
        assert ("No difference" in words) == (slow == quick < np.inf and state["scale"] > 1)
        assert ("one problem" in words) == (state["scale"] == 1)
