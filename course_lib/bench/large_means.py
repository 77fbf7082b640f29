"""Errors against float64 where the mean is large beside the deviation: what a norm may lose."""

from collections.abc import Iterator, Sequence

from course_lib.bench.accuracy import errors, poison
from course_lib.bench.cases import MEANS, Case
from course_lib.bench.implementations import Implementation, bind
from course_lib.bench.inputs import Inputs, draw, right_answers
from course_lib.bench.operations import CannotRun
from course_lib.bench.rows import finite, said


def measure_accuracy(
    cases: Sequence[Case], implementations: Sequence[Implementation], device: str
) -> Iterator[list[dict]]:
    """Yield the accuracy rows of each case and mean, every implementation on the same values."""
    for case in cases:
        for mean in MEANS:
            inputs = draw(case, 2, device, mean)
            # The norm's own error: a weight would scale it, a bias add its rounding.
            for name, value in (("weight", 1), ("bias", 0)):
                if name in inputs.parameters:
                    inputs.parameters[name].fill_(value)
            right = right_answers(case, inputs, 1)
            yield [
                _row(case, mean, implementation, inputs, right, device)
                for implementation in implementations
                if device in implementation.devices
            ]


def _row(
    case: Case,
    mean: float,
    implementation: Implementation,
    inputs: Inputs,
    right: tuple[tuple, tuple],
    device: str,
) -> dict:
    """Return the largest errors of y and of dx."""
    row = {
        "op": case.op,
        "layout": case.layout,
        "dtype": case.dtype,
        "implementation": implementation.name,
        "mean": mean,
        "error_y": None,
        "error_dx": None,
        "status": "not measured",
        "reason": None,
    }
    try:
        runner = bind(implementation, case, inputs)
        for key, direction, answers in zip(
            ("error_y", "error_dx"), ("forward", "backward"), right, strict=True
        ):
            poison(runner.ready(direction, 0)())
            found = errors(runner.ready(direction, 1)()[:1], answers[:1])
            row[key] = finite(found.absolute)
    except CannotRun as error:
        return row | {"reason": str(error)}
    except Exception as error:  # as in harness: a peer that fails must not end the run
        return row | {"reason": said(error), "error_y": None, "error_dx": None}
    lost = None in (row["error_y"], row["error_dx"])
    return row | {"status": "wrong", "reason": "a value is NaN or infinite"} if lost else row | {
        "status": "measured"
    }  # fmt: skip
