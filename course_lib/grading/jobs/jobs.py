"""Grade many submissions: each once, on one process or many, whatever stops the run in between."""

import functools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.grading.assignment import Assignment
from course_lib.grading.jobs.process import (
    JUDGE_DIED,
    ClusterError,
    Done,
    Here,
    Job,
    Task,
    ungraded,
)
from course_lib.grading.jobs.store import JobStore
from course_lib.grading.judge.judge import grade as judge
from course_lib.grading.judge.pool import Limits, Pool
from course_lib.grading.submissions.collect import Found
from course_lib.lab.progress import progress

TRIES = 3  # of a job whose process dies
SECONDS_FOR_ONE = 900.0
PATIENCE = 60.0


class Stopped(KeyboardInterrupt):
    """Somebody pressed Ctrl-C; the text says how to go on."""


def run_jobs(
    found: Iterable[Found],
    assignments: Mapping[str, Assignment],
    directory: Path,
    *,
    seed: bytes,
    sandbox: bool = True,
    limits: Limits | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    again: bool = False,
    limit: float = SECONDS_FOR_ONE,
    patience: float = PATIENCE,
    grade: Callable[[Assignment, bytes, bytes, Any], dict] = judge,
    make_pool: Callable[..., AbstractContextManager] = Pool,
    watch: Callable[[Iterable, str, int | None], Iterable] = progress,
) -> Iterator[dict]:
    """Grade every submission and yield the results as they come, in no particular order.

    Each is in ``DIR/results/STUDENT/ASSIGNMENT.json`` before it is yielded. What ``DIR/jobs``
    already holds is not graded again, so a run that was stopped or killed goes on where it was.

    Parameters
    ----------
    found : iterable of Found
        At most one submission a student and assignment; each is taken when its turn comes.
    assignments : mapping of name to Assignment
    directory : Path
        ``DIR``; it is made if it is missing. One process at a time may work in it.
    seed : bytes
        The instructor's secret, from which hidden inputs are drawn.
    sandbox : bool
        False only for code of one's own. Jobs with and without a sandbox are different jobs.
    limits : Limits, optional
        Of time; other limits are other jobs.
    workers : int
        1: this process. More: so many processes of this machine, by dask.distributed.
    scheduler : str, optional
        The address of a running dask scheduler, ``"tcp://HOST:PORT"``, in place of `workers`.
    again : bool
        Grade again where the judge itself failed or died.
    limit : float
        Seconds after which a process that hangs on one job kills itself.
    patience : float
        Seconds to wait for a scheduler, and for workers.
    grade, make_pool : callable
        The judge, and the pool that each process opens at its first job and keeps:
        ``grade(assignment, raw, seed, pool)`` with ``make_pool(sandbox=…, limits=…) as pool``.
        They must be importable where they run.
    watch : callable
        Wraps the results with a progress bar, ``watch(results, label, total)``.

    Raises
    ------
    ValueError
        If a student has two submissions of one assignment, or a name cannot be a file's.
    Busy
        If another process grades in `directory`.
    ClusterError
        If the processes or the cluster cannot be had, or run another version of course_lib.
    NoSandbox
        If a machine cannot lock the learners' code in.
    Stopped
        On Ctrl-C.
    """
    limits = limits or Limits()
    pool = functools.partial(make_pool, sandbox=sandbox, limits=limits)
    task = Task(grade, pool, seed, sandbox, limit)
    total = len(found) if hasattr(found, "__len__") else None
    with (
        JobStore(directory, seed, f"sandbox={sandbox}, {limits}") as store,
        closing(_runner(task, workers, scheduler, patience)) as runner,
    ):
        batch = Batch(assignments, task, store, runner, again)
        try:
            yield from watch(batch.results(found), "grading", total)
        except KeyboardInterrupt:
            raise Stopped(
                f"stopped after {batch.finished}{'' if total is None else f' of {total}'} "
                "submissions; their results are kept: give the same command again, and it goes "
                "on from here"
            ) from None


class Who(NamedTuple):
    """Whose submission a job is; the bytes are kept apart."""

    student: str
    assignment: str
    late: bool | None
    submitted: str | None


class Batch:
    """One run: which jobs are on their way, for whom, and how often each has killed a process."""

    def __init__(
        self,
        assignments: Mapping[str, Assignment],
        task: Task,
        store: JobStore,
        runner: Any,
        again: bool,
    ):
        self.finished = 0
        self._assignments, self._task, self._again = assignments, task, again
        self._store, self._runner = store, runner
        self._waiting: dict[str, list[Who]] = {}  # equal submissions wait for the same job
        self._on_their_way: dict[str, Job] = {}
        self._suspects: deque[Job] = deque()  # without their bytes
        self._killers = store.left_in_the_middle() if runner.place == "here" else set()
        self._deaths = Counter(self._killers)
        self._tried: set[str] = set()

    def results(self, found: Iterable[Found]) -> Iterator[dict]:
        """Yield the result of each submission.

        First come those that no process has died of. The suspects follow alone, one after the
        other, so that none of them is blamed for the death of its neighbour.
        """
        for submission in found:
            yield from self._begin(submission)
            yield from self._collect(self._runner.capacity)
        yield from self._collect(1)
        while self._suspects:
            job = self._suspects.popleft()
            self._submit(job._replace(raw=self._store.unpark(job.key)), alone=True)
            yield from self._collect(1)

    def _begin(self, submission: Found) -> Iterator[dict]:
        """Give a submission to the runner, or yield its result where none is needed."""
        # A form of submission that knows nothing of dates has none of the two.
        late, time = (getattr(submission, name, None) for name in ("late", "submitted"))
        who = Who(submission.student, submission.assignment, late, time and time.isoformat())
        assignment = self._assignments.get(who.assignment)
        problem = submission.problem
        if not problem and assignment is None:
            problem = f"There is no exercise {who.assignment!r}."
        if problem or submission.raw is None:
            yield self._finish(who, ungraded(self._task, assignment, "INVALID", problem))
            return
        key = self._store.key(assignment.digest, submission.raw)
        record = None if key in self._waiting else self._store.load(key)
        if record and not (record["failed"] and self._again and key not in self._tried):
            yield self._finish(who, record["result"])
            return
        known = key in self._waiting
        self._waiting.setdefault(key, []).append(who)
        job = Job(key, assignment, submission.raw)
        if not known and key in self._killers:
            self._suspect(job)
        elif not known:
            self._submit(job, alone=False)

    def _suspect(self, job: Job) -> None:
        self._store.park(job.key, job.raw)
        self._suspects.append(job._replace(raw=b""))

    def _submit(self, job: Job, alone: bool) -> None:
        apart = alone and self._runner.place == "here"
        self._tried.add(job.key)
        self._on_their_way[job.key] = job
        self._store.note("begun apart" if apart else f"begun {self._runner.place}", job.key)
        try:
            self._runner.submit(job, apart)
        except BaseException:
            self._store.note("stopped", job.key)
            raise

    def _collect(self, below: int) -> Iterator[dict]:
        """Keep what is graded and yield it, until fewer than `below` jobs are on their way."""
        for done in self._runner.collect(below):
            job = self._on_their_way.pop(done.key)
            result = self._kept(job, done)
            if result is None:
                self._suspect(job)
                continue
            for who in self._waiting.pop(done.key):
                yield self._finish(who, result)

    def _kept(self, job: Job, done: Done) -> dict | None:
        """Store the result of a job; None where it should be tried again."""
        if done.outcome is not None:
            result, fault = done.outcome
            if fault:
                self._store.note("failed", done.key, fault=fault)
            return self._store.save(done.key, result, failed=bool(fault))
        self._deaths[done.key] += 1
        self._store.note("died", done.key, times=self._deaths[done.key])
        if self._deaths[done.key] < TRIES:
            return None
        result = ungraded(self._task, job.assignment, "CRASH", JUDGE_DIED)
        return self._store.save(done.key, result, failed=True)

    def _finish(self, who: Who, result: dict) -> dict:
        """Write a student's result."""
        result = {**who._asdict(), **result, **who._asdict()}
        self._store.write_result(result)
        self.finished += 1
        return result


def _runner(task: Task, workers: int, scheduler: str | None, patience: float) -> Any:
    """Return what runs the jobs."""
    if scheduler is None and workers < 1:
        raise ValueError(f"expected 1 worker or more, got {workers}")
    if scheduler is None and workers == 1:
        return Here(task)
    try:
        from course_lib.grading.jobs.cluster import Cluster
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"expected dask.distributed for more than one process, got: {error}; "
            "`pip install 'course_lib[grade]'` has it, or grade with --workers 1"
        ) from None
    return Cluster(task, workers, scheduler, patience)
