"""The benchmark's cases, implementations and checks; no time is asserted."""

import math

import numpy as np
import pytest
import torch
from bench_toys import BY_NAME, PLAIN, TOY, TOYS, group_rows, implementation

from course_lib.bench import peers
from course_lib.bench.accuracy import errors
from course_lib.bench.cases import EPS, LAYOUTS, UNITS, Case, cases, ideal_bytes, input_bytes
from course_lib.bench.harness import check
from course_lib.bench.implementations import Implementation, bind
from course_lib.bench.inputs import draw, right_answers, rotation
from course_lib.bench.operations import CannotRun, Operation
from course_lib.bench.rows import said


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("op", UNITS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_every_operation_has_a_case_of_each_dtype_and_layout(device, op, dtype):
    found = {case.layout for case in cases(device, ops=(op,), dtypes=(dtype,))}
    assert found == set(LAYOUTS if op in ("group_norm", "batch_norm") else LAYOUTS[:1])


def test_quick_list_is_one_shape_an_operation_in_float32():
    found = cases("cpu", quick=True)
    assert {case.dtype for case in found} == {"float32"}
    assert len({(case.op, case.shape) for case in found}) == len(UNITS)


# Layer norm reads x, writes y; backward reads x and dy, writes dx. With a residual, forward reads
# two and writes two, backward reads the sum and two gradients and writes one. Batch norm reads x
# once for its statistics and once to apply them; backward reads x and dy twice.
@pytest.mark.parametrize(
    ("op", "forward", "backward"),
    [("layer_norm", 1 + 1, 2 + 1), ("rms_norm", 1 + 1, 2 + 1), ("add_rms_norm", 2 + 2, 3 + 1),
     ("group_norm", 1 + 1, 2 + 1), ("batch_norm", 2 + 1, 4 + 1), ("dynamic_tanh", 1 + 1, 2 + 1)],
)  # fmt: skip
def test_ideal_bytes_count_each_tensor_that_must_move(op, forward, backward):
    case = Case(op, "bfloat16", "contiguous", (3, 5), "toy")
    found = [ideal_bytes(case, direction) for direction in ("forward", "backward", "both")]
    assert found == [30 * forward, 30 * backward, 30 * (forward + backward)]


@pytest.mark.parametrize("cache", [0, 1 << 20, 32 << 20, 255 << 20])
def test_buffers_outgrow_the_cache(cache):
    for case in cases("cpu"):
        assert rotation(case, cache) * input_bytes(case) > cache + input_bytes(case)


@pytest.mark.parametrize(
    ("case", "name"),
    [(case, name) for case in TOYS for name in PLAIN
     if (case.op, name) != ("dynamic_tanh", "fast NumPy")],
    ids=str,
)  # fmt: skip
def test_implementation_agrees_with_float64(case, name):
    inputs = draw(case, 2)
    runner = bind(BY_NAME[name], case, inputs)
    outputs, gradients = right_answers(case, inputs, 1)
    # Float32 keeps 6e-8 of a value, and a sum of 60 of them a few times that.
    assert check(runner, "forward", outputs).relative < 2e-6
    assert check(runner, "backward", gradients).relative < 5e-6


# Parts of torch itself still call what torch has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_expressions_agree_with_float64():
    inputs = draw(TOY, 2)
    runner = bind(BY_NAME["torch.compile"], TOY, inputs)
    both = sum(right_answers(TOY, inputs, 1), ())
    assert check(runner, "both", both).relative < 5e-6  # as above


@pytest.mark.parametrize("case", TOYS, ids=lambda case: f"{case.op}, {case.layout}")
def test_expressions_to_compile_agree_with_float64(case, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    inputs = draw(case, 2)
    runner = bind(BY_NAME["torch.compile"], case, inputs)
    both = sum(right_answers(case, inputs, 1), ())
    assert check(runner, "both", both).relative < 5e-6  # as above


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_inside_its_tolerance(dtype):
    rows = group_rows([BY_NAME["torch"], BY_NAME["our torch"]], toys=[TOY._replace(dtype=dtype)])
    assert [row["status"] for row in rows] == ["measured"] * 6


def test_wrong_result_is_marked():
    def off(outputs):
        return tuple(output * np.float32(1.001) for output in outputs)

    rows = group_rows([implementation("right"), implementation("off", off)])
    assert {(row["implementation"], row["status"]) for row in rows} == {
        ("right", "measured"), ("off", "wrong"),
    }  # fmt: skip


def test_output_of_an_earlier_call_is_seen():
    kept = {}

    def stale(outputs):  # right at the first call, and no work after it
        return kept.setdefault(len(outputs), outputs)

    inputs = draw(TOY, 1)
    same = inputs._replace(activations=inputs.activations * 2, upstreams=inputs.upstreams * 2)
    runner = bind(implementation("stale", stale), TOY, same)
    assert check(runner, "forward", right_answers(TOY, same, 1)[0]).absolute == math.inf


def test_output_left_half_unwritten_is_seen():
    out = np.empty(TOY.shape, np.float32)

    def half(outputs):
        out[:3] = outputs[0][:3]
        return (out,)

    inputs = draw(TOY, 1)
    same = inputs._replace(activations=inputs.activations * 2, upstreams=inputs.upstreams * 2)
    runner = bind(implementation("half", half), TOY, same)
    runner.operation.forward(runner.activations[0], runner.parameters)
    out[:] = right_answers(TOY, same, 0)[0][0]  # as if another had written it before
    assert check(runner, "forward", right_answers(TOY, same, 1)[0]).absolute == math.inf


def test_missing_gradient_is_an_error():
    with pytest.raises(ValueError, match="expected 2 results, got 1"):
        errors((np.zeros(3),), (torch.ones(3), torch.ones(3)))


def test_result_that_broadcasts_is_an_error():
    with pytest.raises(ValueError, match=r"expected a result of shape \(2, 3\), got \(3,\)"):
        errors((np.zeros(3),), (torch.ones(2, 3),))


def test_implementation_that_cannot_run_has_a_row_with_the_reason():
    def load(case):
        raise CannotRun("it is on holiday")

    def broken(case):
        def fail(*_):
            raise RuntimeError("no kernel in /tmp/somebody/cache: none\nsecond line")

        return Operation(fail, fail)

    away = Implementation("away", load, "numpy", ("cpu",))
    rows = group_rows([away, Implementation("broken", broken, "numpy", ("cpu",))])
    assert [row["status"] for row in rows] == ["not measured"] * 6
    assert {row["reason"] for row in rows} == {
        "it is on holiday", "RuntimeError: no kernel in …: none",
    }  # fmt: skip
    assert {row["median"] for row in rows} == {None}


def test_reason_names_no_path_of_the_machine():
    assert said(ValueError("see ~/x and /home/me/y, a/b")) == "ValueError: see … and …, a/b"


def test_numpy_has_no_bfloat16_and_says_so():
    with pytest.raises(CannotRun, match="NumPy has no bfloat16"):
        bind(BY_NAME["staged NumPy"], TOY, draw(TOY._replace(dtype="bfloat16"), 1))


def test_compiler_that_is_missing_is_the_reason(monkeypatch):
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    with pytest.raises(CannotRun, match=r"no C\+\+ compiler"):
        BY_NAME["torch.compile"].load(TOY)


def test_every_implementation_uses_the_same_epsilon():
    tiny = draw(TOY, 2)
    for tensors in tiny.activations:
        tensors[0].mul_(math.sqrt(EPS))  # a variance as large as eps: another eps would show
    right = right_answers(TOY, tiny, 1)[0]
    for name in PLAIN:
        assert check(bind(BY_NAME[name], TOY, tiny), "forward", right).relative < 2e-6
