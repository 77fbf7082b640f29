"""The benchmark's clocks of a GPU: on a GPU, and their order of calls on a pretended one."""

from contextlib import contextmanager, nullcontext

import pytest
import torch
from bench_toys import BY_NAME, TOY
from torch._functorch import config

from course_lib.bench.cuda_timing import EagerClock, GraphClock
from course_lib.bench.harness import Plan, run
from course_lib.bench.operations import Operation
from course_lib.bench.timing import Runner

NO_CUDA = "no CUDA device here; run on one with pytest tests/test_bench_cuda.py"


class Event:
    """A mark of time; the pretended device takes 6 ms between two."""

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        pass

    def synchronize(self):
        pass

    def elapsed_time(self, other):
        return 6.0


class Stream(nullcontext):
    def wait_stream(self, other):
        pass

    def synchronize(self):
        pass


@pytest.fixture
def device(monkeypatch):
    """Pretend a device whose graphs note what they captured; `refuse` makes capturing fail."""
    log = {"replays": 0, "captured": 0, "refuse": False, "capturing": False}

    class Graph:
        def replay(self):
            log["replays"] += 1

    @contextmanager
    def capture(graph, stream):
        if log["refuse"]:
            raise RuntimeError("operation not permitted when stream is capturing")
        log["capturing"] = True
        yield
        log["capturing"] = False

    fakes = {"Event": Event, "Stream": Stream, "CUDAGraph": Graph, "graph": capture,
             "stream": lambda stream: stream, "current_stream": Stream,
             "synchronize": lambda: None}  # fmt: skip
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    with config.patch(donated_buffer=True):
        yield log


def noting(log):
    """Return a runner on three buffers that counts its calls, captured ones apart."""
    log |= {"forward": 0, "backward": 0}

    def forward(xs, parameters):
        log["forward"] += 1
        return ("y",), "state"

    def backward(dys, state):
        log["backward"] += 1
        log["captured"] += log["capturing"]
        return ("dx",)

    return Runner(Operation(forward, backward), [()] * 3, {}, [()] * 3)


def test_device_time_is_of_one_call_of_a_graph_of_all_buffers(device):
    clock, runner = GraphClock(), noting(device)
    found = [clock.sample(runner, "backward", buffer) for buffer in range(2)]
    assert found == [0.002, 0.002]
    assert clock.kind(runner) == "CUDA graph"
    assert device["captured"] == 3  # once, and no forward pass among them
    assert device["replays"] == 2


def test_what_cannot_be_captured_is_timed_by_events(device):
    device["refuse"] = True
    clock, runner = GraphClock(), noting(device)
    assert clock.sample(runner, "both", 0) == 0.002
    assert clock.kind(runner) == "CUDA events"
    assert device["replays"] == 0


def test_other_direction_is_captured_anew(device):
    clock, runner = GraphClock(), noting(device)
    clock.sample(runner, "backward", 0)
    clock.sample(runner, "both", 0)
    assert device["captured"] == 6


def test_eager_time_leaves_the_forward_pass_of_backward_out(device, monkeypatch):
    runner = noting(device)
    order = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: order.append(dict(device)))
    EagerClock().sample(runner, "backward", 0)
    before, after = order
    assert (before["forward"], before["backward"]) == (3, 0)
    assert (after["forward"], after["backward"]) == (3, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_CUDA)
def test_gpu_has_both_times_and_right_results():
    peers = [BY_NAME[name] for name in ("our torch", "our Triton", "torch")]
    plan = Plan([TOY], peers, "cuda", (1,), 0.1, GraphClock(), EagerClock(), 1 << 20)
    rows = [row for group in run(plan) for row in group]
    assert {row["status"] for row in rows} == {"measured"}
    assert {row["clock"] for row in rows} == {"CUDA graph"}
    assert all(row["eager_median"] > 0 for row in rows)
