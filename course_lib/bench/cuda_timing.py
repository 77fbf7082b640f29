"""Clocks of a GPU: device time by CUDA graphs, or events, and eager time by the wall."""

import time
from collections.abc import Callable

import torch
from torch._functorch import config

from course_lib.bench.timing import Runner


class GraphClock:
    """Device time of a call: a graph of one call on every buffer, replayed, over their number.

    A graph leaves the host out. What cannot be captured is timed by events around the same calls,
    which includes the host where it is slower than the device; `kind` says which it was.
    """

    def __init__(self) -> None:
        # torch.compile would free what a second replay of a backward pass reads.
        config.donated_buffer = False
        self._direction = ""
        self._replays: dict[Runner, Callable[[], None] | None] = {}

    def kind(self, runner: Runner) -> str:
        """Return how a runner's last sample was taken."""
        return "CUDA events" if self._replays.get(runner) is None else "CUDA graph"

    def sample(self, runner: Runner, direction: str, buffer: int) -> float:
        """Return the mean seconds of a call over all buffers, whatever `buffer` is."""
        if direction != self._direction:
            self._replays.clear()  # and with the graphs the memory that they hold
            self._direction = direction
        if runner not in self._replays:
            self._replays[runner] = _capture(runner, direction)
        replay = self._replays[runner] or _all_calls(runner, direction)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        replay()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / len(runner.activations)


def _capture(runner: Runner, direction: str) -> Callable[[], None] | None:
    """Return the replay of one call on every buffer, or None where no graph can hold them."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    graph = torch.cuda.CUDAGraph()
    try:
        # Autograd's backward runs on the stream of its forward pass: both must be this one.
        with torch.cuda.stream(stream):
            runner.rest()
            _all_calls(runner, direction)()
            calls = _all_calls(runner, direction)
        stream.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            calls()
    except Exception:  # a peer that waits for the device, say
        torch.cuda.synchronize()
        return None

    def replay(states: Callable = calls) -> None:  # a replayed backward pass reads its states
        graph.replay()

    return replay


def _all_calls(runner: Runner, direction: str) -> Callable[[], None]:
    """Prepare one call on every buffer, and return what makes them."""
    calls = [runner.ready(direction, buffer) for buffer in range(len(runner.activations))]

    def make() -> None:
        for call in calls:
            call()

    return make


class EagerClock:
    """Wall time of a call, host included: calls on all buffers, then one wait for the device."""

    def sample(self, runner: Runner, direction: str, buffer: int) -> float:
        """Return the mean seconds of a call over all buffers, whatever `buffer` is."""
        calls = _all_calls(runner, direction)
        torch.cuda.synchronize()
        start = time.perf_counter()
        calls()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / len(runner.activations)
