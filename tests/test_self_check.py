"""`course check` and `course release`, as a learner and a contributor call them."""

import pytest
from nbformat.v4 import new_code_cell
from notebooks import ROOT, answered, answers, checks, read, write

from course_lib.grading.command_line import main

SOLUTION = answers(read(ROOT / "solutions/batch_norm/batch_norm.ipynb"))


@pytest.fixture
def check_answers(tmp_path, capsys):
    """Answer the batch norm exercise, run `course check` on it, return (status, output)."""

    def run(given=SOLUTION, edit=lambda notebook: None, *options):
        notebook = answered("batch_norm", given)
        edit(notebook)
        path = write(notebook, tmp_path / "batch_norm.ipynb")
        status = main(["check", str(path), *options])
        return status, capsys.readouterr().out

    return run


def test_solved_exercise_gets_every_point(check_answers):
    status, output = check_answers()
    assert status == 0
    assert "batch_norm: 18 of 18 points" in output


def test_unsolved_exercise_gets_none(check_answers):
    status, output = check_answers({})
    assert status == 1
    assert "batch_norm.normalize is not written yet" in output
    assert "batch_norm: 0 of 18 points" in output


def test_wrong_answer_gets_a_hint_that_names_the_error(check_answers):
    outside = SOLUTION["normalize"].replace(
        "np.sqrt(var.reshape(shape) + eps)", "(np.sqrt(var.reshape(shape)) + eps)"
    )
    assert outside != SOLUTION["normalize"]
    status, output = check_answers({**SOLUTION, "normalize": outside})
    assert status == 1
    assert "ε stands outside the square root" in output


def test_endless_loop_costs_its_own_question(check_answers):
    endless = "def update_running(*args):\n    while True:\n        pass"
    status, output = check_answers(
        {**SOLUTION, "update_running": endless}, lambda notebook: None, "--timeout", "2"
    )
    assert status == 1
    assert "✗ update_running: 0 of 2 points" in output
    assert "✓ evaluate: 2 of 2 points" in output


def test_dead_kernel_is_said_and_what_was_earned_before_stays(check_answers):
    dead = "import os\ndef evaluate(*args):\n    os._exit(3)"
    status, output = check_answers({**SOLUTION, "evaluate": dead})
    assert status == 1
    assert "✓ normalize: 4 of 4 points" in output
    assert "not run: Python stopped" in output


def test_cell_that_breaks_the_rest_is_named(check_answers):
    status, output = check_answers({**SOLUTION, "normalize": "def normalize(:"})
    assert status == 1
    assert "NameError: name 'normalize' is not defined" in output
    assert "raised SyntaxError" in output


def test_deleted_check_is_missed(check_answers):
    status, output = check_answers(
        SOLUTION, lambda notebook: notebook.cells.remove(checks(notebook)[0])
    )
    assert status == 1
    assert "✗ channel_statistics: 0 of 3 points\n  its check is missing" in output


def test_learners_own_cells_and_prints_do_no_harm(check_answers):
    def add(notebook):
        notebook.cells.insert(1, new_code_cell("print('batch_norm: 99 of 99 points')"))

    assert check_answers(SOLUTION, add)[0] == 0


@pytest.mark.parametrize("content", [None, b"", b"\x00\xff", b"{}", b'{"cells": 3}', b"[1]"])
def test_unreadable_file_is_refused_in_one_line(tmp_path, capsys, content):
    path = tmp_path / "batch_norm.ipynb"
    if content is not None:
        path.write_bytes(content)
    assert main(["check", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("course check: expected a notebook")
    assert error.count("\n") == 1


def test_release_outside_the_course_says_where_to_run_it(tmp_path, capsys):
    assert main(["release", "--root", str(tmp_path)]) == 2
    assert "nbgrader_config.py" in capsys.readouterr().err


def test_release_check_reports_drift(tmp_path, capsys):
    for part in ("nbgrader_config.py", "solutions/batch_norm/batch_norm.ipynb"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).write_bytes((ROOT / part).read_bytes())
    assert main(["release", "--root", str(tmp_path), "--check"]) == 1
    assert "out of date: exercises" in capsys.readouterr().err
    assert main(["release", "--root", str(tmp_path)]) == 0
    assert main(["release", "--root", str(tmp_path), "--check"]) == 0
