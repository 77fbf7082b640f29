"""The cheat sheet says what is known of the layers, changes when they do, and forgets none."""

import inspect
import json
import re
from pathlib import Path

import conformance
import pytest
import torch
from torch import nn

from course_lib import numpy_layers, torch_layers
from course_lib.lab import cheat_sheet, cheat_sheet_blocks, cheat_sheet_weights, properties
from course_lib.lab.cheat_sheet import NORMS, Norm, Table

ROOT = Path(__file__).parent.parent
ALL = [*NORMS, *cheat_sheet_weights.WEIGHTS, *cheat_sheet_weights.SCALERS,
       *cheat_sheet_blocks.BLOCKS]  # fmt: skip
READS, COMPUTES = "one output reads", "computes"
TRAINING, EVALUATION = "neighbours matter, training", "neighbours matter, evaluation"


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return [cheat_sheet.what_it_computes(), cheat_sheet.what_it_depends_on(),
            cheat_sheet_weights.weights(), cheat_sheet_weights.scalers(),
            cheat_sheet_blocks.blocks()]  # fmt: skip


def of(tables: list[Table], name: str) -> dict[str, str]:
    """Return what the tables say of one norm, by column."""
    return {
        column: value
        for table in tables
        for row in table.rows
        if row[0].partition("\n")[0] == name
        for column, value in zip(table.columns[1:], row[1:], strict=True)
    }


def of_planted(name: str, layer: type[nn.Module]) -> dict[str, str]:
    """Return what the sheet would say of a norm if `layer` were its module."""
    (norm,) = (norm for norm in NORMS if norm.name == name)
    planted = [norm._replace(thing=layer, make=layer)]
    return of(
        [cheat_sheet.what_it_computes(planted), cheat_sheet.what_it_depends_on(planted)], name
    )


KNOWN = {
    "batch norm": {
        READS: "n, h, w of (n, c, h, w)", COMPUTES: "(x − mean) / std",
        "parameters": "weight: c, bias: c", TRAINING: "yes", EVALUATION: "no", "train = eval": "no",
        "state": "running_mean: c, running_var: c, num_batches_tracked: 1",
        "aᶜ·x": "training", "x+bᶜ": "training", "aⁿ·x": "–", "statistics read, evaluation": "0",
    },
    "layer norm": {
        READS: "d of (n, t, d)", COMPUTES: "(x − mean) / std", "parameters": "weight: d, bias: d",
        "state": "none", TRAINING: "no", "train = eval": "yes", "a·x": "yes", "aᶜ·x": "–",
        "aⁿ·x": "yes", "x+b": "yes", "x+bᶜ": "–", "odd": "yes",
        "defaults": "eps=1e-5, elementwise_affine=True, bias=True",
    },
    "RMS norm": {
        READS: "d of (n, t, d)", COMPUTES: "x / RMS", "parameters": "weight: d", "a·x": "yes",
        "x+b": "–", "statistics read, training": "1",
    },
    "instance norm": {
        READS: "h, w of (n, c, h, w)", "parameters": "none", "state": "none", "aᶜ·x": "yes",
        "x+bᶜ": "yes", TRAINING: "no",
    },
    "group norm": {READS: "c (2 of 8), h, w of (n, c, h, w)", "x+b": "yes", "x+bᶜ": "–"},
    "filter response norm": {COMPUTES: "x / RMS", "odd": "–", "x+b": "–"},
    "dynamic tanh": {READS: "itself of (n, t, d)", COMPUTES: "tanh(α·x)", "a·x": "–"},
    "weight norm": {"one value reads": "in, h, w", COMPUTES: "w / length", "state": "none"},
    "spectral norm": {"one value reads": "out, in, h, w", "aᶜ·w": "–", "a·w": "yes"},
    "DeepNorm": {COMPUTES: "N(α·x + f(x))", "f = 0 gives x": "–"},
    "ReZero": {"own parameters": "weight: 1", "identity at first": "yes", "signal after 32": "× 1"},
    "robust scaling": {COMPUTES: "(x − median) / IQR", "learns": "center_, scale_"},
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_for_certain_stands_there(tables, name):
    said = of(tables, name)
    assert {column: said[column] for column in KNOWN[name]} == KNOWN[name]


class OverTheBatch(torch_layers.LayerNorm):
    """Layer norm with statistics over the batch as well."""

    def forward(self, x):
        return torch_layers.layer_norm(x.transpose(0, 1).flatten(1), (x.shape[0] * x.shape[2],)) \
            .unflatten(1, (x.shape[0], -1)).transpose(0, 1)  # fmt: skip


class Unbiased(torch_layers.LayerNorm):
    """Layer norm that divides by the unbiased standard deviation."""

    def forward(self, x):
        d = x.shape[-1]
        return super().forward(x) * ((d - 1) / d) ** 0.5


class WithoutMean(torch_layers.LayerNorm):
    """Layer norm that forgets to subtract the mean."""

    def forward(self, x):
        return torch_layers.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class Remembering(torch_layers.LayerNorm):
    """Layer norm with another ε and a buffer."""

    def __init__(self, normalized_shape, eps=1e-3):
        super().__init__(normalized_shape, eps)
        self.register_buffer("running_mean", torch.zeros(normalized_shape))


CHANGED = {
    OverTheBatch: {READS: "n, d of (n, t, d)", TRAINING: "yes", EVALUATION: "yes", "aⁿ·x": "–"},
    Unbiased: {COMPUTES: "(x − mean) / unbiased std", TRAINING: "no"},
    WithoutMean: {COMPUTES: "x / RMS", "x+b": "–", "statistics read, training": "1"},
    Remembering: {"state": "running_mean: d", "defaults": "eps=1e-3"},
}


@pytest.mark.parametrize("layer", CHANGED, ids=lambda layer: layer.__name__)
def test_a_changed_layer_changes_its_row(tables, layer):
    said = of_planted("layer norm", layer)
    assert {column: said[column] for column in CHANGED[layer]} == CHANGED[layer]
    before = of(tables, "layer norm")
    assert all(
        said[c] != before[c] for c in CHANGED[layer] if c != TRAINING or layer is OverTheBatch
    )


def test_a_formula_that_is_not_listed_is_not_guessed():
    class Cubed(torch_layers.LayerNorm):
        def forward(self, x):
            return super().forward(x) ** 3

    assert of_planted("layer norm", Cubed)[COMPUTES] == "another function"


def test_other_inputs_give_the_same_rows(tables):
    again = [cheat_sheet.what_it_computes(seed=3), cheat_sheet.what_it_depends_on(seed=3),
             cheat_sheet_weights.weights(seed=3), cheat_sheet_weights.scalers(seed=3)]  # fmt: skip
    assert [table.rows for table in again] == [table.rows for table in tables[:4]]


def test_what_reads_only_itself_takes_no_statistics(tables):
    for norm in NORMS:
        said = of(tables, norm.name)
        alone = said[READS].startswith("itself") and not said["state"].startswith("running")
        assert alone == (said["statistics read, training"] == "0"), norm.name


def test_measuring_leaves_the_buffers_alone():
    layer = torch_layers.BatchNorm2d(8).double()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    properties.read(layer, properties.example((2, 8, 1, 2)))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


# Statistics and helpers, layers that hold a layer of the list, sums and clipping in place.
NO_ROW = {"Moments", "moments", "standardize", "merge_moments", "renorm_limits", "convolution_norm",
          "initialize_weight_norm", "fixup_", "adaptive_gradient_clipping_", "add_rms_norm",
          "WeightStandardizedConv2d", "ScaledWeightStandardizedConv2d"}  # fmt: skip


def test_every_norm_of_the_package_has_a_row():
    def stem(name):
        return re.sub(r"[123]d$", "", name).replace("_", "").lower()

    rows = {stem(word) for norm in ALL for word in (norm.thing.__name__, norm.twin)}
    missing = [
        name for name in torch_layers.__all__ if stem(name) not in rows and name not in NO_ROW
    ]
    assert missing == []
    assert set(torch_layers.__all__) >= NO_ROW
    modules = conformance.modules(torch_layers)
    assert {name for name in modules if stem(name) not in rows} <= NO_ROW


@pytest.mark.parametrize("norm", ALL, ids=lambda norm: norm.name)
def test_both_names_of_a_row_exist(norm: Norm):
    assert norm.twin in ("", *numpy_layers.__all__)
    assert norm.thing.__name__ in torch_layers.__all__
    assert callable(norm.thing)
    assert inspect.signature(norm.thing)


def test_every_paper_of_a_row_is_cited_and_is_that_paper():
    cells = json.loads((ROOT / "book/cheat_sheet.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    bibliography = (ROOT / "book/references.bib").read_text(encoding="utf-8")
    for paper in {norm.paper for norm in ALL if norm.paper}:
        names, year, key = re.fullmatch(r"(.+) (\d{4}) (\w+)", paper).groups()
        assert key in text
        entry = bibliography.partition(f"{{{key},")[2].partition("\n@")[0]
        assert re.search(rf"year\s*=\s*{{?{year}", entry), f"{key} of {year}"
        first = names.removesuffix(" et al.").partition(" & ")[0]
        assert re.search(rf"author\s*=\s*{{\s*{first},", entry), f"{key} by {names}"


def test_a_table_scrolls_by_itself_and_escapes_its_text():
    shown = Table("a & b", ["norm", "x < y"], [["n\nCode_name", "1 < 2"]])._repr_html_()
    assert 'role="region" tabindex="0" aria-label="a &amp; b"' in shown
    assert "overflow-x:auto" in shown
    assert "<td>1 &lt; 2</td>" in shown
    assert re.sub("<wbr>", "", shown).count("<b>n</b><code>Code_name</code>") == 1


def rows_of_questions() -> list[str]:
    text = (ROOT / "book/which_chapter.md").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if "](" in line]


@pytest.mark.parametrize("row", rows_of_questions(), ids=lambda row: row.split("|")[1].strip())
def test_the_section_that_answers_exists(row):
    answer, _, place = row.split("|")[2].strip().partition(" → ")
    assert answer.endswith(".")
    sections = re.findall(r"\]\((\S+?)\), \*(.+?)\*(?=$|,)", place)
    for page, section in sections:
        source = (ROOT / "book" / page).read_text(encoding="utf-8")
        if page.endswith(".ipynb"):
            cells = json.loads(source)["cells"]
            source = "\n".join("".join(cell["source"]) for cell in cells)
        assert re.search(rf"^#+ {re.escape(section)}$", source, re.M), f"{page} has no {section}"
    assert sections or place.endswith("(notation.md)")
