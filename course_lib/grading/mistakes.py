"""Known errors, so that a check can name the one that a learner made."""

from collections.abc import Callable
from typing import NamedTuple


class Mistake(NamedTuple):
    """An error that people make: how to name it, and a function that makes exactly it."""

    hint: str
    wrong: Callable
