"""Runs the cases: the same inputs for everyone, checked, then timed in turns with a copy."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from course_lib.bench import machine
from course_lib.bench.accuracy import Errors, errors, poison
from course_lib.bench.cases import DIRECTIONS, Case, ideal_bytes, input_bytes
from course_lib.bench.implementations import Implementation, bind
from course_lib.bench.inputs import Inputs, draw, right_answers, rotation
from course_lib.bench.operations import CannotRun
from course_lib.bench.record import FIELDS
from course_lib.bench.rows import judged, said, timed
from course_lib.bench.timing import CopyRunner, Runner, measure


class Plan(NamedTuple):
    """What a run measures and how.

    Parameters
    ----------
    cases : sequence of Case
    implementations : sequence of Implementation
    device : ``"cpu"`` or ``"cuda"``
    threads : tuple of int
        Columns; an implementation in NumPy, which runs on one thread, is in the first alone.
    seconds : float
        About how long the whole may take.
    clock : object
        See `timing.measure`; what its `kind(runner)` returns goes into the rows.
    eager : object or None
        A second clock, on a GPU: wall time as a user without graphs sees it.
    cache_bytes : int
    """

    cases: Sequence[Case]
    implementations: Sequence[Implementation]
    device: str
    threads: tuple[int, ...]
    seconds: float
    clock: Any
    eager: Any
    cache_bytes: int
    directions: tuple[str, ...] = DIRECTIONS


class Budget:
    """Shares what is left of the time among the groups that are left, set-up counted apart.

    Parameters
    ----------
    seconds : float
    groups, cases : int
        How many of each will be measured.
    """

    def __init__(self, seconds: float, groups: int, cases: int, now=time.monotonic):
        self.now, self.end = now, now() + seconds
        self.groups, self.cases, self.prepared = groups, cases, []

    def prepare(self, seconds: float) -> None:
        """Note what drawing, checking and compiling for one more case took."""
        self.prepared.append(seconds)

    def share(self) -> float:
        """Return the seconds of the next group."""
        mean = statistics.fmean(self.prepared) if self.prepared else 0.0
        left = self.end - self.now() - mean * (self.cases - len(self.prepared))
        self.groups -= 1
        return max(0.1, left / (self.groups + 1))


def run(plan: Plan, advance: Callable[[str], None] = lambda label: None) -> Iterator[list[dict]]:
    """Yield the rows of each group: one case, one number of threads, one direction."""
    groups = len(plan.cases) * len(plan.threads) * len(plan.directions)
    budget = Budget(plan.seconds, groups, len(plan.cases))
    for case in plan.cases:
        started = budget.now()
        inputs, runners, reasons = prepared(plan, case)
        copy = CopyRunner([activations[0] for activations in inputs.activations])
        checked = _checked(plan, case, inputs, runners, reasons)
        budget.prepare(budget.now() - started)
        for threads in plan.threads:
            for direction in plan.directions:
                advance(f"{case.op} {case.dtype} {direction}")
                with machine.limited_to(threads):
                    yield _group(
                        plan, case, direction, threads, runners, copy, checked, reasons, budget
                    )


def prepared(plan: Plan, case: Case) -> tuple[Inputs, dict[str, Runner], dict[str, str]]:
    """Draw a case's inputs and bind every implementation to them, or note why it cannot run."""
    inputs = draw(case, rotation(case, plan.cache_bytes), plan.device)
    runners, reasons = {}, {}
    for implementation in plan.implementations:
        name = implementation.name
        if plan.device not in implementation.devices:
            reasons[name] = "it does not run on a " + {"cpu": "CPU", "cuda": "GPU"}[plan.device]
            continue
        try:
            runners[name] = bind(implementation, case, inputs)
        except CannotRun as error:
            reasons[name] = str(error)
    return inputs, runners, reasons


def check(runner: Runner, direction: str, right: tuple) -> Errors:
    """Return the errors on buffer 1, after poisoning what a call on buffer 0 returned."""
    poison(runner.ready(direction, 0)())
    return errors(runner.ready(direction, 1)(), right)


def _checked(
    plan: Plan, case: Case, inputs: Inputs, runners: dict, reasons: dict
) -> dict[str, dict[str, Errors]]:
    """Compare every runner with float64; one that raises is not measured, whatever it raises."""
    outputs, gradients = right_answers(case, inputs, 1)
    right = {"forward": outputs, "backward": gradients, "both": (*outputs, *gradients)}
    found = {}
    for name, runner in list(runners.items()):
        try:
            found[name] = {d: check(runner, d, right[d]) for d in plan.directions}
        except Exception as error:  # peers fail in ways of their own, and the rest must run
            del runners[name]
            reasons[name] = said(error)
        runner.rest()
    return found


def _group(
    plan: Plan,
    case: Case,
    direction: str,
    threads: int,
    runners: dict[str, Runner],
    copy: CopyRunner,
    checked: dict[str, dict[str, Errors]],
    reasons: dict[str, str],
    budget: Budget,
) -> list[dict]:
    """Measure one direction of all runners with the copy."""
    kinds = {one.name: one.kind for one in plan.implementations}
    names = [name for name in runners if kinds[name] != "numpy" or threads == plan.threads[0]]
    turns = [*(runners[name] for name in names), copy]
    buffers, seconds = len(copy.activations), budget.share()
    share = seconds if plan.eager is None else seconds / 2
    samples = measure(turns, direction, buffers, share, plan.clock)
    eager = [None] * len(turns)
    if plan.eager is not None:
        eager = measure(turns, direction, buffers, share, plan.eager)
    for runner in turns:
        runner.rest()
    bandwidth = 2 * input_bytes(case) / statistics.median(samples[-1])
    rows = []
    for implementation in plan.implementations:
        name = implementation.name
        base = dict.fromkeys(FIELDS) | case._asdict() | {
            "direction": direction,
            "implementation": name,
            "threads": threads,
            "samples": 0,
            "ideal_bytes": ideal_bytes(case, direction),
            "copy_bandwidth": round(bandwidth),
        }  # fmt: skip
        if name in names:
            place = names.index(name)
            times = timed(samples[place], eager[place], base["ideal_bytes"], bandwidth)
            times["clock"] = plan.clock.kind(turns[place])
            rows.append(base | times | judged(checked[name][direction], case.dtype))
        elif name in reasons:
            rows.append(base | {"status": "not measured", "reason": reasons[name]})
    return rows
