"""The benchmark's samples: who gets how many, on which buffer, and what is timed."""

import platform
import subprocess
import sys
from itertools import pairwise, permutations

import torch
from bench_toys import BY_NAME, TOY, CountingClock, group_rows, implementation, plan

from course_lib.bench import machine
from course_lib.bench.cases import input_bytes
from course_lib.bench.harness import run
from course_lib.bench.operations import Operation
from course_lib.bench.timing import MOST, CopyRunner, Runner, WallClock, measure, rounds


def test_numpy_is_measured_in_the_first_column_of_threads_alone():
    rows = group_rows([implementation("one"), BY_NAME["torch"]], threads=(1, 2))
    columns = {(row["implementation"], row["threads"]) for row in rows}
    assert columns == {("one", 1), ("torch", 1), ("torch", 2)}


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with machine.limited_to(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_rounds_hold_every_sample():
    turns = list(rounds([4, 4, 2]))
    assert [sum(turn.count(i) for turn in turns) for i in range(3)] == [4, 4, 2]
    assert [2 in turn for turn in turns] == [False, True, False, True]


def test_every_runner_follows_every_other():
    turns = list(rounds([40] * 4))
    pairs = {pair for turn in turns for pair in pairwise(turn)}
    assert pairs == set(permutations(range(4), 2))


def runner_of(seconds):
    runner = Runner(Operation(None, None), [(), (), ()], {}, [(), (), ()])
    runner.seconds = seconds
    return runner


def test_slow_runner_gets_fewer_samples_and_no_less_than_five():
    runners = [runner_of(seconds) for seconds in (1.0, 0.1, 1e-4)]
    clock = CountingClock(lambda runner: runner.seconds)
    assert [len(one) for one in measure(runners, "both", 3, 6.0, clock)] == [5, 20, MOST]


def test_each_sample_takes_the_next_buffer():
    runners = [runner_of(1.0), runner_of(1.0)]
    clock = CountingClock(lambda runner: 1.0)
    measure(runners, "forward", 3, 12.0, clock)
    for runner in runners:
        used = [buffer for one, buffer in clock.calls if one is runner]
        assert used == [place % 3 for place in range(len(used))]


def test_backward_pass_may_use_up_its_state():
    states = []

    def forward(xs, parameters):
        states.append([1])
        return (), states[-1]

    runner = Runner(Operation(forward, lambda dys, state: (state.pop(),)), [()] * 2, {}, [()] * 2)
    clock = WallClock()
    for _ in range(5):
        clock.sample(runner, "backward", 0)
    assert states[-1] == [1]  # ready for the next
    assert len(states) == 6


def test_clock_times_the_call_alone():
    ticks = []
    operation = Operation(lambda xs, p: (ticks.append("forward"), "state"), lambda dys, s: ("dx",))
    runner = Runner(operation, [()], {}, [()])
    WallClock(lambda: ticks.append("tick") or 0.0).sample(runner, "backward", 0)
    assert ticks == ["forward", "tick", "tick", "forward"]


def test_share_is_of_the_copy_of_the_same_group():
    seconds = {CopyRunner: 2.0, Runner: 8.0}
    clock = CountingClock(lambda runner: seconds[type(runner)])
    rows = [row for rows in run(plan([implementation("one")])._replace(clock=clock))
            for row in rows]  # fmt: skip
    # A copy moves 2 units in 2 s; forward moves its 2 in 8 s, backward 3, both 5.
    assert [row["share"] for row in rows] == [0.25, 0.375, 0.625]
    assert rows[0]["copy_bandwidth"] == input_bytes(TOY)


def test_kept_memory_costs_no_fresh_pages():
    program = """
import resource, numpy, torch
from course_lib.bench.machine import KEPT, keep_memory
print(keep_memory(512) == KEPT)
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for make in (lambda: numpy.ones(1 << 24), lambda: torch.ones(1 << 24)):
    make()
    before = faults()
    for _ in range(4):
        make()
    print(faults() - before < 100)  # of 32768 pages a time
"""
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if platform.libc_ver()[0] != "glibc":
        assert found[0] == "False"  # nothing is promised elsewhere
    else:
        assert found == ["True"] * 3
