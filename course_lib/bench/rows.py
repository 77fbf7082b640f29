"""The parts of a row: how long it took, whether it was right, or why there is nothing."""

import math
import re
import statistics

from course_lib.bench.accuracy import TOLERANCE, Errors


def said(error: Exception) -> str:
    """Return an error's first line, without what only this machine has."""
    line = (str(error).strip().splitlines() or [""])[0]
    line = re.sub(r"(?<![\w<])[/~][^ ,;:]+", "…", line)
    return f"{type(error).__name__}: {line[:200]}"


def timed(samples: list[float], eager: list[float] | None, ideal: int, bandwidth: float) -> dict:
    """Return the part of a row that says how long it took."""
    median = statistics.median(samples)
    lower, _, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return {
        "samples": len(samples),
        "median": _short(median),
        "lower": _short(lower),
        "upper": _short(upper),
        "eager_median": _short(statistics.median(eager)) if eager else None,
        "share": _short(ideal / median / bandwidth),
    }


def judged(found: Errors, dtype: str) -> dict:
    """Return the part of a row that says whether it was right."""
    right = found.relative <= TOLERANCE[dtype]
    return {
        "status": "measured" if right else "wrong",
        "reason": None if right else f"an error past {TOLERANCE[dtype]:g} of the largest value",
        "error_abs": finite(found.absolute),
        "error_rel": finite(found.relative),
    }


def finite(value: float) -> float | None:
    """Return a number that JSON has, to three digits: None for infinity."""
    return _short(value) if math.isfinite(value) else None


def _short(value: float) -> float:
    return float(f"{value:.4g}")
