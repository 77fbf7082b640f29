"""The generator, batch size, train or eval: against NumPy, and their sentences everywhere."""

import numpy as np
import pytest
from explore.page import formula, formulas, positions

from course_lib import numpy_layers as layers
from course_lib.explore import draws
from course_lib.numpy_layers.moments import moments

# Both sides round differently in the last places of float64, and at 1e3 three digits are gone.
EXACT = {"rtol": 1e-9, "atol": 1e-9}


page = pytest.fixture(formulas, scope="module")


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 - 1])
def test_generator_is_the_same_in_both_languages(page, seed):
    drawn = formula(
        page,
        "batch_size",
        "[n.uniforms(d.seed), n.normals(d.seed)].map((next) => n.many(501, next))",
        seed=seed,
    )
    np.testing.assert_array_equal(drawn[0], draws.uniforms(seed, 501))
    np.testing.assert_allclose(drawn[1], draws.normals(seed, 501), **EXACT)


def test_generator_is_uniform():
    u = draws.uniforms(3, 100_000)
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01  # 3 standard errors
    np.testing.assert_allclose(np.histogram(u, 10, (0, 1))[0], 10_000, atol=300)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_moments_are_the_layers(page, offset):
    x = np.random.default_rng(0).normal(offset, 1, 50)
    mean, var, _ = moments(x, (0,))
    found = formula(page, "batch_size", "n.moments(d.x)", x=x.tolist())
    np.testing.assert_allclose(found, [mean[0], var[0]], **EXACT)


@pytest.mark.parametrize(("value", "text"), [(-1.25, "−1.25"), (-0.001, "0.00"), (2, "2.00")])
def test_numbers_are_set_as_text(page, value, text):
    assert formula(page, "batch_size", "n.num(d.value)", value=value) == text


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_batch_means_are_those_of_the_layers(page, offset):
    values = offset + np.random.default_rng(0).normal(size=100)
    found = formula(page, "batch_size", "m.wander(d.values, 5)", values=values.tolist())
    for power, one in enumerate(found):
        u = draws.uniforms(5 * 16 + 32 + power, 1000 * one["size"]).reshape(1000, -1)
        mean, _, _ = moments(values[(u * 100).astype(int)], (1,))
        np.testing.assert_allclose(one["means"], mean[:, 0], **EXACT)
        np.testing.assert_allclose(one["spread"], mean.std(), **EXACT)


def test_four_times_the_batch_halves_the_spread_in_every_draw(page):
    code = (
        "(() => {const all = m.wander(m.EXPONENTIAL, state.draw);"
        "return ['', all.map((one, power) => [one.spread, m.say(all, 1, power)])]})()"
    )
    for _, (_, sizes) in positions(page, "batch_size", code, draw=list(range(1, 13))):
        for power, (spread, words) in enumerate(sizes):
            assert "NaN" not in words
            assert abs(spread * 2 ** (power / 2) - 1) < 0.13  # 4.5% is the largest standard error
            times = float(words.rpartition(" times ")[0].rpartition(" ")[2])
            assert 1.7 <= times <= 2.3


@pytest.mark.parametrize("momentum", [0.01, 0.1, 1])
@pytest.mark.parametrize("batch", [2, 16])
def test_memory_is_batch_norms(page, momentum, batch):
    state = {"momentum": momentum, "drift": 3, "batch": batch, "stored": "unbiased", "steps": 60}
    found = formula(
        page,
        "train_or_eval",
        "(() => {const t = m.train(d); return {...m.bothWays(t, d), memory: t.memory}})()",
        **state,
    )
    running = np.zeros(1), np.ones(1)
    drawn = draws.normals(7, batch * 61).reshape(61, batch)
    for step, noise in enumerate(drawn):
        np.testing.assert_allclose(found["memory"][step], np.concatenate(running), **EXACT)
        center = 2 + 3 * step / 200
        x = (center + 2 * noise)[:, None]
        x[0] = center + 2
        if step == 60:  # the memory is 60 batches old, the example stands in the next
            evaluated, _ = layers.batch_norm(x, *running)
        y, _ = layers.batch_norm(x, *running, training=True, momentum=momentum)
    np.testing.assert_allclose(found["batch"]["xHat"], y[0, 0], **EXACT)
    np.testing.assert_allclose(found["byMemory"], evaluated[0, 0], **EXACT)


def test_reasons_of_train_or_eval_hold_wherever_they_are_given(page):
    said = positions(
        page,
        "train_or_eval",
        "m.say(state, m.train(state))",
        momentum=[0.01, 0.03, 0.1, 0.3, 1],
        steps=[0, 1, 5, 20, 60, 199, 200],
        drift=[0, 2, 4],
        batch=[2, 8, 64],
        stored=["unbiased", "biased"],
    )
    seen = set()
    for state, words in said:
        numbers = [float(part.split()[0].rstrip(",").replace("−", "-"))
                   for part in words.replace("and at ", "x̂ = ").split("x̂ = ")[1:3]]  # fmt: skip
        off = [abs(number - 1) for number in numbers]
        start = (1 - state["momentum"]) ** state["steps"]
        holds = {
            "near 1": max(off) < 0.16,
            "its start": start > 0.01 and off[1] >= off[0] - 0.01,
            "lags": state["drift"] > 0 and off[1] >= off[0] - 0.01,
            "noisy": state["momentum"] < 1 and off[1] >= off[0] - 0.01,
            "last batch": state["momentum"] == 1 and off[1] >= off[0] - 0.01,
            "biased": state["stored"] == "biased" and off[1] >= off[0] - 0.01,
            "the batch is further off": off[0] >= off[1] - 0.01,
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        seen.add(reason)
    assert seen == set(holds)  # the challenge can be met
