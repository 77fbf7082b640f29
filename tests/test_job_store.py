"""What a grading run keeps on disk: trusted only as written, and by one process at a time."""

import json
from unittest.mock import Mock

import pytest
from grading_runs import (
    await_told,
    begin,
    on_disk,
    run,
    times_graded,
)
from stand_in_judge import SEED, Found, class_of

from course_lib.grading.jobs.jobs import Stopped
from course_lib.grading.jobs.store import Busy, JobStore
from course_lib.grading.judge.pool import Limits


@pytest.fixture
def folder(tmp_path):
    """Where submissions tell what they did; the run's own folder is `folder / "run"`."""
    return tmp_path


def job_file(folder):
    (path,) = (folder / "run" / "jobs").glob("*.json")
    return path


@pytest.mark.parametrize(
    "change",
    [
        {"seed": b"another"},
        {"sandbox": False},
        {"limits": Limits(cell=1.0)},
    ],
    ids=str,
)
def test_what_a_result_depends_on_is_part_of_the_job(folder, change):
    found = class_of(folder, 1)
    run(found, folder / "run")
    run(found, folder / "run", **change)
    assert times_graded(folder) == {0: 2}


def test_key_differs_if_any_part_differs(folder):
    store, other = JobStore(folder, SEED, "a"), JobStore(folder, SEED + b"!", "a")
    keys = [
        store.key("digest", b"raw"),
        store.key("digest", b"raW"),
        store.key("digesT", b"raw"),
        store.key("igest", b"rawd"),  # the same bytes in a row, cut elsewhere
        store.key("digesta", b"raw"),
        JobStore(folder, SEED, "").key("digesta", b"raw"),
        other.key("digest", b"raw"),
    ]
    assert len(set(keys)) == len(keys)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-20])


def edited(path):
    path.write_text(path.read_text().replace('"score": 0.0', '"score": 4.0'))


def of_another_job(path):
    run(class_of(path.parents[2], 2)[1:], path.parents[2] / "other")
    (other,) = (path.parents[2] / "other" / "jobs").glob("*.json")
    path.write_bytes(other.read_bytes())


def no_record(path):
    path.write_text("[1, 2]")


def without_seal(path):
    record = json.loads(path.read_text())
    del record["seal"]
    path.write_text(json.dumps(record | {"result": record["result"] | {"score": 4.0}}))


def nested(path):
    path.write_text("[" * 100_000)


@pytest.mark.parametrize(
    "spoil", [truncated, edited, of_another_job, no_record, without_seal, nested],
    ids=lambda spoil: spoil.__name__,
)  # fmt: skip
def test_spoiled_file_is_not_trusted(folder, spoil):
    found = class_of(folder, 1)
    first = run(found, folder / "run")
    before = job_file(folder).read_bytes()
    spoil(job_file(folder))
    assert job_file(folder).read_bytes() != before
    assert run(found, folder / "run") == first
    assert times_graded(folder)[0] == 2


def test_seed_is_in_no_file(folder):
    run(class_of(folder, 2), folder / "run")
    written = b"".join(p.read_bytes() for p in folder.rglob("run/**/*") if p.is_file())
    assert SEED not in written
    assert SEED.hex().encode() not in written


def test_two_graders_in_one_folder_are_refused(folder):
    grader = begin(class_of(folder, 1, wait_for="go"), folder / "run")
    await_told(folder, "waits")
    with pytest.raises(Busy, match=rf"expected to grade alone .* got process {grader.pid} on"):
        run(class_of(folder, 1), folder / "run")
    (folder / "go").touch()
    grader.join()
    assert grader.exitcode == 0


def test_lock_dies_with_its_process(folder):
    grader = begin(class_of(folder, 1, wait_for="go"), folder / "run")
    await_told(folder, "waits")
    grader.kill()
    grader.join()
    (folder / "go").touch()
    assert run(class_of(folder, 1, wait_for="go"), folder / "run")["student0"]["score"] == 0


def test_ctrl_c_makes_no_suspect(folder):
    with pytest.raises(Stopped):
        run(class_of(folder, 1, fault="ctrl-c"), folder / "run")
    with JobStore(folder / "run", SEED) as store:
        assert not store.left_in_the_middle()


def test_student_with_two_submissions_is_refused(folder):
    with pytest.raises(ValueError, match="expected one submission of layer from student0, got two"):
        run(class_of(folder, 1) + class_of(folder, 1, seconds=0.01), folder / "run")


@pytest.mark.parametrize("name", ["..", "", "a/b", "a\\b", "a\0b", "ö" * 121])
def test_name_that_leads_elsewhere_is_refused(folder, name):
    with pytest.raises(ValueError, match="expected names of at most 240 bytes"):
        run([Found(name, "layer", None, "nothing")], folder / "run")


def test_leftovers_of_a_killed_run_are_removed(folder):
    found = class_of(folder, 1)
    run(found, folder / "run")
    leftovers = [folder / "run/jobs/x.json.tmp", folder / "run/results/student0/layer.json.tmp"]
    for path in leftovers:
        path.write_text("{")
    run(found, folder / "run")
    assert not [path for path in leftovers if path.exists()]


def test_result_is_replaced_in_one_step(folder, monkeypatch):
    found = class_of(folder, 1)
    results = run(found, folder / "run")
    monkeypatch.setattr("os.replace", Mock(side_effect=OSError("the plug was pulled")))
    with pytest.raises(OSError, match="pulled"):
        run([found[0]._replace(late=True)], folder / "run")
    assert on_disk(folder / "run") == results


def test_torn_log_is_no_obstacle(folder):
    run(class_of(folder, 1), folder / "run")
    path = folder / "run" / "jobs" / "log.jsonl"
    path.write_bytes(b'{"event": "begun here", "key": "k"}\n7\n{"event": "don')
    run(class_of(folder, 2), folder / "run")
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "done"
