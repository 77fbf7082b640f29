"""The claims of the chapters: an error planted in what a chapter shows stops the chapter.

`make book` and nbval run each chapter as it is; here each must fail, by a claim of its own.
"""

import sys

import matplotlib
import pytest
from mutants import plant
from notebooks import ROOT, code_cells, read

from course_lib.lab.claims import ClaimFailed

# Chapter, module, right, wrong, and a part of the claim that must see it.
PLANTED = [
    ("batch_norm", "numpy_layers.batch_norm", "var * _bessel(x)", "var", "memory equal torch's"),
    ("signal_propagation", "lab.signals", "* act.slope(z))", ")", "finite differences"),
    (
        "covariate_shift",
        "lab.shift",
        "(before.sort(0).values - after.sort(0).values)",
        "(before - after)",
        "change places",
    ),
    (
        "layer_norm",
        "numpy_layers.layer_norm",
        "axes = tuple(range(x.ndim - len(shape), x.ndim))",
        "axes = (0,)",
        "width 2",
    ),
    (
        "instance_norm",
        "numpy_layers.instance_norm",
        "tuple(range(2, x.ndim))",
        "(0, *range(2, x.ndim))",
        "equal to torch",
    ),
    (
        "numerics",
        "lab.variances",
        "    centered = centered - centered.mean(0)\n",
        "",
        "corrected",
    ),
    (
        "gpu_kernels",
        "numba_kernels.row_loops",
        "* s * weight[j] + bias[j]",
        "* s * weight[j]",
        "distance from float64",
    ),
]


def run(chapter: str) -> None:
    """Run a chapter's cells in order, in this process, where an error can be planted."""
    scope = {"display": lambda *things: None, "__name__": chapter}
    for cell in code_cells(read(ROOT / "book" / f"{chapter}.ipynb")):
        exec(compile(cell.source, f"<{chapter}>", "exec"), scope)


@pytest.mark.parametrize(
    ("chapter", "where", "right", "wrong", "words"), PLANTED, ids=[row[0] for row in PLANTED]
)
def test_planted_error_stops_the_chapter(monkeypatch, chapter, where, right, wrong, words):
    plant(monkeypatch, where, right, wrong)
    monkeypatch.setenv("TRITON_INTERPRET", "")  # so that what a chapter sets is taken back
    monkeypatch.setitem(sys.modules, "course_lib.triton_kernels", None)  # perhaps not interpreted
    # The code of a planted error stands in no file.
    monkeypatch.setattr("course_lib.lab.source.source", lambda thing, **options: None)
    with matplotlib.rc_context({"backend": "agg"}), pytest.raises(ClaimFailed, match=words):
        run(chapter)
