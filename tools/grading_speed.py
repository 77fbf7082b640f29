"""Time our grader against stock nbgrader, on the same submissions, in one run.

    .venv/bin/python tools/grading_speed.py [--submissions 20] [--exercise batch_norm]

Both go from the notebooks to the gradebook, on one process each, in turns. Beside the ratio it
prints the floor (a bare interpreter, the imports, an empty worker) and the memory of a worker.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbgrader.apps import NbGraderAPI
from nbgrader.utils import is_solution
from traitlets.config import Config, PyFileConfigLoader

from course_lib.grading.command_line import main as course
from course_lib.grading.judge.pool import Pool, deadline_of

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Print the comparison as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--exercise", default="batch_norm")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # nbgrader makes its database by the program alembic of the same environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    times: dict[str, list[float]] = {"stock nbgrader": [], "course grade": []}
    with tempfile.TemporaryDirectory() as folder:
        make_course(Path(folder), options.exercise, options.submissions)
        for round_ in range(options.rounds):
            for name, grade in (("stock nbgrader", by_nbgrader), ("course grade", by_us)):
                print(f"round {round_ + 1} of {options.rounds}: {name}", file=sys.stderr)
                start = time.perf_counter()
                grade(Path(folder), options.exercise, round_)
                times[name].append((time.perf_counter() - start) / options.submissions)
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    print(json.dumps({
        "exercise": options.exercise,
        "submissions": options.submissions,
        "seconds a submission, median (and all rounds)": {
            name: [round(middle[name], 4), [round(s, 4) for s in times[name]]] for name in times
        },
        "times faster": round(middle["stock nbgrader"] / middle["course grade"], 1),
        "floor, seconds": floor(),
    }, indent=1))  # fmt: skip
    return 0


def make_course(folder: Path, name: str, count: int) -> None:
    """Copy the course, and hand in solutions, in every second one an answer spoiled."""
    for part in ("solutions", "exercises"):
        shutil.copytree(ROOT / part / name, folder / part / name)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    notebook = nbformat.read(folder / "solutions" / name / f"{name}.ipynb", as_version=4)
    answers = [cell for cell in notebook.cells if is_solution(cell)]
    for number in range(count):
        right = answers[number % len(answers)].source
        # Another text each: equal submissions would be graded once.
        answers[number % len(answers)].source = f"{'pass' if number % 2 else right}\n# {number}"
        path = folder / "submitted" / f"student{number:03}" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
        answers[number % len(answers)].source = right
    api = nbgrader(folder, 0)
    with quiet():
        result = api.generate_assignment(name)
    require(result)


def nbgrader(folder: Path, round_: int) -> NbGraderAPI:
    """Return nbgrader's own interface, with a gradebook for each round."""
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
    config.CourseDirectory.autograded_directory = f"autograded{round_}"
    api = NbGraderAPI(config=config)
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    api.log.setLevel(logging.ERROR)
    return api


def by_nbgrader(folder: Path, name: str, round_: int) -> None:
    """Grade with nbgrader as it is installed."""
    api = nbgrader(folder, round_)
    for path in sorted((folder / "submitted").iterdir()):
        with quiet():
            result = api.autograde(name, path.name)
        require(result)


def require(result: dict) -> None:
    """Stop with nbgrader's words if it failed."""
    if not result["success"]:
        raise SystemExit(f"{result.get('error')}\n{result.get('log')}")


def by_us(folder: Path, name: str, round_: int) -> None:
    """Grade with `course grade`, from nothing."""
    arguments = ["grade", str(folder / "submitted"), "--out", str(folder / f"out{round_}")]
    with quiet():
        status = course([*arguments, "--root", str(folder)])
    if status:
        raise SystemExit(f"course grade ended with {status}")


def floor() -> dict[str, float]:
    """Return what no grader that starts Python for each submission can go below."""
    found = {}
    for label, code in (("interpreter", "pass"), ("interpreter and NumPy", "import numpy"),
                        ("interpreter and torch", "import torch")):  # fmt: skip
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        found[label] = round(time.perf_counter() - start, 4)
    for label, packages in (("NumPy", ("numpy",)), ("torch", ("numpy", "torch"))):
        with Pool() as pool:
            pool.session(packages, deadline_of(pool.limits)).close()
            start = time.perf_counter()
            session = pool.session(packages, deadline_of(pool.limits))
            session.close()
            found[f"warm worker with {label}"] = round(time.perf_counter() - start, 4)
            found[f"its memory with {label}, MiB"] = round(session.end["rss"] / 2**20)
    return found


@contextlib.contextmanager
def quiet():
    """Keep the graders' own words off the table."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


if __name__ == "__main__":
    raise SystemExit(main())
