"""The list of errors is planted wherever it applies, and each run reports what it planted."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from planted_errors import LIST, Planted, code, norm_of, on_the_list, plain, table

HERE = Path(__file__).parent
RUNNING = {"batch_norm", "ghost_batch_norm", "instance_norm", "switchable_norm", "sync_batch_norm"}
RUNNING |= {"batch_renorm"}
CENTRED = {"adaptive_instance_norm", "deep_norm", "group_norm", "layer_norm"} | RUNNING
CENTRED |= {"weight_standardization"}
ROOTS = {"filter_response_norm", "normalize", "rms_norm", "scale_norm"}  # of mean squares, or sums
LENGTHS = {"query_key_norm", "spectral_norm", "weight_norm"}
DIVIDED = CENTRED | ROOTS | LENGTHS | {"local_response_norm"}
FACTORS = {"layer_scale", "re_zero"}
AFFINE = CENTRED | FACTORS | {"dynamic_erf", "dynamic_tanh", "query_key_norm", "weight_norm"}
AFFINE |= ROOTS - {"normalize"}
PER_CHANNEL = AFFINE - {"deep_norm", "query_key_norm", "re_zero", "scale_norm"}
DATA = {"data_scaling", "whitening"}
LAYERS = DIVIDED | AFFINE | DATA | {"adaptive_gradient_clipping", "unit_norm"}
# Not planted, for it cannot pass unseen or has no place: the shift of batch renorm and of
# synchronized batch norm is taken out before their squares; the second one's backward pass is
# derived by hand, also in torch; deep norm's means leave before the sum; n - 1 = 0 divides in
# instance norm; zeros have no direction in spectral and weight norm; whitening is all float64.
APPLIES = {
    "biased running variance": RUNNING,
    "unbiased variance used to normalize": CENTRED | DATA,
    "ε outside the square root": CENTRED | ROOTS | {"whitening"},
    "ε missing": CENTRED | ROOTS | {"query_key_norm"},
    "statistics detached from the graph": DIVIDED - {"sync_batch_norm"},
    "input gradient without the mean term": CENTRED,
    "input gradient without the x̂ term": DIVIDED,
    "weight left out of the input gradient": AFFINE,
    "wrong axes": LAYERS - {"re_zero"},
    "γ or β ignored": AFFINE,
    "E[x²] − E[x]²": (CENTRED | {"data_scaling"})
    - {"batch_renorm", "deep_norm", "sync_batch_norm"},
    "statistics in half precision": LAYERS - FACTORS - {"whitening"},
    "running statistics missing from the state": RUNNING | {"spectral_norm"},
    "running statistics kept with their graph": RUNNING,
    "running statistics updated in evaluation": RUNNING | {"spectral_norm"},
    "momentum of the other convention": RUNNING,
    "first batch overwritten": RUNNING,
    "(x − mean)/var": CENTRED | ROOTS | {"weight_norm"} | DATA,
    "broadcast that works only for square inputs": PER_CHANNEL,
    "the caller's array modified in place": LAYERS,
    "integer input truncated": LAYERS,
    "a constant channel giving NaN": (CENTRED | ROOTS | DATA | {"unit_norm"}) - {"deep_norm"},
    "a batch of one accepted": RUNNING - {"instance_norm"}
    | {"adaptive_instance_norm", "group_norm"},
    "DeepNorm as x + αg": {"deep_norm"},
    "gain initialized at random": AFFINE - {"deep_norm"},
}


def planted_in(file):
    """Return the (error of the list, norm) pairs that the tests of a file plant."""
    module = importlib.import_module(file.stem)
    tests = filter(callable, vars(module).values())  # a module that it imports has marks too
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", [])]
    cases = [case for m in marks if m.name == "parametrize" for case in m.args[1]]
    return {
        (entry, norm_of(case.values[0], case.values[3], file.stem))
        for case in cases
        for mark in getattr(case, "marks", ())
        if mark.name == "planted_error"
        for entry in on_the_list(mark.args[0])
    }


def test_every_error_of_the_list_is_planted_in_every_norm_it_applies_to():
    files = [file for file in HERE.glob("test_*.py") if "@planted(" in file.read_text()]
    found = set().union(*map(planted_in, files))
    wanted = {(entry, norm) for entry, norms in APPLIES.items() for norm in norms}
    assert APPLIES.keys() == LIST.keys()
    assert sorted(wanted - found) == []


RUN = """
import numpy as np
import pytest
from mutants import assert_seen, planted
from course_lib import numpy_layers


def about(name):
    y, _ = numpy_layers.layer_norm(np.zeros((1, 3)), (3,))
    assert np.isfinite(y).all(), "a | in `words`"


ROOT = "1 / np.sqrt(var + eps)"


WRONG = {"eps missing": "1 / np.sqrt(var)", "nothing": "1.0 / np.sqrt(var + eps)"}


@planted(
    (name, "numpy_layers.moments", ROOT, wrong, lambda: about("layer_norm"))
    for name, wrong in WRONG.items()
)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
"""


def test_run_in_workers_reports_what_was_killed_and_what_is_alive(tmp_path):
    for name in ("conftest.py", "mutants.py", "planted_errors.py"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (tmp_path / "test_layer_norm.py").write_text(RUN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "1"]
    quick = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=quick, capture_output=True, text=True)
    said = "planted errors: 2 in 1 modules, 1 SURVIVED; _build/reports/planted_errors.md"
    assert said in run.stdout, run.stdout + run.stderr
    report = (tmp_path / "_build/reports/planted_errors.md").read_text()
    assert "| ε missing | 1 | layer_norm |" in report
    assert (
        "`1 / np.sqrt(var + eps)` → `1 / np.sqrt(var)` | \\<lambda\\> | a \\| in \\`words\\`"
        in report
    )
    assert "| **nothing: it is alive** |" in report


def test_rows_are_sorted_and_of_one_line():
    row = Planted("b", "norm", "module", "x |\n  y", "", "claim", "no\nmore")
    lines = table([row, row._replace(error="a")], "pytest").splitlines()
    assert lines[-2].startswith("| norm | a |")
    assert lines[-1] == r"| norm | b | module | `x \| y` → nothing | claim | no more |"


def test_code_with_backticks_and_long_words_fit_a_cell():
    assert code("a `b`") == "`` a `b` ``"
    assert plain("word " * 100, width=10) == "word word…"
