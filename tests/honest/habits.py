"""What learners do to a notebook beside answering it; none of it may cost a point.

`EXTRA` holds cells to add at the top, `AFTER` what stands below an answer in its own cell.
`LEAVES` change the file as a program does that saves it.
"""

import copy
import json

EXTRA = {
    "a plot": "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "a timed cell": "%%time\nnumbers = [n * n for n in range(1000)]\nassert numbers",
    "a timed line": "%time squares = np.arange(9) ** 2\nassert squares.sum() == 204",
    "shell commands": "!ls -l\nfiles = !ls\nprint(files)\nfor _ in range(2):\n    !echo $HOME",
    "questions": "np.mean?\n?np.var\nnp.log??\n??np.exp\nnp.sum?;\nimport time",
    "a measured line": "took = %timeit -o -n 1 -r 1 sum(range(9))\n%timeit -n1 -r1 len('abc')",
    "an old experiment that raises": "1 / 0",
    "a cell that is no Python": "this is a note to myself: ask about ε",
    "an unfinished cell": "def half_written(x):",
    "an undefined name": "print(y_from_yesterday)",
    "a megabyte printed": "for _ in range(1000):\n    print('[0.1, 0.2] ' * 100)",
    "written to every stream": (
        "import sys, logging, warnings\nsys.stdout.write('a')\nsys.stderr.write('b')\n"
        "sys.__stdout__.write('c')\nsys.stdout.flush()\nlogging.warning('d')\nwarnings.warn('e')"
    ),
    "shown values": "display(np.eye(2))\nnp.eye(3)",
    "another library": "import pandas as pd\npd.DataFrame({'a': [1]}).plot()",
    "NumPy's global state": (
        "np.seterr(all='raise')\nnp.set_printoptions(precision=2)\nnp.random.seed(0)"
    ),
    "a file of one's own": "np.save('tmp.npy', np.arange(3))\nassert np.load('tmp.npy').sum() == 3",
    "an exit": "import sys\nsys.exit(0)",
    "a wait": "import asyncio\nawait asyncio.sleep(0)",
    "a comment": "# TODO: clean up\n",
    "the checks' names": (
        "from course_lib.grading import CheckFailed, check\ntry:\n"
        "    check('batch_norm.normalize', lambda *args: 0)\nexcept CheckFailed as error:\n"
        "    print(error)"
    ),
    "warnings made errors": "import warnings\nwarnings.simplefilter('error')",
    "a class and a type of one's own": (
        "from dataclasses import dataclass\nfrom enum import Enum\n@dataclass\nclass Point:\n"
        "    x: float = 0.0\nclass Mode(Enum):\n    TRAIN = 1\nassert Point() == Point(0.0)"
    ),
}  # fmt: skip

# Lines of IPython's own, with what Python would see in their place; the rest of a cell goes on.
LINES = (
    "%matplotlib inline", "%load_ext autoreload", "%%time", "%time wide = 3", "!ls", "files = !ls",
    "took = %timeit -o -n1 -r1 len('abc')", "np.mean?", "np.mean??", "?np.mean", "??np.mean",
    "np.*mean?", "np.mean?;", "if True:\n    !ls", "display(np.eye(2))",
)  # fmt: skip

AFTER = {
    "a second definition": "\nfirst_try, {0} = {0}, {0}\n",
    # The name comes back only if every line before ran.
    "a call of the check": (
        "\nmine = {0}\ndel {0}\nfrom course_lib.grading import CheckFailed\n"
        'points = check("{1}.{0}", mine)\nprint(f"{{points:.1f}} points")\n{0} = mine\n'
    ),
    "a failed experiment": "\nprint({0}(1, 2, 3, 4, 5, 6, 7, 8))\n",
    "a question": "\n{0}?\n",
    "a test of its type": "\nassert callable({0}) and type({0}).__name__ == 'function'\n",
}


def colab(work: dict) -> None:
    """Save as Google Colab does: format 4.0, no cell ids, a picture of the outputs inside."""
    work["nbformat_minor"] = 0
    work["metadata"] |= {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU"}
    for number, cell in enumerate(work["cells"]):
        cell.pop("id", None)
        cell["metadata"] |= {"id": f"aB3{number}", "outputId": f"6f8a-{number}"}
        cell["metadata"]["colab"] = {"base_uri": "https://localhost:8080/", "height": 265}
        if cell["cell_type"] == "code":
            cell["outputs"] = [PICTURE, PRINTED]
            cell["execution_count"] = number


def vs_code(work: dict) -> None:
    """Save as VS Code does: ids of its own, a language for each cell, CRLF line ends."""
    work["metadata"]["vscode"] = {"interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b"}}
    work["metadata"]["language_info"] = {"name": "python", "version": "3.12.1"}
    for number, cell in enumerate(work["cells"]):
        cell["id"] = f"W{number}sZmlsZQ"
        cell["metadata"]["vscode"] = {"languageId": "python"}
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


def lab(work: dict) -> None:
    """Save as JupyterLab does with everything folded away, and the state of a widget."""
    work["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    for cell in work["cells"]:
        folded = {"source_hidden": True, "outputs_hidden": True}
        cell["metadata"] |= {"jupyter": folded, "collapsed": True, "tags": ["mine"]}
        cell["metadata"] |= {"editable": True, "slideshow": {"slide_type": "slide"}}


def other_order(work: dict) -> None:
    """Move the tasks: the last first."""
    work["cells"].reverse()


def copies(work: dict) -> None:
    """Copy each answer under itself, with all that the cell carries."""
    work["cells"] = [
        each
        for cell in work["cells"]
        for each in ([cell, copy.deepcopy(cell)] if _grade_id(cell) else [cell])
    ]


def no_checks(work: dict) -> None:
    """Delete every check."""
    work["cells"] = [c for c in work["cells"] if not _grade_id(c).startswith("check_")]


def notes(work: dict) -> None:
    """Write Markdown and raw text between all cells."""
    text = {"cell_type": "markdown", "metadata": {}, "source": ["## σ² *here*\n", "$x$"]}
    raw = {"cell_type": "raw", "metadata": {}, "source": "raise ValueError"}
    work["cells"] = [each for cell in work["cells"] for each in (cell, text, raw)]


def imports_edited(work: dict) -> None:
    """Replace `import math` by other imports."""
    (cell,) = (c for c in work["cells"] if "import check" in "".join(c["source"]))
    lines = [line for line in cell["source"] if "import math" not in line]
    cell["source"] = ["from functools import reduce\n", "import itertools as it\n", *lines]


def check_weakened(work: dict) -> None:
    """Comment out what a check says, as one does who wants to go on."""
    for cell in work["cells"]:
        if _grade_id(cell).startswith("check_"):
            cell["source"] = ["# " + line for line in cell["source"]]


def tabs(work: dict) -> None:
    """Indent with tabs."""
    for cell in work["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = "".join(cell["source"]).replace("    ", "\t")


LEAVES = (
    colab, vs_code, lab, other_order, copies, no_checks, notes, imports_edited, check_weakened,
    tabs,
)  # fmt: skip
PICTURE = {
    "output_type": "display_data",
    "metadata": {"needs_background": "light"},
    "data": {"image/png": "iVBORw0KGgo" * 10_000, "text/plain": ["<Figure size 640x480>"]},
}
PRINTED = {"output_type": "stream", "name": "stdout", "text": ["[[0.1, 0.2]]\n"] * 1000}


def _grade_id(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def left(raw: bytes, *changes) -> bytes:
    """Return a notebook after such changes."""
    work = json.loads(raw)
    for change in changes:
        change(work)
    return json.dumps(work).encode()
