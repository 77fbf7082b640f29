"""Clusters that cannot grade are refused, with the way to mend them."""

import functools

import pytest
from distributed import LocalCluster
from grading_cluster import NO_PACKAGE, OTHER_VERSION, scheduler_without_workers, worker
from grading_runs import (
    PROCESSES,
    SECONDS,
    run,
)
from stand_in_judge import ASSIGNMENT, SEED, Pool, class_of, grade, submission

from course_lib.grading.jobs import cluster_worker
from course_lib.grading.jobs.process import ClusterError, Job, Task


@pytest.fixture(scope="module")
def scheduler():
    with scheduler_without_workers() as address:
        yield address


def test_scheduler_that_does_not_answer_is_named(tmp_path):
    expected = r"expected a dask scheduler at tcp://127.0.0.1:1, got .* `dask scheduler`"
    with pytest.raises(ClusterError, match=expected):
        run(class_of(tmp_path, 1), tmp_path / "run", scheduler="tcp://127.0.0.1:1", patience=0.5)


def test_missing_workers_are_named_with_the_way_to_start_them(tmp_path, scheduler):
    expected = rf"got none within 0\.5 s; start some by `dask worker {scheduler} --nthreads 1"
    with pytest.raises(ClusterError, match=expected):
        run(class_of(tmp_path, 1), tmp_path / "run", scheduler=scheduler, patience=0.5)


@pytest.mark.parametrize(
    ("code", "got"),
    [(OTHER_VERSION, r"course_lib 0\.0\.1"), (NO_PACKAGE, ".*ModuleNotFoundError")],
    ids=["other version", "no package"],
)
def test_worker_with_another_package_is_refused(tmp_path, scheduler, code, got):
    with (
        worker(scheduler, code),
        pytest.raises(ClusterError, match=rf"expected course_lib .* got {got}.*; install"),
    ):
        run(class_of(tmp_path, 1), tmp_path / "run", scheduler=scheduler)


def test_worker_that_came_later_is_asked_too(tmp_path):
    task = Task(grade, Pool, SEED, True, SECONDS)
    with pytest.raises(
        cluster_worker.WrongVersion, match=r"expected another on the worker .*, got course_lib"
    ):
        cluster_worker.graded(task, Job("key", ASSIGNMENT, b""), "run", "another")


def test_worker_of_two_threads_is_refused(tmp_path):
    with (
        LocalCluster(1, processes=False, threads_per_worker=2, dashboard_address=None) as two,
        pytest.raises(ClusterError, match="expected workers of one thread, got 2"),
    ):
        run(class_of(tmp_path, 1), tmp_path / "run", scheduler=two.scheduler_address)


def test_hanging_judge_is_ended(tmp_path):
    task = Task(grade, functools.partial(Pool, sandbox=True, limits=None), SEED, True, limit=0.1)
    job = Job("key", ASSIGNMENT, submission(tmp_path, wait_for="never"))
    process = PROCESSES.Process(target=cluster_worker.graded, args=(task, job, "run", None))
    process.start()
    process.join(SECONDS)
    assert process.exitcode == 1
