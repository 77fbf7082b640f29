"""Private questions of an instructor, kept outside the public repository."""

import types

from course_lib.grading.examine import Criterion, total


def load(name: str, source: str) -> dict[str, tuple[Criterion, ...]]:
    """Return the questions of an overlay's module by name.

    Parameters
    ----------
    name : str
        The exercise.
    source : str
        The text of ``NAME.py``: the instructor's own code, trusted like the course's.
    """
    module = types.ModuleType(f"overlay_{name}")
    exec(compile(source, f"<overlay {name}.py>", "exec"), vars(module))
    return {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_")
        and isinstance(value, tuple)
        and value
        and all(isinstance(c, Criterion) for c in value)
    }


def questions(name: str, source: str) -> dict[str, float]:
    """Return what each of its questions is worth."""
    return {key: float(total(criteria)) for key, criteria in load(name, source).items()}
