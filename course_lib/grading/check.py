"""Check a learner's function against a reference, and name the error where one is known."""

import hashlib
import importlib
import os
import secrets
import textwrap
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from course_lib.grading.compare import Difference, difference
from course_lib.grading.mistakes import Mistake

Inputs = dict[str, Any]
NOT_WRITTEN = "not written yet"


class CheckFailed(AssertionError):
    """No point was earned; the report above the traceback says why."""

    def _render_traceback_(self) -> list[str]:
        """Show one line in a notebook: the report has said the rest."""
        return [f"CheckFailed: {self}"]


@dataclass(frozen=True)
class Criterion:
    """One thing that a question asks for, with its points.

    `draw` makes the inputs from a random generator, by name and in the order of the arguments.
    `returns` names the returned values (none: they do not matter) and `updates` the inputs that
    must be changed in place.
    `call` replaces the plain call where one call does not show enough. With `refuses`, the right
    answer is that exception and nothing is compared.
    """

    label: str
    points: int
    draw: Callable[[np.random.Generator], Inputs]
    reference: Callable
    returns: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    mistakes: Sequence[Mistake] = ()
    call: Callable[[Callable, Inputs], Any] = lambda function, inputs: function(*inputs.values())
    refuses: type[Exception] | None = None
    rtol: float = 1e-6


class Result(NamedTuple):
    """What one criterion found: no problem, or its description in two degrees of detail."""

    criterion: Criterion
    problem: str | None
    detail: str | None = None  # numbers; never shown for hidden inputs


class Observed(NamedTuple):
    """What a call left behind: the values that count, by name, and its arguments."""

    values: dict[str, Any]
    arguments: Inputs


class WrongReturn(Exception):
    """The learner's function returned something of another form."""


def check(name: str, submission: Callable, *, hidden: bool = False) -> float:
    """Print what `submission` does right and wrong, and return its points.

    Parameters
    ----------
    name : str
        Exercise and question, such as ``"batch_norm.normalize"``: the criteria are the value
        ``normalize`` of the module ``course_lib.grading.checks.batch_norm``.
    submission : callable
        The learner's function. It gets plain arrays and numbers and returns such.
    hidden : bool
        Draw the inputs from the instructor's seed, and report errors without any number.

    Returns
    -------
    float
        The points earned, more than 0: nbgrader reads it from the cell's output.

    Raises
    ------
    CheckFailed
        If no point was earned: nbgrader then gives 0.
    """
    criteria = load_question(name)
    seed = _instructor_seed() if hidden else 0
    results = [
        _try(criterion, submission, _generator(name, criterion, seed)) for criterion in criteria
    ]
    if all(result.problem == NOT_WRITTEN for result in results):
        raise CheckFailed(f"{name} is {NOT_WRITTEN}, 0 of {total(criteria)} points")
    results = _without_free_refusals(results)
    earned = total(result.criterion for result in results if result.problem is None)
    print(_report(name, results, earned, hidden))
    if earned == 0:
        raise CheckFailed(f"{name}: 0 of {total(criteria)} points, see above")
    return float(earned)


def load_question(name: str) -> tuple[Criterion, ...]:
    """Return the criteria of a question by its name, ``"exercise.question"``."""
    exercise, _, question = name.partition(".")
    module = importlib.import_module(f"course_lib.grading.checks.{exercise}")
    return getattr(module, question)


def total(criteria) -> int:
    """Return the points that `criteria` are worth together."""
    return sum(criterion.points for criterion in criteria)


def _without_free_refusals(results: Sequence[Result]) -> list[Result]:
    """Let a refusal count only beside a right answer: code that always raises refuses nothing."""
    answered = any(not result.problem and not result.criterion.refuses for result in results)
    free = "it raises, but it would on right input too: another part must work first"
    return [
        Result(result.criterion, free)
        if result.criterion.refuses and not result.problem and not answered
        else result
        for result in results
    ]


def _try(criterion: Criterion, submission: Callable, rng: np.random.Generator) -> Result:
    """Run one criterion and describe what is wrong, if anything."""
    inputs = criterion.draw(rng)
    try:
        got = _observe(criterion, submission, _copy(inputs))
    except NotImplementedError:
        return Result(criterion, NOT_WRITTEN)
    except WrongReturn as error:
        return Result(criterion, str(error))
    except Exception as error:
        if criterion.refuses and isinstance(error, criterion.refuses):
            return Result(criterion, None)
        # The message may quote the inputs, so it belongs to the detail.
        return Result(criterion, f"your code raised {type(error).__name__}", str(error))
    if criterion.refuses:
        return Result(criterion, f"expected a {criterion.refuses.__name__}, got an answer")
    return _compare(criterion, inputs, got)


def _compare(criterion: Criterion, inputs: Inputs, got: Observed) -> Result:
    """Compare with the reference, then with each known error."""
    for name, value in inputs.items():
        if name in criterion.updates or not isinstance(value, np.ndarray):
            continue
        if difference(got.arguments[name], value, 0):
            return Result(criterion, f"the caller's array {name} was changed; work on a new one")
    wanted = _observe(criterion, criterion.reference, _copy(inputs))
    found = _first_difference(got, wanted, criterion.rtol)
    if found is None:
        return Result(criterion, None)
    for mistake in criterion.mistakes:
        try:
            wrong = _observe(criterion, mistake.wrong, _copy(inputs))
        except Exception:
            continue  # this error cannot be made on inputs of this shape
        if _first_difference(got, wrong, criterion.rtol) is None:
            return Result(criterion, mistake.hint, found.detail)
    return Result(criterion, found.problem, found.detail)


def _first_difference(got: Observed, wanted: Observed, rtol: float) -> Difference | None:
    """Return the first value that differs, or None."""
    for name, value in wanted.values.items():
        found = difference(got.values[name], value, rtol, name)
        if found is not None:
            return found
    return None


def _observe(criterion: Criterion, function: Callable, inputs: Inputs) -> Observed:
    """Call `function` and collect by name what it returned and what became of its arguments."""
    returned = criterion.call(function, inputs)
    if len(criterion.returns) <= 1:
        returned = (returned,)
    _require_values(returned, criterion.returns)
    values = dict(zip(criterion.returns, returned, strict=False))
    return Observed(values | {name: inputs[name] for name in criterion.updates}, inputs)


def _require_values(returned: Any, names: tuple[str, ...]) -> None:
    """Refuse anything but a tuple with one value a name."""
    expected = f"expected the values ({', '.join(names)}) as a tuple"
    if returned is None:
        raise WrongReturn(f"{expected}, got None; did you forget to return them?")
    if not isinstance(returned, tuple):
        raise WrongReturn(f"{expected}, got {type(returned).__name__}")
    if names and len(returned) != len(names):
        raise WrongReturn(f"{expected}, got {len(returned)} values")


def _copy(inputs: Inputs) -> Inputs:
    return {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in inputs.items()
    }


def _generator(name: str, criterion: Criterion, seed: int) -> np.random.Generator:
    """Draw different inputs for each criterion, the same ones on each run."""
    return np.random.default_rng([seed, zlib.crc32(f"{name}/{criterion.label}".encode())])


def _instructor_seed() -> int:
    """Return the instructor's secret, or a fresh one that nobody can prepare for."""
    secret = os.environ.get("COURSE_SEED", "").encode() or secrets.token_bytes()
    return int.from_bytes(hashlib.sha256(secret).digest())


def _report(name: str, results: Sequence[Result], earned: float, hidden: bool) -> str:
    lines = [
        f"{name}{', hidden inputs' if hidden else ''}: "
        f"{earned} of {total(result.criterion for result in results)} points"
    ]
    said: set[str | None] = set()
    for criterion, problem, detail in results:
        lines.append(f"  {'✗' if problem else '✓'} {criterion.label} ({criterion.points})")
        hints = {mistake.hint for mistake in criterion.mistakes}
        repeated = problem in said
        said |= {problem} & hints
        texts = ["the same error"] if repeated else [problem, None if hidden else detail]
        for text in texts:
            lines += textwrap.wrap(text or "", 76, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
