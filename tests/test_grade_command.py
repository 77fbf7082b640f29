"""`course grade` and `course report`, as an instructor types them."""

import csv
import json
import sqlite3
import stat

import pytest
from notebooks import ROOT
from submissions import locked_pool, submission, unsolved

from course_lib.grading.command_line import main
from course_lib.grading.jobs.jobs import run_jobs
from course_lib.grading.judge import sandbox

pool = pytest.fixture(scope="module")(locked_pool)


@pytest.fixture
def handed_in(tmp_path):
    """Three submissions: right, unsolved, and no notebook."""
    folder = tmp_path / "submitted"
    for student, raw in {
        "ada": submission("batch_norm"),
        "bob": unsolved("batch_norm"),
        "eve": b"%PDF-1.4",
    }.items():
        path = folder / student / "batch_norm" / "batch_norm.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(raw)
    return folder


@pytest.fixture
def graded(pool, handed_in, tmp_path, capsys):
    """Grade into DIR; return the exit status and DIR."""

    def run(*options):
        arguments = ["grade", str(handed_in), "--out", str(tmp_path / "out"), "--root", str(ROOT)]
        return main([*arguments, *options]), tmp_path / "out"

    return run


def rows(directory):
    with (directory / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_class_is_graded_into_every_form(graded, capsys):
    status, out = graded()
    assert status == 1  # eve needs a person
    said = capsys.readouterr()
    assert "2 GRADED, 1 INVALID" in said.out
    assert "eve/batch_norm" in said.err
    table = rows(out)
    assert [table[name]["score"] for name in ("ada", "bob", "eve")] == ["18", "0", ""]
    assert [table[name]["reason"] for name in ("ada", "bob")] == ["", ""]
    assert json.loads((out / "results/ada/batch_norm.json").read_text())["score"] == 18.0
    with sqlite3.connect(out / "gradebook.db") as book:
        assert book.execute("select count(*) from submitted_assignment").fetchone() == (2,)
    assert (out / "autograded/ada/batch_norm/batch_norm.ipynb").is_file()
    assert not (out / "autograded/eve").exists()


def test_only_its_user_may_read_the_secret(graded):
    _, out = graded()
    assert stat.S_IMODE((out / "seed").stat().st_mode) == 0o600
    assert len((out / "seed").read_text().strip()) == 64


def test_a_second_run_grades_nothing_and_changes_nothing(graded):
    _, out = graded()
    before = {path: path.read_bytes() for path in out.glob("results/*/*.json")}
    log = (out / "jobs/log.jsonl").read_text()
    assert graded()[0] == 1
    assert {path: path.read_bytes() for path in out.glob("results/*/*.json")} == before
    assert (out / "jobs/log.jsonl").read_text().count('"done"') == log.count('"done"')


def test_a_report_has_feedback_for_everyone(graded, capsys):
    _, out = graded()
    assert main(["report", str(out)]) == 0
    for student in ("ada", "bob", "eve"):
        assert (out / "feedback" / student / "batch_norm.html").is_file()
    assert (out / "report/index.html").is_file()
    assert "batch_norm" in capsys.readouterr().out


def test_private_questions_count(graded, tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "batch_norm.py").write_text(
        "from course_lib.grading.checks import batch_norm\nevaluate = batch_norm.evaluate\n"
    )
    _, out = graded("--overlay", str(folder))
    result = json.loads((out / "results/ada/batch_norm.json").read_text())
    assert result["max_score"] == result["score"] > 18.0


def test_without_a_sandbox_nothing_is_graded_and_the_way_out_is_told(
    graded, handed_in, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    status, out = graded()
    said = capsys.readouterr().err
    assert status == 2
    assert "apt-get install bubblewrap" in said
    assert "--no-sandbox" in said
    assert not list(out.glob("results/*/*.json"))


def test_grading_without_a_sandbox_says_so_everywhere(graded, capsys):
    _, out = graded("--no-sandbox")
    assert "WITHOUT A SANDBOX" in capsys.readouterr().err
    result = json.loads((out / "results/ada/batch_norm.json").read_text())
    assert (result["sandbox"], result["score"]) == (False, 18.0)
    assert rows(out)["ada"]["sandbox"] == "false"
    main(["report", str(out)])
    assert "sandbox" in (out / "report/index.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--root", "/nowhere"], "expected a course with solutions"),
        (["--seed-file", "/nowhere"], "expected the secret"),
        (["--overlay", "/nowhere"], "expected a folder of private questions"),
        (["--db", "nosuch://x"], "expected"),
        (["--assignment", "nosuch"], "expected one of the assignments"),
        (["--scheduler", "tcp://127.0.0.1:1"], "expected"),
    ],
)
def test_wrong_use_is_told_with_the_repair(graded, capsys, options, said, monkeypatch):
    # Which scheduler never answers, a second shows as well as the usual minute.
    monkeypatch.setitem(run_jobs.__kwdefaults__, "patience", 1.0)
    status, _ = graded(*options)
    assert status == 2
    assert said in capsys.readouterr().err
