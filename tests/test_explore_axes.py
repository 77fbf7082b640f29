"""The axes explorer against the layers, its calls against torch, its sentences everywhere."""

import json
import re

import numpy as np
import pytest
import torch
from explore.page import formula, formulas, positions

from course_lib import torch_layers
from course_lib.explore import Axes, axes
from course_lib.explore.axes import LAYOUTS, NORMS, TOKENS

DATA = Axes.constants["NORMS"]
# Both sides round differently in the last places of float64, and at 1e3 three digits are gone.
EXACT = {"rtol": 1e-7, "atol": 1e-9}
KINDS = {name.rstrip(" 124"): norm.kind for name, norm in NORMS.items()}
cases = pytest.mark.parametrize(
    ("name", "layout"), [(name, layout) for name in NORMS for layout in LAYOUTS]
)
page = pytest.fixture(formulas, scope="module")


def in_tensor(picture, layout):
    """Return the tensor that the picture, 4 channels by 8 columns, shows."""
    rows = np.reshape(picture, (4, 8))
    if layout == "(n, c)":
        return rows.T
    order = (1, 2, 0) if layout == TOKENS else (1, 0, 2)
    return rows.reshape(4, 2, 4).transpose(order).reshape(LAYOUTS[layout])


def state_of(name, layout, values, cell=9):
    norm, _, groups = name.partition(" norm ")
    state = {"norm": norm + " norm" * bool(groups), "groups": int(groups or 2), "layout": layout}
    return {**state, "values": np.ravel(values).tolist(), "cell": cell}


def run(page, name, layout, values):
    code = "m.run(d.state, d.norms)"
    return formula(page, "axes", code, state=state_of(name, layout, values), norms=DATA)


def drawn(seed, offset=0.0):
    return offset + np.random.default_rng(seed).normal(0.5, 1.5, 32)


@cases
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_outputs_are_the_layers(page, name, layout, offset):
    values = drawn(0, offset)
    found = run(page, name, layout, values)
    if "refusal" in found:
        with pytest.raises(ValueError, match=re.escape(found["refusal"])):
            axes.apply(NORMS[name], in_tensor(values, layout), layout)
        assert found["y"] == []
        return
    y = axes.apply(NORMS[name], in_tensor(values, layout), layout)
    np.testing.assert_allclose(in_tensor(found["y"], layout), y, **EXACT)


@cases
def test_zeros_and_constants_are_the_layers(page, name, layout):
    for values in (np.zeros(32), np.full(32, 0.3)):
        found = run(page, name, layout, values)
        if "refusal" in found or (name == "weight norm" and not values.any()):
            continue  # no direction: NumPy's weight norm divides 0 by 0
        y = axes.apply(NORMS[name], in_tensor(values, layout), layout)
        # The square root of RMS norm's ε, 1e-8, is not resolved by a mean of squares.
        np.testing.assert_allclose(in_tensor(found["y"], layout), y, atol=1e-7)


@cases
def test_one_letter_is_what_one_value_moves(page, name, layout):
    values = drawn(1)
    found = run(page, name, layout, values)
    if "refusal" in found:
        return
    ids, before = np.array(found["ids"]), found["y"]
    x = in_tensor(values, layout)
    for k in range(32):
        marked = in_tensor(np.arange(32) == k, layout)
        y = axes.apply(NORMS[name], x + marked, layout)
        moved = np.abs(y - in_tensor(before, layout)) > 1e-9
        group = in_tensor(ids == ids[k], layout)
        alone = NORMS[name].kind == "std" and group.sum() == 1
        np.testing.assert_array_equal(moved, np.zeros_like(group) if alone else group)


@cases
def test_numpys_call_gives_the_statistics_of_the_letters(page, name, layout):
    values = drawn(2)
    given = {"state": state_of(name, layout, values), "norms": DATA}
    if isinstance(DATA[name]["layouts"][layout], str):
        return
    code, words, ids = formula(
        page, "axes",
        "(() => {const r = m.run(d.state, d.norms); return [m.code(r), m.words(r), r.ids]})()",
        **given,
    )  # fmt: skip
    x = in_tensor(values, layout)
    means = eval(code, {"x": x, "np": np})
    pick = {"std": np.mean, "rms": lambda g: np.mean(g**2), "length": np.linalg.norm}
    expected = [pick[NORMS[name].kind](values[np.array(ids) == i]) for i in range(max(ids) + 1)]
    np.testing.assert_allclose(np.sort(means.ravel()), np.sort(expected), **EXACT)
    spans, shape = DATA[name]["layouts"][layout][0], x.shape
    letters = [part for part in words.split(", ") if part != "no axis"]
    assert len(letters) == sum(one > 1 for one in spans)
    whole = [one == size > 1 for one, size in zip(spans, shape, strict=True)]
    assert sum(" of " not in part for part in letters) == sum(whole)


@pytest.fixture
def in_doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@cases
@pytest.mark.usefixtures("in_doubles")
def test_torchs_call_gives_the_outputs_and_ours_does(page, name, layout):
    values = drawn(3)
    found = run(page, name, layout, values)
    if "refusal" in found:
        return
    x = torch.tensor(in_tensor(values, layout).copy())
    torchs = DATA[name]["home"].rstrip(".")
    for home in [torch_layers, *([eval(torchs)] if torchs else [])]:
        names = {"x": x}
        if name == "weight norm":
            made = (torch.nn.Linear(4, 8), torch.nn.Conv1d(4, 2, 4), torch.nn.Conv2d(4, 2, 2))
            made = made[x.ndim - 2]
            made.weight.data = x
            names = {"linear": made, "conv": made}
        y = eval(f"home.{found['call']}", {"home": home, **names})
        if name == "weight norm":
            torch.nn.init.ones_(y.parametrizations.weight.original0)
            y = y.weight
        y = y(x) if isinstance(y, torch.nn.Module) else y
        np.testing.assert_allclose(y.detach(), in_tensor(found["y"], layout), **EXACT)


@pytest.mark.parametrize(("name", "layout", "layer", "expected"), [
    ("batch norm", "(n, c, h, w)", lambda x, **_: (x - x.mean((2, 3), keepdims=True), None),
     [1, 1, 2, 2]),
    ("layer norm", TOKENS, lambda x, **_: (x - x.mean((1, 2), keepdims=True), None), [1, 4, 4]),
])  # fmt: skip
def test_a_layer_over_other_axes_would_be_shown_with_these(name, layout, layer, expected):
    assert axes.spans(NORMS[name], layout) != expected
    assert axes.spans(NORMS[name]._replace(layer=layer), layout) == expected


def test_eps_is_the_layers_default():
    assert DATA["batch norm"]["eps"] == 1e-5
    assert DATA["filter response norm"]["eps"] == 1e-6
    assert DATA["RMS norm"]["eps"] == np.finfo(float).eps


def test_words_hold_at_every_position(page):
    code = "(() => {const r = m.run({...state, values: d.x}, %s), y = r.y;" \
           "return [m.say({...state, values: d.x}, r, 0), r.ids, y]})()"  # fmt: skip
    values = np.round(drawn(4), 1).clip(-4, 4)
    said = positions(
        page, "axes", code % json.dumps(DATA),
        norm=Axes.controls["norm"][1], groups=[1, 2, 4], layout=list(LAYOUTS),
        cell=list(range(0, 32, 5)), x=values.tolist(),
    )  # fmt: skip
    seen = set()
    for state, (words, ids, y) in said:
        if not y:
            assert "the layer refuses it: " in words
            seen.add("refuses")
            continue
        k, layout = state["cell"], state["layout"]
        mates = np.flatnonzero(np.array(ids) == ids[k])
        assert f" {len(mates) - 1 or 'no'} other value" in words
        number = f"becomes {y[k]:.2f}.".replace("-", "−")
        assert number in words or "becomes 0.00" in words
        sample = in_tensor(np.arange(32), layout)
        where = {int(v): i for i, part in enumerate(sample) for v in part.ravel()}
        across = sum(where[int(m)] != where[k] for m in mates)
        at = tuple(int(i[0]) for i in np.nonzero(sample == k))
        assert f"x[{', '.join(map(str, at))}]" in words
        holds = {
            "Of two values": len(mates) == 2 and KINDS[state["norm"]] == "std",
            "Alone": len(mates) == 1,
            f"and {len(mates)} outputs can move, {across or 'none'} of them in": len(mates) > 1,
        }
        (reason,) = [one for one in holds if one in words]
        assert holds[reason], (state, words)
        seen.add(reason.partition(" ")[0])
        if reason.startswith("and"):
            one = "filter" if state["norm"].startswith("weight") else "sample"
            assert (f"the other {one}." in words) == (layout != "(n, c)")
    assert seen == {"refuses", "Of", "Alone", "and"}
