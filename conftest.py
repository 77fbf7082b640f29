"""Hold each check cell that nbval runs to what its folder promises.

In `exercises/` a check must earn nothing, in `solutions/` all of its points. nbval alone would
let both go: a cell that is allowed to raise passes when it does not, and partial points are no
error.
"""

import gc
import os
from pathlib import Path

import pytest
from nbformat import from_dict
from nbgrader.utils import determine_grade, is_grade
from nbval.plugin import IPyNbCell


def pytest_configure():
    """Give each worker and each kernel one thread; two workers with two each wait for each other.

    It must come before the first import of NumPy or torch. (Measured: 405 s against 89 s.)
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from what is collected, which stays until the end.

    It would go through hundreds of thousands of objects again and again. (Measured: 15 s against
    8 s for collecting, and each worker collects.)
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()  # what nobody holds is told now: it would not be found later
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Run the cell, then judge what it earned."""
    outcome = yield
    if isinstance(item, IPyNbCell) and is_grade(item.cell):
        problem = _broken_promise(Path(item.fspath), item.cell, item.test_outputs)
        if problem:
            item.raise_cell_error(problem)
    return outcome


def _broken_promise(path: Path, cell, outputs) -> str | None:
    """Say how the check's outcome contradicts the notebook's folder, if it does."""
    earned, points = determine_grade(from_dict({**cell, "outputs": outputs}))
    folder = path.parent.parent.name
    if folder == "exercises":
        raised = [output.ename for output in outputs if output.output_type == "error"]
        if raised != ["CheckFailed"]:
            return f"expected CheckFailed, since the task is unsolved; got {raised or earned}"
    if folder == "solutions" and earned != points:
        return f"expected {points:g} points for the solution, got {earned:g}"
    return None
