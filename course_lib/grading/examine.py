"""Compare a learner's function with a reference, and name the error where one is known."""

import textwrap
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from course_lib.grading.compare import Difference, difference
from course_lib.grading.mistakes import Mistake
from course_lib.grading.text import in_points

Inputs = dict[str, Any]
NOT_WRITTEN = "not written yet"
SINGLE = 2e-5  # the `rtol` that work in float32 meets, whatever the inputs, with room to spare


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


class Examination(NamedTuple):
    """What all criteria of a question found."""

    results: list[Result]
    earned: int
    points: int
    report: str
    not_written: bool

    @property
    def hint(self) -> str:
        """The first problem, a named error before any other; empty if there is none."""
        problems = [(r.criterion, r.problem) for r in self.results if r.problem]
        named = [p for c, p in problems if p in {mistake.hint for mistake in c.mistakes}]
        return next(iter([*named, *(p for _, p in problems)]), "")


class Observed(NamedTuple):
    """What a call left behind: the values that count, by name, and its arguments."""

    values: dict[str, Any]
    arguments: Inputs


class WrongReturn(Exception):
    """The learner's function returned something of another form."""


def examine(
    name: str,
    criteria: Sequence[Criterion],
    submission: Callable,
    seed: int | None = None,
) -> "Examination":
    """Return what `submission` does right and wrong.

    Parameters
    ----------
    name : str
        Exercise and question; together with the seed it decides the inputs.
    criteria : sequence of Criterion
    submission : callable
        The learner's function. It gets plain arrays and numbers and returns such.
    seed : int, optional
        Of hidden inputs, about which the report gives no number; None: the visible ones.
    """
    hidden, seed = seed is not None, seed or 0
    order = range(len(criteria))
    if hidden:  # in another order, so that no function knows by its calls which one it is asked
        order = np.random.default_rng(seed).permutation(len(criteria)).tolist()
    found = {i: _try(criteria[i], submission, _generator(name, criteria[i], seed)) for i in order}
    results = [found[i] for i in range(len(criteria))]
    not_written = all(result.problem == NOT_WRITTEN for result in results)
    results = _without_free_refusals(results)
    earned = total(result.criterion for result in results if result.problem is None)
    report = _report(name, results, earned, hidden)
    return Examination(results, earned, total(criteria), report, not_written)


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


def _report(name: str, results: Sequence[Result], earned: float, hidden: bool) -> str:
    lines = [
        f"{name}{', hidden inputs' if hidden else ''}: "
        f"{in_points(earned, total(result.criterion for result in results))}"
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
