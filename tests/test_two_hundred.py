"""Two hundred submissions: the same grades serial and parallel, killed and resumed.

They are of a NumPy exercise and of a torch exercise; honest, wrong and hostile mixed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from notebooks import ROOT
from submissions import locked_pool, solution, submission, unsolved

STUDENTS = {"batch_norm": 150, "batch_norm_backward": 50}
WRONG = [
    "pass",
    "def {task}(*args): return args[0]",
    "def {task}(*args): return None",
    "def {task}(*args): raise ValueError('no')",
]
HOSTILE = [
    "while True: pass",
    "import os; os._exit(0)",
    "import ctypes; ctypes.string_at(0)",
    "import builtins; builtins.__import__ = None",
    "x = bytearray(1 << 40)",
    "import os, signal; os.kill(-1, signal.SIGKILL)",
    "import gc, socket\nfor o in gc.get_objects():\n    if type(o) is socket.socket: o.close()",
]
pool = pytest.fixture(scope="module")(locked_pool)
pytestmark = pytest.mark.usefixtures("pool")


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """The folder of submissions: a fifth as one hands it in unsolved or torn, the rest a draw."""
    folder, draw = tmp_path_factory.mktemp("submitted"), random.Random(7)
    for name, students in STUDENTS.items():
        for number in range(students):
            task = draw.choice(sorted(solution(name)))
            kinds = ["right", "wrong", "hostile", "unsolved", "torn"]
            (kind,) = draw.choices(kinds, [10, 6, 2, 1, 1])
            code = {"wrong": draw.choice(WRONG), "hostile": draw.choice(HOSTILE)}.get(kind)
            raw = submission(name, {task: code.format(task=task)} if code else None)
            # A cell of its own makes each file another job.
            raw = raw.replace(b"# Exercise:", f"# Exercise {number}:".encode(), 1)
            raw = {"unsolved": unsolved(name), "torn": raw[:-10]}.get(kind, raw)
            path = folder / f"student{number:03}" / name / f"{name}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(raw)
    return folder


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    file = tmp_path_factory.mktemp("secret") / "seed"
    file.write_text("the instructor's")
    return file


def command(handed_in, seed, out, *options):
    limits = ["--cell-seconds", "1", "--seconds", "30", "--seed-file", str(seed)]
    start = [str(Path(sys.executable).with_name("course")), "grade", str(handed_in)]
    return [*start, "--out", str(out), "--root", str(ROOT), *limits, *options]


def results(out: Path) -> dict[str, dict]:
    """Return every result without what may differ: the seconds it took."""
    found = {}
    for path in sorted((out / "results").glob("*/*.json")):
        result = json.loads(path.read_text())
        del result["seconds"]
        found[f"{path.parent.name}/{path.stem}"] = result
    return found


@pytest.fixture(scope="module")
def serial(handed_in, seed, tmp_path_factory):
    """The results of one process that nobody disturbed."""
    out = tmp_path_factory.mktemp("serial")
    done = subprocess.run(command(handed_in, seed, out), capture_output=True, text=True)
    assert done.returncode == 1, done.stderr  # torn files have no grade
    return results(out)


def test_every_submission_has_a_result(serial):
    assert len(serial) == 200
    statuses = {result["status"] for result in serial.values()}
    assert statuses == {"GRADED", "INVALID", "TIMEOUT", "CRASH"}


def test_a_submission_without_a_grade_has_no_number(serial):
    for result in serial.values():
        assert (result["score"] is None) == (result["status"] == "INVALID")


def test_right_work_among_hostile_work_keeps_all_points(serial):
    full = [r for r in serial.values() if r["score"] == r["max_score"]]
    assert len(full) > 50
    assert all(result["status"] == "GRADED" for result in full)


def test_two_processes_give_the_same_grades(handed_in, seed, serial, tmp_path):
    done = subprocess.run(
        command(handed_in, seed, tmp_path, "--workers", "2"), capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert results(tmp_path) == serial


def test_a_grader_killed_five_times_repeats_and_loses_nothing(handed_in, seed, serial, tmp_path):
    draw = random.Random(11)
    for _ in range(5):
        before = len(list((tmp_path / "jobs").glob("*.json")))
        killed = subprocess.Popen(
            command(handed_in, seed, tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wanted = before + draw.randint(1, 30)
        while len(list((tmp_path / "jobs").glob("*.json"))) < wanted and killed.poll() is None:
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    done = subprocess.run(command(handed_in, seed, tmp_path), capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert results(tmp_path) == serial
    log = [json.loads(line) for line in (tmp_path / "jobs" / "log.jsonl").read_text().splitlines()]
    finished = [entry["key"] for entry in log if entry["event"] == "done"]
    assert len(finished) == len(set(finished)), "a job was graded twice"
