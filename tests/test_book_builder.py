"""The builder on tiny books: it fails on each planted fault, every time, and names it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
V4 = nbformat.v4
TOC = "format: jb-book\nroot: book/intro\nchapters:\n  - file: book/chapter\n"
PNG = "import base64\nfrom IPython.display import HTML, Image\npng = base64.b64decode({!r})".format(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FAULTY_CELLS = ["Image(png)", "HTML('<figure><svg></svg></figure>')", "HTML('<img src=\"x\">')"]
FAULTY_TEXT = (
    "{ref}`nowhere`, {cite}`nobody2015`, {eq}`nothing`.\n\n![](_static/logo.svg)\n\n$\\mystery$"
)
FAULTS = {
    "a broken reference": "book/intro.md:3: WARNING: undefined label: 'nowhere'",
    "an unknown citation": 'book/intro.md:3: WARNING: could not find bibtex key "nobody2015"',
    "an unknown equation": "equation not found: nothing",
    "an unknown macro": "WARNING: formula: Undefined control sequence \\mystery",
    "an image without alt text": "book/intro.md:5: WARNING: image without alt text",
    "a figure of a cell without alt text": "book/chapter.ipynb (cell 3): WARNING: image without",
    "an svg without a label": "book/chapter.ipynb (cell 4): WARNING: <svg> without role=",
    "an img without alt text": "book/chapter.ipynb (cell 5): WARNING: <img> without alt text",
}


class Book:
    """A book of two pages under the project's own configuration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("_ext", "_templates"):
            shutil.copytree(ROOT / "book" / name, root / "book" / name)
        (root / "book" / "_static").mkdir()
        for file in (ROOT / "book" / "_static").glob("*.*"):
            shutil.copy(file, root / "book" / "_static")
        for name in ("_config.yml", "constraints.txt"):
            shutil.copy(ROOT / name, root)
        (root / "_toc.yml").write_text(TOC)
        (root / "book" / "references.bib").touch()
        (root / "course_lib").mkdir()
        (root / "course_lib" / "layer.py").write_text("eps = 1e-5\n")
        self.write()

    def write(self, text: str = "A sentence.", cells: list[str] | None = None) -> None:
        """Write the two pages."""
        (self.root / "book" / "intro.md").write_text(f"# Intro\n\n{text}\n")
        code = [V4.new_code_cell(source) for source in [PNG, *(cells or [])]]
        notebook = V4.new_notebook(cells=[V4.new_markdown_cell("# Chapter"), *code])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.root / "book" / "chapter.ipynb")

    def build(self) -> subprocess.CompletedProcess:
        """Run the builder as `make book` does."""
        command = [sys.executable, ROOT / "tools" / "book.py", self.root]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf8")


@pytest.fixture(scope="module")
def faulty_runs(tmp_path_factory) -> list[subprocess.CompletedProcess]:
    """Build a book that has every fault but a crash, twice."""
    book = Book(tmp_path_factory.mktemp("faulty"))
    book.write(FAULTY_TEXT, FAULTY_CELLS)
    return [book.build(), book.build()]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_run_fails_on(faulty_runs, fault):
    for run in faulty_runs:
        assert run.returncode == 1
        assert FAULTS[fault] in run.stderr


class Story(NamedTuple):
    """What happened to a book, run by run."""

    book: Book
    crashed: list[subprocess.CompletedProcess]
    claimed: subprocess.CompletedProcess
    mended: subprocess.CompletedProcess


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    """Build one book with a cell that crashes, twice, with a false claim, and with neither."""
    book = Book(tmp_path_factory.mktemp("book"))
    book.write(cells=["1 / 0"])
    crashed = [book.build(), book.build()]
    book.write(cells=["from course_lib.lab.claims import claim\nclaim('one is two', 1 == 2)"])
    claimed = book.build()
    book.write()
    return Story(book, crashed, claimed, book.build())


def test_a_crashing_cell_fails_every_run_until_it_is_mended(story):
    for run in story.crashed:
        assert run.returncode == 1
        assert "book/chapter.ipynb: WARNING: Executing notebook failed" in run.stderr
        assert "ZeroDivisionError: division by zero" in run.stderr
    assert story.mended.returncode == 0, story.mended.stderr


def test_a_false_claim_fails_with_its_text(story):
    assert story.claimed.returncode == 1
    assert "ClaimFailed: the run contradicts this claim: one is two" in story.claimed.stderr


def test_a_run_does_what_changed_and_no_more(story):
    book, first, again = story.book, story.mended, story.book.build()
    assert "chapter.ipynb executed" in first.stdout
    assert again.stdout.splitlines() == first.stdout.splitlines()[-1:]
    book.write("Another sentence.")
    prose = book.build()
    assert "reading every page" in prose.stdout
    assert "executed in" not in prose.stdout
    (book.root / "course_lib" / "layer.py").write_text("eps = 1e-6\n")
    assert "chapter.ipynb executed" in book.build().stdout
