"""Samples of several runners, interleaved, so that a slow moment of the machine meets them all."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor

from course_lib.bench.operations import Operation

FEWEST, MOST = 5, 40  # samples of a runner


class Runner:
    """One implementation on the buffers of a case.

    Parameters
    ----------
    operation : Operation
    activations, upstreams : lists of tuples, one entry a buffer
    parameters : dict
    """

    def __init__(self, operation: Operation, activations: list, parameters: dict, upstreams: list):
        self.operation = operation
        self.activations, self.parameters = activations, parameters
        self.upstreams = upstreams
        self._states: dict[int, Any] = {}

    def ready(self, direction: str, buffer: int) -> Callable[[], tuple]:
        """Return the call to time, its preparations done."""
        forward, backward = self.operation
        inputs, upstreams = self.activations[buffer], self.upstreams[buffer]
        if direction == "forward":
            return lambda: forward(inputs, self.parameters)[0]
        if direction == "backward":
            self._fill(buffer)
            state = self._states.pop(buffer)
            return lambda: backward(upstreams, state)

        def both():
            outputs, state = forward(inputs, self.parameters)
            return (*outputs, *backward(upstreams, state))

        return both

    def finish(self, direction: str, buffer: int) -> None:
        """Do the next backward pass's forward pass now: its results will have left the cache."""
        if direction == "backward":
            self._fill(buffer)

    def rest(self) -> None:
        """Drop what only the direction measured last needed."""
        self._states.clear()

    def _fill(self, buffer: int) -> None:
        if buffer not in self._states:
            inputs = self.activations[buffer]
            self._states[buffer] = self.operation.forward(inputs, self.parameters)[1]


class CopyRunner(Runner):
    """Copies one input of each buffer: what memory allows, measured like everything else."""

    def __init__(self, sources: Sequence[Tensor]):
        targets = [source.clone() for source in sources]
        copy = Operation(lambda pair, _: ((pair[1].copy_(pair[0]),), None), None)
        super().__init__(copy, list(zip(sources, targets, strict=True)), {}, [()] * len(sources))

    def ready(self, direction: str, buffer: int) -> Callable[[], tuple]:
        """Return the copy, whatever the direction."""
        return super().ready("forward", buffer)

    def finish(self, direction: str, buffer: int) -> None:
        """Prepare nothing: a copy has no state."""


class WallClock:
    """Times one call at a time by the wall.

    Parameters
    ----------
    now : callable
        Seconds since some moment.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter):
        self.now = now

    def kind(self, runner: Runner) -> str:
        """Return what the rows say of the clock."""
        return "wall"

    def sample(self, runner: Runner, direction: str, buffer: int) -> float:
        """Return the seconds of one call on a buffer."""
        call = runner.ready(direction, buffer)
        start = self.now()
        result = call()
        seconds = self.now() - start
        del result, call
        runner.finish(direction, buffer)
        return seconds


def rounds(counts: Sequence[int]) -> Iterator[list[int]]:
    """Spread `counts[i]` samples of each runner `i` evenly over common rounds.

    The order is drawn anew in each round: a runner that always followed the same other would find
    the memory that this one left, in the cache or not.
    """
    total, order = max(counts), random.Random(0)
    for turn in range(total):
        due = [i for i, n in enumerate(counts) if (turn + 1) * n // total > turn * n // total]
        order.shuffle(due)
        yield due


def measure(
    runners: Sequence[Runner], direction: str, buffers: int, seconds: float, clock: Any
) -> list[list[float]]:
    """Return the samples of each runner, taken in turns on rotating buffers.

    Parameters
    ----------
    runners : sequence of Runner
    direction : ``"forward"``, ``"backward"`` or ``"both"``
    buffers : int
        How many buffers each runner has.
    seconds : float
        About how long it may take; each runner gets an equal share, but at least 5 samples.
    clock : object
        With ``sample(runner, direction, buffer) -> seconds``.
    """
    # A first call compiles, starts threads and touches new memory: it is not counted.
    for runner in runners:
        clock.sample(runner, direction, 0)
    counts = []
    for runner in runners:
        estimate = clock.sample(runner, direction, 1 % buffers)
        if direction == "backward":  # its forward pass, not timed, takes time as well
            estimate *= 1.7
        share = seconds / len(runners) / max(estimate, 1e-9)
        counts.append(int(min(MOST, max(FEWEST, share))))
    samples: list[list[float]] = [[] for _ in runners]
    for turn in rounds(counts):
        for i in turn:
            buffer = (len(samples[i]) + 2) % buffers
            samples[i].append(clock.sample(runners[i], direction, buffer))
    return samples
