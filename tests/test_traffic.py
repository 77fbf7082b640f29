"""Bytes that torch operations and Triton kernels move, against sums by hand."""

import json
import os
import subprocess
import sys

import pytest
import torch

from course_lib.lab.traffic import kernel_traffic, operation_traffic

# A process that has imported triton without the variable cannot interpret: each of these has its
# own. Rows of 7 in tiles of 8, 5 of them: 140 bytes, and 28 of each weight for each program.
KERNEL = """
import json, torch
from course_lib.lab.traffic import kernel_traffic
from course_lib.triton_kernels.layer_norm import layer_norm
from course_lib.triton_kernels.tiles import forward_tile
x, weight = torch.randn(5, 7, dtype=torch.{dtype}), torch.randn(7)
moved = kernel_traffic(lambda: layer_norm(x, (7,), weight), "norm")
print(json.dumps([*moved, forward_tile(x, 5, 7).programs]))
"""


def in_a_process(interpret, dtype="float32"):
    """Return what the kernel moved, and the number of programs, or the end of the error."""
    pytest.importorskip("triton", reason="triton is for Linux")
    done = subprocess.run(
        [sys.executable, "-c", KERNEL.format(dtype=dtype)],
        env=os.environ | {"TRITON_INTERPRET": interpret},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.splitlines()[-1]


def traffic_of(compute):
    return [tuple(step) for step in operation_traffic(compute)]


def test_an_operation_reads_its_operands_and_writes_its_result():
    a, b = torch.randn(2, 10, 6)
    assert traffic_of(lambda: a + b) == [("add", 480, 240)]


def test_a_broadcast_operand_counts_at_its_own_size():
    a, row = torch.randn(10, 6), torch.randn(6)
    assert traffic_of(lambda: a * row.expand(10, 6)) == [("mul", 264, 240)]


def test_an_operand_that_is_used_twice_is_read_once():
    a = torch.randn(10, 6)
    assert traffic_of(lambda: a * a) == [("mul", 240, 240)]


def test_an_operation_in_place_reads_and_writes():
    a = torch.randn(10, 6)
    assert traffic_of(lambda: a.add_(1)) == [("add", 240, 240)]


def test_what_is_written_to_an_array_that_exists_is_not_read():
    a, out = torch.randn(2, 10, 6)
    assert traffic_of(lambda: torch.exp(a, out=out)) == [("exp", 240, 240)]


def test_a_view_moves_nothing():
    a = torch.randn(10, 6)
    assert traffic_of(lambda: a.T[1:].reshape(5, 10)) == []


def test_half_precision_counts_half():
    a = torch.randn(10, 6).half()
    assert traffic_of(lambda: a.sum(0)) == [("sum", 120, 12)]


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("bfloat16", 2)])
def test_a_kernel_moves_what_its_masks_let_through(dtype, size):
    name, read, written, programs = in_a_process("1", dtype)
    assert (name, read) == ("norm", 35 * size + 28 * programs)
    assert written == 35 * size + 5 * 3 * 4  # and three statistics a row


def test_a_kernel_that_is_not_interpreted_is_refused():
    assert "TRITON_INTERPRET=1 before triton is imported" in in_a_process("0")


def test_a_launch_of_which_the_interpreter_sees_nothing_is_refused():
    pytest.importorskip("triton", reason="triton is for Linux")
    with pytest.raises(ValueError, match="expected a launch that runs in the interpreter"):
        kernel_traffic(lambda: torch.ones(3) + 1)
