"""The site that the tests look at: built from this tree, and copied to another folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]


def build() -> Path:
    """Build the site, which is quick when nothing changed; several processes wait in line."""
    (ROOT / "_build").mkdir(exist_ok=True)
    with FileLock(ROOT / "_build" / "tests.lock"):
        command = [sys.executable, ROOT / "tools" / "book.py"]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        pytest.fail(f"the site does not build\n{run.stdout}{run.stderr}", pytrace=False)
    return ROOT / "_build" / "html"


def copy(folder: Path) -> Path:
    """Return a copy of the built site below a folder that the build knows nothing of."""
    return Path(shutil.copytree(build(), folder / "elsewhere"))


def pages(site: Path) -> list[str]:
    """Return the paths of all pages but the root's, which leads on at once to another."""
    # _static holds templates of the theme, which are no pages.
    files = (file for file in site.rglob("*.html") if "_static" not in file.parts)
    return sorted({file.relative_to(site).as_posix() for file in files} - {"index.html"})
