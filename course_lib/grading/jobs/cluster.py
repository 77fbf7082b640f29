"""Jobs on several processes by dask.distributed: of this machine, or of a running cluster.

dask pickles what it sends, between processes that trust each other; a submission stays bytes.
"""

import contextlib
import logging
import queue
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import dask
from distributed import CancelledError, Client, Future, LocalCluster, Security
from distributed.scheduler import KilledWorker
from distributed.utils import silence_logging_cmgr

from course_lib.grading.jobs.cluster_worker import (
    Pools,
    WrongVersion,
    fingerprint,
    graded,
    other_code,
)
from course_lib.grading.jobs.interrupts import Interrupts
from course_lib.grading.jobs.process import (
    MAIN_GUARD,
    ClusterError,
    Done,
    Job,
    Outcome,
    Task,
)
from course_lib.grading.judge.sandbox import NoSandbox

WINDOW = 2  # jobs on their way for each worker: the next one is there when the last is done
LOOK = 2.0  # seconds between two looks at who is there
LOCAL = "127.0.0.1"
RESUME = "what is graded is kept, and the same command goes on from there"
SETTINGS = {
    # A submission travels with its job, so that any worker can take it over from a dead one.
    "distributed.admin.large-graph-warning-threshold": "2GB",
    # Pages that show what runs, to everybody on this machine.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


class Cluster:
    """Jobs on the workers of a dask scheduler; without its address, on processes started here.

    Nothing is started before the first job.
    """

    place = "on a worker"

    def __init__(self, task: Task, workers: int, scheduler: str | None, patience: float):
        self._task, self._workers, self._scheduler = task, workers, scheduler
        self._patience = patience
        self._run = secrets.token_hex(8)
        self._stack, self._client, self._interrupts = ExitStack(), None, Interrupts()
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._sent: dict[str, tuple[str, Future]] = {}
        self._count = 0
        self._looked = self._somebody_there = 0.0

    @property
    def capacity(self) -> int:
        """How many jobs may be on their way at once."""
        return WINDOW * self._workers

    def submit(self, job: Job, apart: bool) -> None:
        """Send a job."""
        client = self._client or self._start()
        self._count += 1  # in the name: dask runs no name twice, and we may have to
        name = f"grade-{self._run}-{self._count}"
        parts = (self._task, job, self._run, fingerprint() if self._scheduler else None)
        future = client.submit(graded, *parts, key=name, pure=False)
        self._sent[name] = job.key, future
        future.add_done_callback(self._done.put)

    def collect(self, below: int) -> Iterator[Done]:
        """Yield what is graded, waiting until fewer than `below` jobs are on their way."""
        while len(self._sent) >= below or not self._done.empty():
            self._look()
            self._interrupts.check()
            try:
                future = self._done.get(timeout=LOOK)
            except queue.Empty:
                continue
            key, _ = self._sent.pop(future.key)
            outcome = self._outcome(future)
            future.release()
            yield Done(key, outcome)

    def close(self) -> None:
        """End what was started, and the pools of workers that go on."""
        self._stack.close()

    def _start(self) -> Client:
        enter = self._stack.enter_context
        enter(self._interrupts)
        enter(silence_logging_cmgr(logging.CRITICAL))
        enter(dask.config.set(SETTINGS))
        self._client = enter(self._connected() if self._scheduler else self._local())
        self._look()
        if self._scheduler:
            for worker, answer in self._client.run(fingerprint, on_error="return").items():
                _require_own_code(answer, worker)
        self._client.register_plugin(Pools(self._run, local=not self._scheduler))
        self._stack.callback(self._forget_pools)
        return self._client

    def _local(self) -> Client:
        """Start processes that only this user can talk to, though others may share the machine."""
        try:
            cluster = LocalCluster(
                n_workers=self._workers,
                threads_per_worker=1,
                host=LOCAL,
                security=Security.temporary(),
                memory_limit=0,  # the sandbox has limits
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={
                    "allowed_failures": 0,  # we count deaths, for we know who was alone
                    "dashboard": False,
                    "dashboard_address": f"{LOCAL}:0",
                },
            )
        except RuntimeError as error:
            raise ClusterError(f"{MAIN_GUARD}; dask says: {error}") from error
        self._stack.enter_context(cluster)
        return Client(cluster, set_as_default=False)

    def _connected(self) -> Client:
        """Connect to the scheduler, and wait for a first worker."""
        address, patience = self._scheduler, self._patience
        try:
            client = Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"expected a dask scheduler at {address}, got {type(error).__name__} after at most "
                f"{patience:g} s; start one with `dask scheduler` and pass the address it prints, "
                "tcp://HOST:PORT"
            ) from None
        with contextlib.suppress(TimeoutError):  # then the first look says it
            client.wait_for_workers(1, timeout=patience)
        return client

    def _look(self) -> None:
        """Count the workers; stop where there have been none for long, or unfit ones."""
        if time.monotonic() - self._looked < LOOK:
            return
        try:
            workers = self._client.nthreads()
        except OSError as error:
            raise ClusterError(f"expected the scheduler to answer, got {error}; {RESUME}") from None
        for worker, threads in workers.items():
            if threads > 1:
                raise ClusterError(
                    f"expected workers of one thread, got {threads} of {worker}; the judge grades "
                    f"one submission a process: start them by `{self._start_workers()}`"
                )
        first, self._looked = not self._looked, time.monotonic()
        if workers:
            self._workers, self._somebody_there = len(workers), self._looked
        elif first or self._looked - self._somebody_there > self._patience:
            raise ClusterError(
                f"expected workers at {self._scheduler or LOCAL}, got none within "
                f"{self._patience:g} s; start some by `{self._start_workers()}`; {RESUME}"
            )

    def _start_workers(self) -> str:
        return f"dask worker {self._scheduler} --nthreads 1 --nworkers 2"

    def _outcome(self, future: Future) -> Outcome | None:
        """Return what a worker said; None if it died."""
        try:
            return future.result(timeout=self._patience)
        except KilledWorker:
            return None
        except NoSandbox:
            raise
        except WrongVersion as error:
            raise ClusterError(str(error)) from None
        except (Exception, CancelledError) as error:
            raise ClusterError(
                f"expected a result from the cluster, got {type(error).__name__}: {error}; {RESUME}"
            ) from error

    def _forget_pools(self) -> None:
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self._client.unregister_worker_plugin(Pools.name_of(self._run))


def _require_own_code(answer: Any, worker: str) -> None:
    if answer != fingerprint():
        raise ClusterError(other_code(fingerprint(), answer, worker))
