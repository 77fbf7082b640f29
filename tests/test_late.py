"""Who was late: never guessed, never said by a learner, the same in every place."""

import csv
import functools
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from grading_runs import on_disk, run
from hand_ins import KNOWN, WORK, packed, tree
from judged import result
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from notebooks import ROOT
from stand_in_judge import SEED, Pool, submission
from submissions import assignment, unsolved
from traitlets.config import PyFileConfigLoader

from course_lib.grading import grade_command
from course_lib.grading.command_line import main
from course_lib.grading.gradebook import nbgrader_judge
from course_lib.grading.gradebook.autograded import write_settings
from course_lib.grading.gradebook.deadlines import set_deadlines
from course_lib.grading.gradebook.gradebook import import_results
from course_lib.grading.jobs.jobs import run_jobs
from course_lib.grading.submissions.collect import collect
from course_lib.grading.submissions.lateness import Deadlines, due_dates, read_time

EXERCISE = assignment("batch_norm")
DUE = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
ON_TIME, LATE = "2026-12-01 22:59:00.000000 UTC", "2026-12-01 23:59:30.5 +0100"
STAMP = "{}/batch_norm/timestamp.txt"
CLASS = {  # two are known; 30.5 s after the date is late, the date itself is not
    WORK.format("ada"): "1",
    STAMP.format("ada"): ON_TIME,
    WORK.format("bob"): "2",
    STAMP.format("bob"): LATE,
    WORK.format("cem"): "3",
}


@pytest.fixture(autouse=True)
def far_from_utc(monkeypatch):
    """Be where local time is 5:30 h ahead: a time without a zone taken for local shows."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


def late(source, **due):
    """Collect from `source`: who was late."""
    found = collect(source, KNOWN)
    found.deadlines = Deadlines({"batch_norm": DUE}, **due)
    return {one.student: one.late for one in found}


def book(directory):
    return Gradebook(f"sqlite:///{directory / 'gradebook.db'}")


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-01 22:59:00.000000 UTC", "2026-12-01T22:59:00Z", "2026-12-01 22:59:00+00:00"),
        *("2026-12-01 23:59:00 +0100", "2026-12-01 14:29:00.0 -08:30\n"),
    ],
)
def test_a_time_with_its_zone_is_read(text):
    assert read_time(text.encode()) == DUE


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-01 22:59:00", "2026-12-01 22:59:00 CET", "2026-12-01 22:59:00 CST", ""),
        *("yesterday", "\xff", "0001-01-01 00:00:00+14:00", f"2026-12-01 22:59Z{' ' * 100}"),
    ],
)
def test_a_time_that_is_not_certain_is_none(text):
    assert read_time(text.encode("latin-1")) is None


def test_a_due_date_is_of_the_one_assignment_handed_in_or_of_the_one_it_names():
    date = "2026-12-01T23:59+01:00"
    assert due_dates([date], {"backward"}, KNOWN) == {"backward": DUE}
    both = [f"week-1={date}", "backward=2026-12-01T22:59Z"]
    assert due_dates(both, set(), KNOWN) == {"week-1": DUE, "backward": DUE}


@pytest.mark.parametrize(
    ("option", "handed_in", "said"),
    [
        ("2026-12-01T23:59", {"backward"}, "which has no time zone"),
        ("2026-12-01", {"backward"}, "which has no time zone"),
        ("1. 12. 2026", {"backward"}, "no such date"),
        ("2026-12-01T23:59Z", {"backward", "week-1"}, "--due ASSIGNMENT=2026-12-01T23:59"),
        ("2026-12-01T23:59Z", set(), "for none; write --due ASSIGNMENT"),
        ("essay=2026-12-01T23:59Z", {"backward"}, "of this course"),
    ],
)
def test_a_due_date_that_is_not_clear_is_refused(option, handed_in, said):
    with pytest.raises(ValueError, match=said):
        due_dates([option], handed_in, KNOWN)


def test_late_is_after_the_date_and_empty_where_nobody_knows(tmp_path):
    assert late(tree(tmp_path, CLASS)) == {"ada": False, "bob": True, "cem": None}


def test_without_a_date_nobody_is_late(tmp_path):
    found = collect(tree(tmp_path, CLASS), KNOWN)
    assert {one.late for one in found} == {None}


def test_an_extension_counts_for_him_who_has_it(tmp_path):
    more = {("bob", "batch_norm"): timedelta(minutes=1), ("ada", "backward"): timedelta(days=-1)}
    assert late(tree(tmp_path, CLASS), extensions=more)["bob"] is False
    assert late(tmp_path)["bob"] is True


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Ada_201_assignsubmission_file_/batch_norm.ipynb", "201"),
        ("Ada_201_assignsubmission_file_/batch_norm/batch_norm.ipynb", "201"),
        ("ada_batch_norm.ipynb", "ada"),
    ],
)
def test_no_time_that_came_with_an_upload_counts(name, student, tmp_path):
    files = {name: "1", f"{name.rpartition('/')[0] or '.'}/timestamp.txt": ON_TIME}
    assert late(tree(tmp_path / "d", files)) == {student: None}


def test_no_time_inside_a_zip_counts(tmp_path):
    assert set(late(packed(tmp_path / "c.zip", CLASS)).values()) == {None}


def test_a_timestamp_that_is_no_file_is_unknown(tmp_path):
    tree(tmp_path, CLASS)
    (tmp_path / STAMP.format("ada")).unlink()
    (tmp_path / STAMP.format("ada")).symlink_to(tmp_path / STAMP.format("bob"))
    (tmp_path / STAMP.format("cem")).mkdir()
    assert late(tmp_path) == {"ada": None, "bob": True, "cem": None}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lovelaceada_101_5001_batch_norm.ipynb", False),
        ("lovelaceada_LATE_101_5001_batch_norm.ipynb", True),
        ("LATE_anon_Xy3_5001_batch_norm.ipynb", True),
        ("anon_Xy3_5001_batch_norm.ipynb", False),
        ("lovelacelate_101_5001_batch_norm.ipynb", False),  # a name
        ("lovelaceada_late_101_5001_batch_norm.ipynb", None),  # a name, or Canvas years ago
        ("lovelaceada_101_5001_LATE_102_5002_batch_norm.ipynb", False),  # the file's own name
    ],
)
def test_canvas_says_who_was_late_and_the_file_does_not(name, expected, tmp_path):
    assert list(late(tree(tmp_path, {name: "1"})).values()) == [expected]


def test_the_mark_of_the_file_that_counts_is_taken(tmp_path):
    names = ("a_101_1_batch_norm.ipynb", "a_LATE_101_2_batch_norm-1.ipynb")
    assert late(tree(tmp_path, dict.fromkeys(names, "1"))) == {"101": True}


def test_the_files_for_machines_say_when_and_whether_late(tmp_path):
    for student, stamp in {"ada": ON_TIME, "bob": LATE, "cem": None}.items():
        path = tmp_path / "in" / student / "layer"
        tree(path, {"layer.ipynb": submission(tmp_path)})
        tree(path, {"timestamp.txt": stamp} if stamp else {})
    found = collect(tmp_path / "in", ["layer"])
    found.deadlines = Deadlines({"layer": DUE})
    run(found, tmp_path / "out")
    said = {s: (r["late"], r["submitted"]) for s, r in on_disk(tmp_path / "out").items()}
    assert said == {
        "ada": (False, "2026-12-01T22:59:00+00:00"),
        "bob": (True, "2026-12-01T22:59:30.500000+00:00"),
        "cem": (None, None),
    }


def test_nbgrader_counts_the_same_seconds(tmp_path):
    deadlines = set_deadlines(tmp_path, due={"batch_norm": DUE.astimezone()})
    assert deadlines.due == {"batch_norm": DUE}
    times = {"ada": ON_TIME, "bob": LATE}
    results = [
        result(EXERCISE, s) | {"submitted": read_time(t.encode()).isoformat()}
        for s, t in times.items()
    ]
    import_results(results, {"batch_norm": EXERCISE}, tmp_path)
    with book(tmp_path) as gradebook:
        rows = gradebook.assignment_submissions("batch_norm")
        assert {row.student_id: row.total_seconds_late for row in rows} == {"ada": 0, "bob": 30.5}


def test_dates_and_extensions_of_the_gradebook_count(tmp_path):
    set_deadlines(tmp_path)
    import_results([result(EXERCISE, "bob")], {"batch_norm": EXERCISE}, tmp_path)
    with book(tmp_path) as gradebook:  # as formgrader's form of an assignment does
        gradebook.update_or_create_assignment("batch_norm", duedate="2026-12-01T22:59:00 +0000")
        gradebook.grant_extension("batch_norm", "bob", minutes=1)
    found = set_deadlines(tmp_path)
    assert found.due == {"batch_norm": DUE}
    assert found.extensions == {("bob", "batch_norm"): timedelta(minutes=1)}


@pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize(("came", "expected"), [(LATE, True), (ON_TIME, False), ("", "before")])
def test_formgraders_button_says_the_same(came, expected, tmp_path, monkeypatch):
    judged = result(EXERCISE, "bob")
    monkeypatch.setattr(nbgrader_judge, "grade", lambda *_: judged)
    monkeypatch.setattr(nbgrader_judge, "_pool", lambda sandbox: None)
    work = tmp_path / "submitted/bob/batch_norm"
    tree(work, {"batch_norm.ipynb": unsolved("batch_norm"), "timestamp.txt": came})
    tree(tmp_path, {"seed": SEED, "results/bob/batch_norm.json": json.dumps({"late": "before"})})
    set_deadlines(tmp_path, due={"batch_norm": DUE})
    import_results([result(EXERCISE, "ada")], {"batch_norm": EXERCISE}, tmp_path)
    write_settings(tmp_path, ROOT)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(tmp_path)).load_config()
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    done = api.autograde("batch_norm", "bob")
    assert done["success"], done.get("log")
    assert json.loads((tmp_path / "results/bob/batch_norm.json").read_text())["late"] == expected


def test_course_grade_takes_the_date_and_keeps_it(tmp_path, monkeypatch, capsys):
    stand_in = functools.partial(run_jobs, grade=lambda *_: result(EXERCISE), make_pool=Pool)
    monkeypatch.setattr(grade_command, "run_jobs", stand_in)
    files = {n: t if "stamp" in n else unsolved("batch_norm") for n, t in CLASS.items()}
    arguments = ["grade", str(tree(tmp_path / "in", files)), "--out", str(tmp_path / "out")]
    for more in (["--due", "2026-12-01T23:59+01:00"], []):  # the second takes it from the gradebook
        main([*arguments, "--root", str(ROOT), *more])
        assert "1 late, 1 in time, 1 not known" in capsys.readouterr().out
        with (tmp_path / "out/grades.csv").open(newline="") as file:
            rows = {row["student"]: row["late"] for row in csv.DictReader(file)}
        assert rows == {"ada": "false", "bob": "true", "cem": ""}
    assert main([*arguments, "--root", str(ROOT), "--due", "2026-12-01T23:59"]) == 2
    assert "which has no time zone" in capsys.readouterr().err
