"""Jobs on many processes: the same results as on one, whoever dies."""

import contextlib
import os
import signal
from collections import Counter
from typing import NamedTuple

import psutil
import pytest
from distributed import LocalCluster
from grading_cluster import scheduler_without_workers, worker
from grading_runs import (
    SECONDS,
    await_told,
    begin,
    graded_again,
    log,
    on_disk,
    run,
    stored_scores,
    times_graded,
)
from stand_in_judge import KILL, Found, class_of, submission, told

from course_lib.grading.jobs import cluster
from course_lib.grading.jobs.jobs import Stopped

SIZE = 12
HONEST = [f"student{number}" for number in range(SIZE)]


def mixed(folder):
    """Return submissions of every kind, twelve of them honest."""
    honest = class_of(folder, SIZE, seconds=0.02)
    return [
        honest[0],
        Found("copy", "layer", honest[0].raw),
        *honest[1:4],
        Found("poison", "layer", submission(folder, score=3.0, die=True)),
        Found("unlucky", "layer", submission(folder, score=3.5, die_once="died")),
        *honest[4:],
        Found("broken", "layer", submission(folder, score=3.25, fault="error")),
        Found("empty", "layer", None, "nothing was handed in"),
        Found("large", "layer", submission(folder, score=3.75, padding="x" * (11 << 20))),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("jobs")


class Local(NamedTuple):
    """What a run on two processes of this machine gave, and what was seen meanwhile."""

    results: dict[str, dict]
    most_on_their_way: int
    ports: set[str]
    scheduler: str


@pytest.fixture(scope="module")
def local(folder):
    """Grade every kind of submission on two processes of this machine."""
    clusters, on_their_way, ports = [], [], set()

    def found():
        for one in mixed(folder):
            events = Counter(entry["event"].split()[0] for entry in log(folder / "local"))
            on_their_way.append(events["begun"] - events["done"] - events["died"])
            yield one
        ports.update(listening())

    def recorded(*args, **settings):
        clusters.append(LocalCluster(*args, **settings))
        return clusters[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "LocalCluster", recorded)
        results = run(found(), folder / "local", workers=2)
    return Local(results, max(on_their_way), ports, clusters[0].scheduler_address)


def listening():
    """Return the addresses at which this process and those it started wait for others."""
    own = psutil.Process()
    return {
        connection.laddr.ip
        for process in [own, *own.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture(scope="module")
def serial(folder):
    """Grade the honest ones in this process."""
    apart = folder / "in this process"
    apart.mkdir()
    return run(class_of(apart, SIZE, seconds=0.02), apart / "run")


@pytest.fixture(scope="module")
def scheduler():
    with scheduler_without_workers() as address:
        yield address


@pytest.mark.parametrize("student", HONEST)
def test_parallel_is_serial(serial, local, student):
    assert local.results[student] == serial[student]


def test_parallel_results_are_on_disk(folder, local):
    assert on_disk(folder / "local") == local.results


@pytest.fixture(scope="module")
def remote(scheduler, tmp_path_factory):
    """Grade on two workers of a running cluster, and kill one; return the folder of the run."""
    folder = tmp_path_factory.mktemp("remote")
    slow = Found("slow", "layer", submission(folder, score=3.0, wait_for="go"))
    with worker(scheduler), worker(scheduler):
        grader = begin([slow, *class_of(folder, SIZE)], folder / "run", scheduler=scheduler)
        (victim,) = await_told(folder, "waits")
        os.kill(int(victim), KILL)
        (folder / "go").touch()
        grader.join()
        yield folder


def test_cluster_is_serial_also_where_a_worker_is_killed(serial, remote):
    results = on_disk(remote / "run")
    assert results.pop("slow")["score"] == 3.0
    assert results == serial


def test_job_of_a_killed_worker_alone_is_graded_again(remote):
    assert times_graded(remote)[3.0] == 2
    assert not graded_again(remote / "run")


def test_workers_that_go_on_close_their_pool(remote):
    assert len(told(remote, "closed")) == 1


def test_poison_is_tried_three_times_and_has_no_score(folder, local):
    assert local.results["poison"]["status"] == "CRASH"
    assert local.results["poison"]["score"] is None
    assert "died each time" in local.results["poison"]["reason"]
    assert times_graded(folder)[3.0] == 3


def test_submission_whose_worker_dies_once_is_graded(local):
    assert (local.results["unlucky"]["status"], local.results["unlucky"]["score"]) == (
        "GRADED",
        3.5,
    )


def test_nobody_is_blamed_for_the_death_of_a_neighbour(local):
    crashed = {name for name, result in local.results.items() if result["status"] == "CRASH"}
    assert crashed == {"poison", "broken"}


def test_large_submission_travels_without_a_warning(local):
    assert local.results["large"]["score"] == 3.75


def test_second_run_starts_no_process(folder, local, monkeypatch):
    monkeypatch.setattr(cluster.Cluster, "_start", None)
    assert run(mixed(folder), folder / "local", workers=2) == local.results


def test_few_submissions_are_on_their_way_at_once(local):
    assert 1 < local.most_on_their_way < 2 * cluster.WINDOW


def test_processes_listen_to_this_machine_alone(local):
    assert local.ports == {"127.0.0.1"}


def test_processes_talk_to_this_user_alone(local):
    assert local.scheduler.startswith("tls://")


def begin_waiting(folder):
    """Start a grader with two processes and wait until they are at work; return all of them."""
    found = [
        *class_of(folder, 4),
        Found("slow", "layer", submission(folder, score=3.0, wait_for="go")),
    ]
    grader = begin(found, folder / "run", workers=2)
    await_told(folder, "waits")
    return found, grader, psutil.Process(grader.pid).children(recursive=True)


def test_killed_grader_takes_its_workers_along_and_loses_nothing(tmp_path):
    found, grader, processes = begin_waiting(tmp_path)
    stored = stored_scores(tmp_path / "run")
    grader.kill()
    grader.join()
    assert psutil.wait_procs(processes, SECONDS)[1] == []
    (tmp_path / "go").touch()
    results = run(found, tmp_path / "run")
    assert results == on_disk(tmp_path / "run")
    assert {result["status"] for result in results.values()} == {"GRADED"}
    assert [times_graded(tmp_path)[score] for score in stored] == [1] * len(stored)
    assert not graded_again(tmp_path / "run")


@pytest.fixture
def in_foreground():
    """Let Ctrl-C stop this process, also where the tests were started in a shell's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_is_not_lost_while_an_object_is_deleted(tmp_path, in_foreground):
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)  # what it raises here, Python swallows

    def handed_in():
        yield from class_of(tmp_path, 4)
        Dying()
        yield Found("last", "layer", submission(tmp_path, score=3.0))

    with pytest.raises(Stopped):
        run(handed_in(), tmp_path / "run", workers=2)


def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(tmp_path):
    _, grader, processes = begin_waiting(tmp_path)
    for process in [*processes, psutil.Process(grader.pid)]:  # a terminal sends it to all
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    grader.join()
    assert psutil.wait_procs(processes, SECONDS)[1] == []
    assert "same command again" in told(tmp_path / "run", "stopped:")[0]
