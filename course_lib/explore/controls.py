"""What a control may be set to: one definition for Python's arguments and the page's script."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

# A list of the values, or the limits of a number, or of each number of a vector with a "length".
Rule = Sequence[Any] | Mapping[str, Any]


def span(low: float, high: float, step: float, length: tuple[int, int] | None = None) -> Rule:
    """Return the rule of a number, or of a vector with at least and at most so many."""
    return {"min": low, "max": high, "step": step} | ({"length": length} if length else {})


def require_allowed(name: str, value: Any, rule: Rule) -> None:
    """Refuse a value that the control cannot take, by a ValueError that says what it can."""
    if not isinstance(rule, Mapping):
        allowed, words = any(one == value and type(one) is type(value) for one in rule), "one of "
        words += ", ".join(map(repr, rule))
    elif "length" in rule:
        least, most = rule["length"]
        allowed = isinstance(value, list) and least <= len(value) <= most
        allowed = allowed and all(_is_inside(one, rule) for one in value)
        words = f"a list of {least} to {most} numbers from {rule['min']} to {rule['max']}"
    else:
        allowed, words = _is_inside(value, rule), f"a number from {rule['min']} to {rule['max']}"
    if not allowed:
        raise ValueError(f"expected {name} to be {words}, got {value!r}")


def _is_inside(value: Any, rule: Mapping[str, Any]) -> bool:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and rule["min"] <= value <= rule["max"]
