"""The half-precision figure: rounding as torch's, variances as the lab's, true sentences."""

import numpy as np
import pytest
import torch
from explore.page import formula, formulas, positions

from course_lib.explore import HalfPrecision
from course_lib.lab import variances

FORMATS = {name: getattr(torch, name) for name in ("float16", "bfloat16", "float32")}
WAYS = {
    "one pass": variances.one_pass,
    "two passes": variances.two_pass,
    "corrected": variances.corrected_two_pass,
}

page = pytest.fixture(formulas, scope="module")


@pytest.mark.parametrize("precision", FORMATS)
def test_figure_rounds_as_the_format_does(page, precision):
    rng = np.random.default_rng(0)
    values = rng.normal(size=300) * 10.0 ** rng.integers(-9, 6, 300)
    ties = np.array([2049, 2051, 257, 259, 2.0**-25, 3 * 2.0**-25, 0, 65519, 65520, -65520])
    values = np.concatenate([values, ties, -ties])
    code = "d.x.map((one) => String(m.round(one, m.FORMATS[d.precision])))"
    found = formula(page, "half_precision", code, x=values.tolist(), precision=precision)
    wanted = torch.from_numpy(values).to(FORMATS[precision]).double().numpy()
    np.testing.assert_array_equal(np.array(found, float), wanted)


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_variance_is_the_labs(page, precision, method):
    code = """(() => {const f = m.run(d);
        return [f.x, String(f.computed), f.v, f.y.map(String)]})()"""
    for offset in (0, 3, 10, 100, 300):
        state = {"offset": offset, "spread": 1, "eps": 1e-5}
        x, computed, v, y = formula(
            page, "half_precision", code, precision=precision, method=method, **state
        )
        stored = torch.tensor(x, dtype=torch.float64)
        small = stored[:, None].to(FORMATS[precision])
        np.testing.assert_array_equal(small[:, 0].double(), stored)
        np.testing.assert_allclose(v, stored.var(correction=0), rtol=1e-12)
        # Sums in float32 against exact ones, rounded once: equal but for a tie.
        wanted = WAYS[method](small).double()
        u = torch.finfo(FORMATS[precision]).eps
        np.testing.assert_allclose(float(computed), wanted, rtol=u)
        right = (stored - stored.mean()) / (v + 1e-5) ** 0.5
        if method == "corrected":  # whose outputs are off by a few roundings
            np.testing.assert_allclose(np.array(y, float), right, atol=8 * u)


def test_words_of_half_precision_hold_at_every_position(page):
    values = {key: rule for key, (_, rule) in HalfPrecision.controls.items()}
    code = """(() => {const f = m.run(state);
        return [m.say(state, f), f.v, String(f.computed), f.stored, f.right, f.y.map(String)]})()"""
    seen = set()
    for state, (words, v, computed, eps, right, y) in positions(
        page, "half_precision", code, **values
    ):
        computed, spread, method = float(computed), state["spread"], state["method"]
        small, y = np.isfinite(computed), np.array(y, float)
        error = abs(computed / v - 1) if v and small else np.inf
        kept = (v / (v + state["eps"])) ** 0.5 if v else 0
        off = abs(y - right).max() if np.isfinite(y).all() else np.inf
        far, whole = state["offset"] > spread, state["precision"] == "float16"
        lost = abs(v / spread**2 - 1) > 0.2
        cancels = far and method == "one pass" and small and error > 0.02
        moved = far and method != "corrected" and error < 0.5 and off > 0.05 and not cancels
        # What moves the outputs together is the mean: no way of squaring does.
        together = abs(np.mean(y - right)) if np.isfinite(y).all() else 0
        rest = not (lost or cancels or moved) and small
        fine = rest and error <= 0.02 and kept >= 0.9 and off <= 0.05
        holds = {
            "Storing did": lost,
            "overflow": not lost and not small and whole,
            "Cancellation": not lost and cancels,
            "mean was rounded": not lost and moved and together > 0.02,
            "underflow": rest and error > 0.02 and whole and spread <= 1e-3,
            "ε decides": rest and error <= 0.02 and kept < 0.9,
            "became zero": fine and eps == 0 < state["eps"],
            "outputs right": fine and (eps > 0 or state["eps"] == 0),
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        seen.add(reason)
    assert seen == set(holds)  # the challenge can be met
