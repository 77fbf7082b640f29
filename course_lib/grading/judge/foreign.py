"""What a worker says of its errors and changes, as far as the judge may believe or repeat it."""

import builtins
import contextlib
import itertools
import math
import re
import sys
from typing import Any

import numpy as np

from course_lib.grading.text import clean
from course_lib.grading.worker.loop import arrays

MESSAGE = 300  # characters of a learner's exception that reach a report
# Names of types that a report may quote. A learner could give his own the digits of a hidden input.
TYPE_NAMES = {
    *(name for name, value in vars(builtins).items() if isinstance(value, type)),
    "DataFrame", "Decimal", "Fraction", "MaskedArray", "Module", "NoneType", "Parameter", "Series",
    "Tensor", "builtin_function_or_method", "dict_items", "dict_keys", "dict_values", "function",
    "generator", "longdouble", "matrix", "method", "module", "ndarray",
}  # fmt: skip


def known_type(name: str) -> str:
    """Return the name of a type if reports may quote it, else ``"object"``."""
    return name if name in TYPE_NAMES else "object"


def plain(error: Any) -> dict:
    """Return what may be shown of an exception, whatever the worker sent."""
    error = error if isinstance(error, dict) else {}
    bases, line = error.get("bases"), error.get("line")
    return {
        "type": re.sub(r"\W", "_", _text(error.get("type"))[:100]) or "Exception",
        "bases": [base for base in bases if type(base) is str] if type(bases) is list else [],
        # On one line: a message must not look like the lines of a report.
        "message": clean(" ".join(_text(error.get("message"))[:MESSAGE].split())),
        "line": line if type(line) is int and 0 < line < 1_000_000 else None,
    }


def exception(error: dict) -> Exception:
    """Return an exception of the nearest built-in type; a name of one's own goes into its text."""
    for base in error["bases"]:
        kind = getattr(builtins, base, None)
        # Those that take more than a message cannot be made.
        if isinstance(kind, type) and issubclass(kind, Exception):
            with contextlib.suppress(TypeError):
                return kind(_titled(error, kind.__name__))
    return RuntimeError(_titled(error, "RuntimeError"))


def change(old: Any, new: Any) -> None:
    """Write what a worker changed into the caller's array or tensor.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        If the one cannot have become the other.
    """
    if type(old) is np.ndarray and type(new) is np.ndarray and old.dtype == new.dtype:
        if new.shape != old.shape:
            old.shape = new.shape
        old[...] = new
        return
    torch = sys.modules.get("torch")
    if torch is None or type(new) is not torch.Tensor or not isinstance(old, torch.Tensor):
        raise TypeError
    old.data = new.detach()
    old.requires_grad_(new.requires_grad)


def reach(value: Any) -> int:
    """Return how many elements arrays may have that NumPy broadcasts from those in a value."""
    shapes = [reversed(array.shape) for array in arrays(value)]
    return math.prod(max(axis) for axis in itertools.zip_longest(*shapes, fillvalue=1))


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _titled(error: dict, name: str) -> str:
    return error["message"] if error["type"] == name else f"{error['type']}: {error['message']}"
