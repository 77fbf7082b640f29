"""Plant a bug in a copy of a function or of a module, to prove that the tests see it."""

import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from types import CellType, FunctionType, ModuleType

import numpy as np
import pytest

# How a claim says no: a bare exception of another kind proves nothing about the claim.
REJECTIONS = (AssertionError, pytest.fail.Exception)

# What the claim of the running test said; planted_errors.py takes it into the report.
SAID: list[str] = []


def mutate(function: Callable, old: str, new: str) -> Callable:
    """Return `function` with `old` replaced by `new` in its source.

    Parameters
    ----------
    function : a function written in a module of this project
    old : str
        Must occur exactly once, so that the variant differs in one place.
    new : str

    Raises
    ------
    ValueError
        If `old` occurs never or more than once: the function was edited; edit the variant too.
    """
    code = replace_once(textwrap.dedent(inspect.getsource(function)), old, new, function.__name__)
    scope = dict(function.__globals__)
    exec(compile(code, f"<{function.__name__} with {new!r}>", "exec"), scope)
    return scope[function.__name__]


def plant(monkeypatch: pytest.MonkeyPatch, where: str, old: str, new: str) -> None:
    """Put a module with a bug in the place of the right one, for all of `course_lib`.

    Parameters
    ----------
    monkeypatch : pytest's fixture
        Takes the bug out again.
    where : str
        A module below `course_lib`, for example ``"numpy_layers.moments"``.
    old, new : str
        As in `mutate`, once in the module.
    """
    right = importlib.import_module(f"course_lib.{where}")
    wrong = ModuleType(right.__name__)
    code = replace_once(inspect.getsource(right), old, new, where)
    exec(compile(code, f"<{where} with {new!r}>", "exec"), wrong.__dict__)
    swaps = {
        id(thing): getattr(wrong, name)
        for name, thing in vars(right).items()
        if getattr(thing, "__module__", None) == right.__name__
    }
    for name, thing in vars(right).items():
        if id(thing) in swaps and isinstance(thing, type):
            _graft(monkeypatch, thing, getattr(wrong, name))
    for module in [m for name, m in sys.modules.items() if name.startswith("course_lib")]:
        for name, thing in list(vars(module).items()):
            if id(thing) in swaps:
                monkeypatch.setattr(module, name, swaps[id(thing)])


def _graft(monkeypatch: pytest.MonkeyPatch, right: type, wrong: type) -> None:
    """Give a class the wrong methods too: those that inherit from it elsewhere look there."""
    for name, method in vars(wrong).items():
        if isinstance(method, FunctionType) and method.__code__ != vars(right)[name].__code__:
            cells = dict(zip(method.__code__.co_freevars, method.__closure__ or (), strict=True))
            if "__class__" in cells:  # what super() looks at
                cells["__class__"] = CellType(right)
            code, scope = method.__code__, method.__globals__
            grafted = FunctionType(code, scope, name, method.__defaults__, tuple(cells.values()))
            grafted.__kwdefaults__ = method.__kwdefaults__
            monkeypatch.setattr(right, name, grafted)


def replace_once(code: str, old: str, new: str, where: str) -> str:
    """Replace `old`, which must occur exactly once."""
    if code.count(old) != 1:
        raise ValueError(
            f"expected {old!r} once in the source of {where}, got {code.count(old)} times; "
            "adapt the variant to the present source"
        )
    return code.replace(old, new)


def planted(errors: Iterable[tuple[str, str, str, str, Callable]]) -> pytest.MarkDecorator:
    """Make one test of each (name, module, right, wrong, claim that must see it)."""
    return pytest.mark.parametrize(
        ("where", "right", "wrong", "claim"),
        [
            pytest.param(
                *(where, right, wrong, claim),
                id=f"{name} in {where}: {name_of(claim)}",
                marks=pytest.mark.planted_error(name),
            )
            for name, where, right, wrong, claim in errors
        ],
    )


def assert_seen(
    monkeypatch: pytest.MonkeyPatch, where: str, right: str, wrong: str, claim: Callable
) -> None:
    """Assert that the claim holds, and that it fails once the error is planted."""
    claim()
    plant(monkeypatch, where, right, wrong)
    assert_rejected(claim)


def assert_rejected(claim: Callable) -> None:
    """Assert that the claim fails, and keep what it says."""
    with np.errstate(all="ignore"), pytest.raises(REJECTIONS) as rejection:
        claim()
    SAID[:] = [str(rejection.value)]


def name_of(claim: Callable) -> str:
    """Return the name of a claim, also of one with arguments filled in."""
    return getattr(claim, "func", claim).__name__
