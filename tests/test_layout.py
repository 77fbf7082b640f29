"""The house stands as `book/architecture.md` says; each rule sees the fault it is about."""

import json
from pathlib import Path

import layout
import pytest

ROOT = Path(__file__).parent.parent
RULES = [
    layout.missing_from_toc,
    layout.missing_pages,
    layout.missing_twins,
    layout.wrong_imports,
    layout.borrowed_norms,
    layout.oversized_files,
    layout.oversized_cells,
    layout.stored_outputs,
    layout.bad_names,
]


def notebook(source="x = 1", *, outputs=(), solution=False, folded=False) -> str:
    metadata = {"nbgrader": {"solution": True}} if solution else {}
    metadata |= {"tags": ["hide-input"]} if folded else {}
    cell = {"cell_type": "code", "source": source.splitlines(True), "metadata": metadata}
    return json.dumps({"cells": [cell | {"outputs": list(outputs), "execution_count": None}]})


NUMPY, TRITON, NUMBA, TORCH = (f"course_lib/{layer}/b.py" for layer in layout.LAYERS)
FAST = "course_lib/numpy_fast/b.py"
HOUSE = {
    "_toc.yml": "root: book/intro\nparts:\n- chapters:\n"
    "  - file: book/a_norm\n  - file: exercises/a_norm/a_norm\n  - file: solutions/a_norm/a_norm\n",
    "book/intro.md": "# Intro",
    "book/a_norm.ipynb": notebook(),
    "exercises/a_norm/a_norm.ipynb": notebook(),
    "solutions/a_norm/a_norm.ipynb": notebook("y = 1\n" * 40, solution=True),
    "course_lib/numpy_layers/__init__.py": "from course_lib.numpy_layers.a_norm import a_norm\n",
    "course_lib/numpy_layers/a_norm.py": "import math\nimport numpy as np\n",
    "course_lib/numpy_fast/a_norm.py": "from course_lib import numpy_fast, numpy_layers\n",
    "course_lib/triton_kernels/a_norm.py": "import torch\nimport triton\n",
    "course_lib/torch_layers/a_norm.py": "from course_lib import triton_kernels\n"
    "from torch import nn\nx = nn.Module\n",
    "course_lib/grading/checks/a_norm.py": "from course_lib import lab\n",
    "course_lib/lab/data.py": "x = 1\n",
    "tests/test_a_norm.py": "x = 1\n" * 250,
}
# (rule, file, what stands there instead, None for nothing, the words that must name it)
FAULTS = [
    (layout.missing_from_toc, "book/new.ipynb", notebook(), "forgets book/new"),
    (layout.missing_from_toc, "book/new.md", "# New", "forgets book/new"),
    (layout.missing_from_toc, "solutions/b/b.ipynb", notebook(), "forgets solutions/b/b"),
    (layout.missing_pages, "book/a_norm.ipynb", None, "book/a_norm: 0 files"),
    (layout.missing_pages, "book/a_norm.md", "# Twice", "book/a_norm: 2 files"),
    (layout.missing_twins, "course_lib/torch_layers/a_norm.py", None, "torch_layers/a_norm.py is"),
    (layout.missing_twins, FAST, "x = 1", "numpy_layers/b.py is missing"),
    (layout.missing_twins, "tests/test_a_norm.py", None, "tests/test_a_norm.py is missing"),
    (layout.missing_twins, "book/a_norm.ipynb", None, "book/a_norm.ipynb is missing"),
    (layout.missing_twins, "exercises/a_norm/a_norm.ipynb", None, "exercises/a_norm/a_norm.ipynb"),
    (layout.missing_twins, "solutions/a_norm/a_norm.ipynb", None, "solutions/a_norm/a_norm.ipynb"),
    (layout.missing_twins, "course_lib/grading/checks/a_norm.py", None, "checks/a_norm.py is"),
    (layout.wrong_imports, NUMPY, "import torch", "b.py:1 imports torch"),
    (layout.wrong_imports, NUMPY, "import scipy.stats", "scipy.stats"),
    (layout.wrong_imports, NUMPY, "from .x import y", "imports .x"),
    (layout.wrong_imports, NUMPY, "def f():\n import torch", "b.py:2"),
    (layout.wrong_imports, NUMPY, "from course_lib import lab", ".lab"),
    (layout.wrong_imports, NUMPY, "import course_lib.torch_layers.x", "b"),
    (layout.wrong_imports, NUMPY, "from course_lib.numpy_fast import x", "numpy_fast"),
    (layout.wrong_imports, FAST, "import torch", "b.py:1 imports torch"),
    (layout.wrong_imports, FAST, "from course_lib import torch_layers", "torch_layers"),
    (layout.wrong_imports, TRITON, "from course_lib import torch_layers", "torch_layers"),
    (layout.wrong_imports, NUMBA, "from course_lib import torch_layers", "torch_layers"),
    (layout.wrong_imports, TORCH, "from course_lib.bench import harness", "bench"),
    (layout.wrong_imports, TORCH, "from course_lib.lab import data", "lab"),
    (layout.wrong_imports, TORCH, "import course_lib.grading.check", "gr"),
    (layout.wrong_imports, TRITON, "from course_lib import explore", "ex"),
    (layout.borrowed_norms, TORCH, "x = nn.LayerNorm", "torch's LayerNorm"),
    (layout.borrowed_norms, TRITON, "F.rms_norm(x)", "rms_norm"),
    (layout.borrowed_norms, NUMBA, "F.layer_norm(x)", "layer_norm"),
    (layout.borrowed_norms, TORCH, "F.batch_norm(x)", "batch_norm"),
    (layout.borrowed_norms, TORCH, "torch.nn.BatchNorm2d", "BatchNorm2d"),
    (layout.borrowed_norms, TORCH, "torch.native_layer_norm", "native"),
    (layout.borrowed_norms, TORCH, "import torch.nn as nn\nnn.RMSNorm", ":2"),
    (layout.borrowed_norms, TORCH, "nn.utils.weight_norm", "weight_norm"),
    (layout.borrowed_norms, TORCH, "from torch.nn import GroupNorm", "Gr"),
    (layout.oversized_files, "course_lib/lab/long.py", "x = 1\n" * 251, "long.py has 251 lines"),
    (layout.oversized_cells, "book/b.ipynb", notebook("x = 1\n" * 16), "b.ipynb, cell 1 has 16"),
    (layout.oversized_cells, "book/b.ipynb", notebook("x\n" * 16, solution=True), "has 16 lines"),
    (layout.oversized_cells, "book/b.ipynb", notebook("x\n" * 41, folded=True), "has 41 lines"),
    (layout.oversized_cells, "exercises/b/b.ipynb", notebook("x = 1\n" * 16), "has 16 lines"),
    (layout.stored_outputs, "book/b.ipynb", notebook(outputs=[{}]), "cell 1 is stored"),
    (layout.bad_names, "book/01_intro.ipynb", notebook(), "book/01_intro.ipynb: the order"),
    (layout.bad_names, "book/chapter2.md", "# Two", "book/chapter2.md: the order"),
    (layout.bad_names, "course_lib/lab/utils.py", "", "course_lib/lab/utils.py: name it after"),
]  # fmt: skip


@pytest.fixture
def house(tmp_path):
    """Build a small house that keeps every rule."""
    for path, text in HOUSE.items():
        write(tmp_path / path, text)
    return tmp_path


def write(path: Path, text: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_project_keeps_the_rule(rule):
    found = rule(ROOT)
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_right_house_keeps_the_rule(house, rule):
    assert rule(house) == []


@pytest.mark.parametrize(("rule", "path", "text", "words"), FAULTS)
def test_fault_is_named(house, rule, path, text, words):
    write(house / path, text)
    assert any(words in line for line in rule(house)), rule(house)


def test_package_past_its_size_is_named(house):
    for number in range(70):
        write(house / f"course_lib/lab/part_{'x' * number}.py", "x = 1\n" * 245)
    assert any(line.startswith("course_lib has 17") for line in layout.oversized_files(house))


def test_questions_do_not_count_towards_the_package(house):
    for number in range(75):
        write(house / f"course_lib/grading/checks/part_{'x' * number}.py", "x = 1\n" * 245)
    assert not layout.oversized_files(house)
