"""What `book/architecture.md` says of the house, as lists of what breaks it."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

FOLDERS = (".ci", "book", "course_lib", "exercises", "solutions", "tests", "tools")
LAYERS = ("numpy_layers", "triton_kernels", "numba_kernels", "torch_layers")  # in their order
ABOVE = ("numpy_fast", "lab", "grading", "explore", "bench")  # no layer may import these
ON_NUMPY = ("numpy_layers", "numpy_fast", "numpy_network")
NUMPY_ALONE = {"numpy", *sys.stdlib_module_names}
TORCHS_NORMS = re.compile(
    r"(sync)?_?batch_?norm(\dd)?|(instance|group|layer|rms|local_response|weight|spectral)_?norm"
    r"(\dd)?|normalize|(native|cudnn|miopen|fused)_\w*norm\w*",
    re.IGNORECASE,
)
ORDINAL = re.compile(
    r"^\d|(^|[_-])(ch|chapter|part|lesson|week|unit|section)?[_-]?\d+([_-]|$)", re.I
)
LONGEST_FILE, LARGEST_PACKAGE, LARGEST_GRADER = 250, 17_000, 8_000
QUESTIONS = "course_lib/grading/checks", "course_lib/grading/answers"  # they grow with the chapters
LONGEST_CELL, LONGEST_FOLDED_CELL = 15, 40  # a folded cell draws one figure


def files(root: Path, ending: str, *folders: str) -> list[Path]:
    """Return the files below the folders, generated ones left out."""
    found = (path for folder in folders or FOLDERS for path in (root / folder).rglob(f"*{ending}"))
    hidden = {"__pycache__", ".ipynb_checkpoints", "_build", "vendor"}
    return sorted(path for path in found if not hidden.intersection(path.parts))


def name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def missing_from_toc(root: Path) -> list[str]:
    """Pages that _toc.yml forgets."""
    pages = [path for ending in (".md", ".ipynb") for path in files(root, ending, "book")]
    pages += files(root, ".ipynb", "exercises", "solutions")
    listed = set(toc(root))
    names = [name(root, path.with_suffix("")) for path in pages]
    return [f"_toc.yml forgets {page}" for page in names if page not in listed]


def missing_pages(root: Path) -> list[str]:
    """Entries of _toc.yml that have no file, or two."""
    counts = {
        page: sum((root / f"{page}{ending}").is_file() for ending in (".md", ".ipynb"))
        for page in toc(root)
    }
    return [f"_toc.yml lists {page}: {n} files" for page, n in counts.items() if n != 1]


def toc(root: Path) -> list[str]:
    """Return the pages in their order."""
    tree = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in tree["parts"] for chapter in part["chapters"]]
    return [tree["root"], *chapters]


def missing_twins(root: Path) -> list[str]:
    """Files that a layer, a test or an exercise needs beside it."""
    wanted = []
    for path in files(root, ".py", "course_lib/numpy_layers"):
        if path.stem not in ("__init__", "shapes"):  # shapes serves both packages as it is
            twins = [f"course_lib/torch_layers/{path.name}", f"tests/test_{path.name}"]
            wanted += [(path, twin) for twin in twins]
    for path in files(root, ".py", "course_lib/numpy_fast"):
        wanted.append((path, f"course_lib/numpy_layers/{path.name}"))
    for path in files(root, ".ipynb", "solutions"):
        exercise = path.stem
        wanted += [
            (path, f"solutions/{exercise}/{exercise}.ipynb"),
            (path, f"exercises/{exercise}/{exercise}.ipynb"),
            (path, f"book/{exercise}.ipynb"),
            (path, f"course_lib/grading/checks/{exercise}.py"),
        ]
    for path in files(root, ".ipynb", "exercises"):
        wanted.append((path, f"solutions/{path.stem}/{path.stem}.ipynb"))
    return [
        f"{twin} is missing, the twin of {name(root, path)}"
        for path, twin in wanted
        if not (root / twin).is_file()
    ]


def wrong_imports(root: Path) -> list[str]:
    """Imports that run against numpy_layers ← kernels ← torch_layers ← lab, grading.

    The fast NumPy layers and the NumPy network stand on the NumPy layers alone.
    """
    found = []
    for rank, layer in [*enumerate(LAYERS), (0, "numpy_fast"), (0, "numpy_network")]:
        later = {*LAYERS[rank + 1 :], *ABOVE} - {layer}
        forbidden = {f"course_lib.{other}" for other in later}
        for path in files(root, ".py", f"course_lib/{layer}"):
            for line, module in imports(path):
                wrong = ".".join(module.split(".")[:2]) in forbidden
                if layer in ON_NUMPY and not module.startswith("course_lib."):
                    wrong = module.partition(".")[0] not in NUMPY_ALONE
                if wrong or module == "course_lib":
                    found.append(f"{name(root, path)}:{line} imports {module}")
    return found


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every import, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "course_lib":
            yield from ((node.lineno, f"course_lib.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def borrowed_norms(root: Path) -> list[str]:
    """Places where a torch layer or a kernel uses torch's own norm instead of its formula."""
    found = []
    folders = (f"course_lib/{layer}" for layer in LAYERS)
    for path in files(root, ".py", *folders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Attribute):
                root_name = ast.unparse(node).partition(".")[0]
                names = [node.attr] if root_name in {"torch", "nn", "F", "functional"} else []
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
                names = [alias.name for alias in node.names]
            found += [
                f"{name(root, path)}:{node.lineno} uses torch's {borrowed}"
                for borrowed in names
                if TORCHS_NORMS.fullmatch(borrowed)
            ]
    return found


def oversized_files(root: Path) -> list[str]:
    """Python files that have grown past their size, and the package if it has."""
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(root, ".py")
    }
    found = [
        f"{name(root, path)} has {lines} lines, at most {LONGEST_FILE}"
        for path, lines in sizes.items()
        if lines > LONGEST_FILE and path.name != "__init__.py"  # those are lists of names
    ]
    parts = {"course_lib/grading": LARGEST_GRADER, "course_lib": LARGEST_PACKAGE}
    seen = {path for folder in QUESTIONS for path in sizes if root / folder in path.parents}
    for part, largest in parts.items():
        mine = {path for path in sizes if root / part in path.parents} - seen
        seen |= mine
        lines = sum(sizes[path] for path in mine)
        if lines > largest:
            found.append(f"{part} has {lines} lines without parts of their own, at most {largest}")
    return found


def code_cells(root: Path) -> Iterator[tuple[str, str, dict]]:
    """Yield place, folder and content of every code cell."""
    for path in files(root, ".ipynb", "book", "exercises", "solutions"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(cells, 1):
            if cell["cell_type"] == "code":
                yield f"{name(root, path)}, cell {number}", path.relative_to(root).parts[0], cell


def oversized_cells(root: Path) -> list[str]:
    """Code cells of more than fifteen lines; a task's own cell may have more."""
    found = []
    for place, folder, cell in code_cells(root):
        lines = len("".join(cell["source"]).splitlines())
        is_task = cell["metadata"].get("nbgrader", {}).get("solution", False)
        is_folded = "hide-input" in cell["metadata"].get("tags", [])
        limit = LONGEST_FOLDED_CELL if is_folded else LONGEST_CELL
        if lines > limit and (folder == "book" or not is_task):
            found.append(f"{place} has {lines} lines, at most {limit}")
    return found


def stored_outputs(root: Path) -> list[str]:
    """Code cells stored with what a run left in them."""
    return [
        f"{place} is stored with its output: run nbstripout"
        for place, _, cell in code_cells(root)
        if cell["outputs"] or cell["execution_count"] is not None
    ]


def bad_names(root: Path) -> list[str]:
    """Files that carry an order in their name, or no meaning."""
    paths = [path for ending in (".py", ".ipynb", ".md") for path in files(root, ending)]
    found = [f"{name(root, path)}: the order stands in _toc.yml" for path in paths
             if ORDINAL.search(path.stem)]  # fmt: skip
    vague = {"utils", "util", "helpers", "misc", "common"}
    return found + [
        f"{name(root, path)}: name it after what it holds" for path in paths if path.stem in vague
    ]
