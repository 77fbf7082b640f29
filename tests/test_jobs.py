"""Jobs in one process: each is graded once, whatever happens to the grader or to its files."""

import random
import shutil
from types import SimpleNamespace

import pytest
from grading_runs import (
    begin,
    graded_again,
    log,
    on_disk,
    run,
    stored_scores,
    times_graded,
)
from stand_in_judge import ASSIGNMENT, Found, class_of, submission, told

from course_lib.grading.jobs.jobs import Stopped
from course_lib.grading.jobs.process import Here
from course_lib.grading.judge.sandbox import NoSandbox

SIZE, KILLS = 40, 5


@pytest.fixture
def folder(tmp_path):
    """Where submissions tell what they did; the run's own folder is `folder / "run"`."""
    return tmp_path


def test_results_on_disk_are_those_yielded(folder):
    found = class_of(folder, 3)
    results = run(found, folder / "run")
    assert {name: result["score"] for name, result in results.items()} == {
        "student0": 0, "student1": 0.125, "student2": 0.25
    }  # fmt: skip
    assert on_disk(folder / "run") == results


def test_second_run_grades_nothing(folder):
    found = class_of(folder, 5)
    first = run(found, folder / "run")
    shutil.rmtree(folder / "run" / "results")
    assert run(found, folder / "run") == first == on_disk(folder / "run")
    assert set(times_graded(folder).values()) == {1}


def test_new_submission_alone_is_graded(folder):
    run(class_of(folder, 5), folder / "run")
    run(class_of(folder, 6), folder / "run")
    assert set(times_graded(folder).values()) == {1}


def test_killed_grader_loses_and_repeats_nothing(folder):
    found = class_of(folder, SIZE, seconds=0.01)
    moments = random.Random(7)
    for _ in range(KILLS):
        before = times_graded(folder)
        stored = stored_scores(folder / "run")
        grader = begin(found, folder / "run")
        grader.join(moments.uniform(0, 0.02 * SIZE / KILLS))
        grader.kill()
        grader.join()
        assert not [score for score in stored if times_graded(folder)[score] != before[score]]
    resumed = run(found, folder / "run")
    assert resumed == on_disk(folder / "run") == run(found, folder / "whole")
    assert len(stored_scores(folder / "run")) == SIZE
    assert not graded_again(folder / "run")


def test_submission_that_kills_the_grader_costs_itself_alone(folder):
    found = class_of(folder, 6)
    found[2:2] = [
        Found("poison", "layer", submission(folder, score=3.0, die=True)),
        Found("unlucky", "layer", submission(folder, score=3.5, die_once="died")),
    ]
    lives = [begin_and_read(found, folder) for _ in range(3)]
    assert lives[:2] == [None, None]  # each of the two took the grader with it once
    results = lives[2]
    assert times_graded(folder)[3.0] == 3  # once in the grader, twice apart
    assert results["poison"]["status"] == "CRASH"
    assert results["poison"]["score"] is None
    assert "died each time" in results["poison"]["reason"]
    others = {name: result["status"] for name, result in results.items() if name != "poison"}
    assert others == dict.fromkeys(["unlucky", *(f.student for f in class_of(folder, 6))], "GRADED")
    assert not graded_again(folder / "run")


def begin_and_read(found, folder):
    """Grade in another process; return the results if it lived to the end."""
    grader = begin(found, folder / "run")
    grader.join()
    return on_disk(folder / "run") if grader.exitcode == 0 else None


def test_serial_run_imports_no_dask(folder):
    begin(class_of(folder, 1), folder).join()
    assert told(folder, "dask imported") == ["False"]


@pytest.mark.parametrize("fault", ["error", "exit"])
def test_fault_of_the_judge_is_no_grade(folder, fault):
    broken = Found("ada", "layer", submission(folder, score=2.0, fault=fault))
    results = run([broken, *class_of(folder, 2)], folder / "run")
    assert results["ada"]["status"] == "CRASH"
    assert results["ada"]["score"] is None
    assert [question["score"] for question in results["ada"]["questions"]] == [None]
    assert results["student1"]["score"] == 0.125
    assert any("Traceback" in entry.get("fault", "") for entry in log(folder / "run"))


def test_result_that_is_no_json_is_a_fault_of_the_judge(folder):
    found = class_of(folder, 1, nan=True)
    assert run(found, folder / "run")["student0"]["status"] == "CRASH"


def test_fault_is_graded_again_on_demand_alone(folder):
    raw = submission(folder, score=2.0, fault="error")
    found = [Found(name, "layer", raw) for name in ("ada", "emmy")] + class_of(folder, 1)
    run(found, folder / "run")
    run(found, folder / "run")
    assert times_graded(folder) == {2.0: 1, 0: 1}
    run(found, folder / "run", again=True)
    assert times_graded(folder) == {2.0: 2, 0: 1}


def test_missing_sandbox_stops_the_run(folder):
    with pytest.raises(NoSandbox):
        run(class_of(folder, 2, fault="no sandbox"), folder / "run")
    assert not on_disk(folder / "run")


def test_equal_submissions_are_graded_once(folder):
    raw = submission(folder, score=1.5)
    found = [Found(name, "layer", raw) for name in ("ada", "emmy")]
    results = run(found, folder / "run")
    assert {name: result["score"] for name, result in results.items()} == {"ada": 1.5, "emmy": 1.5}
    assert times_graded(folder) == {1.5: 1}


class Several(Here):
    """Jobs that end later than others begin."""

    capacity = 3

    def collect(self, below):
        while len(self._done) >= below:
            yield self._done.popleft()


def test_equal_submissions_side_by_side_are_graded_once(folder, monkeypatch):
    monkeypatch.setattr("course_lib.grading.jobs.jobs.Here", Several)
    raw = submission(folder, score=1.5)
    found = [Found(name, "layer", raw) for name in ("ada", "emmy", "grace", "sofia")]
    assert len(run(found, folder / "run")) == 4
    assert times_graded(folder) == {1.5: 1}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Found("ada", "layer", None, "two files"), "two files"),
        (Found("ada", "essay", b""), "There is no exercise 'essay'."),
    ],
)
def test_what_cannot_be_graded_is_invalid_and_not_lost(folder, found, reason):
    result = run([found, *class_of(folder, 1)], folder / "run")["ada"]
    assert (result["status"], result["score"], result["reason"]) == ("INVALID", None, reason)
    assert on_disk(folder / "run")["ada"] == result


def test_late_is_told_but_no_part_of_the_job(folder):
    found = class_of(folder, 1)
    assert run(found, folder / "run")["student0"]["late"] is False
    found = [found[0]._replace(late=True)]
    assert run(found, folder / "run")["student0"]["late"] is True
    assert times_graded(folder) == {0: 1}


def test_ctrl_c_says_how_to_go_on(folder):
    found = [*class_of(folder, 2), *class_of(folder, 1, fault="ctrl-c")]
    with pytest.raises(Stopped, match=r"^stopped after 2 of 3 .* same command again"):
        run(found, folder / "run")
    assert len(on_disk(folder / "run")) == 2


def test_submissions_are_taken_one_by_one(folder):
    taken = []

    def found():
        for one in class_of(folder, 5):
            taken.append(one)
            assert len(taken) <= len(times_graded(folder)) + 1
            yield one

    assert len(run(found(), folder / "run")) == len(taken) == 5


def test_pool_lasts_for_the_run(folder):
    run(class_of(folder, 3), folder / "run")
    assert (len(told(folder, "opened")), len(told(folder, "closed"))) == (1, 1)


def test_progress_counts_all_submissions(folder):
    seen = SimpleNamespace(steps=0)

    def watch(results, label, total):
        seen.total = total
        for result in results:
            seen.steps += 1
            yield result

    run(class_of(folder, 3), folder / "run", watch=watch)
    run(class_of(folder, 4), folder / "run", watch=watch)
    assert (seen.total, seen.steps) == (4, 7)


def test_nothing_is_printed_where_nobody_watches(folder, capsys):
    run(class_of(folder, 3), folder / "run")
    assert capsys.readouterr() == ("", "")


def test_no_worker_at_all_is_refused(folder):
    with pytest.raises(ValueError, match="expected 1 worker or more, got 0"):
        run(class_of(folder, 1), folder / "run", workers=0)


def test_points_of_the_assignment_stand_where_nothing_was_judged(folder):
    found = [Found("ada", "layer", None, "two files")]
    assert run(found, folder / "run")["ada"]["max_score"] == ASSIGNMENT.max_score
