"""Small cases, planted implementations and a clock that is told the time, for the benchmark."""

from course_lib.bench.cases import LAYOUTS, Case
from course_lib.bench.harness import Plan, run
from course_lib.bench.implementations import IMPLEMENTATIONS, Implementation
from course_lib.bench.operations import Operation

TOY = Case("layer_norm", "float32", "contiguous", (6, 64), "toy")
TOYS = [TOY._replace(op=op) for op in ("layer_norm", "rms_norm", "add_rms_norm", "dynamic_tanh")]
TOYS += [
    Case(op, "float32", layout, (2, 64, 5, 3), "toy")
    for op in ("group_norm", "batch_norm")
    for layout in LAYOUTS
]
PLAIN = ("textbook NumPy", "fast NumPy", "staged NumPy", "our torch", "torch")
BY_NAME = {one.name: one for one in IMPLEMENTATIONS}


class CountingClock:
    """Every call takes as long as its runner is told to, and is noted."""

    def __init__(self, seconds):
        self.seconds, self.calls = seconds, []

    def kind(self, runner):
        return "fake"

    def sample(self, runner, direction, buffer):
        self.calls.append((runner, buffer))
        return self.seconds(runner)


def exact(case, change=lambda outputs: outputs):
    """Return layer norm by the textbook, its outputs and gradients changed."""
    forward, backward = BY_NAME["textbook NumPy"].load(case)
    return Operation(
        lambda xs, p: (change(forward(xs, p)[0]), forward(xs, p)[1]),
        lambda dys, state: change(backward(dys, state)),
    )


def implementation(name, change=lambda outputs: outputs):
    return Implementation(name, lambda case: exact(case, change), "numpy", ("cpu",))


def plan(implementations, threads=(1,), toys=(TOY,), cache=0):
    return Plan(
        toys, implementations, "cpu", threads, 0.01, CountingClock(lambda _: 1.0), None, cache
    )


def group_rows(*args, **kwargs):
    return [row for rows in run(plan(*args, **kwargs)) for row in rows]
