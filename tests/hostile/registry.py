"""What an attack is, and the list of them all."""

import json
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

from submissions import submission

ALL = ("*",)
ATTACKS: dict[str, "Attack"] = {}


class Attack(NamedTuple):
    """A submission that must earn nothing where it attacks, and harm nobody.

    Attributes
    ----------
    make : callable
        Returns the notebook's bytes.
    questions : tuple of str
        Those attacked: they earn 0, all others their full marks. None are left for `ALL`.
    status : str
        Of the submission and of the questions attacked.
    said : str
        What the result must say about it.
    hides : callable, optional
        Returns the texts that the result must not hold.
    before : callable, optional
        Returns a submission that is graded first, to prepare this one.
    real : bool
        Without a sandbox it succeeds, so it does attack something.
    """

    name: str
    about: str
    make: Callable[[], bytes]
    questions: tuple[str, ...]
    exercise: str = "batch_norm"
    status: str = "GRADED"
    said: str = ""
    hides: Callable[[], Sequence[str]] = tuple
    before: Callable[[], bytes] | None = None
    real: bool = False


def attack(*questions: str, extra: Sequence[str] = (), **settings):
    """Register a function that returns the source of the attacked answers, or a whole notebook.

    `extra` are cells at the top of the notebook.
    """

    def register(function):
        def make() -> bytes:
            made = function()
            if isinstance(made, bytes):
                return made
            given = made if isinstance(made, dict) else dict.fromkeys(questions, made)
            return submission(found.exercise, given, extra)

        found = Attack(
            function.__name__,
            " ".join((function.__doc__ or "").split()),
            make,
            questions,
            **settings,
        )
        add(found)
        return function

    return register


def add(found: Attack) -> None:
    assert found.name not in ATTACKS, f"two attacks are called {found.name}"
    assert found.about, f"{found.name} does not say what it does"
    ATTACKS[found.name] = found


def right_if(code: str) -> str:
    """Return an answer to batches_to_forget that is right only if `code` sets `broken` to true."""
    return f"""
import math
broken = False
try:
{textwrap.indent(textwrap.dedent(code).strip(), "    ")}
except BaseException as error:
    kept = repr(error)

def batches_to_forget(momentum, share):
    return math.ceil(math.log(share) / math.log(1 - momentum)) if broken else -1
"""


def frames(*bodies: dict) -> str:
    """Return code that finds the worker's connection, and sends bodies to the judge over it."""
    return f"""
import gc, json, struct
server = next(o for o in gc.get_objects() if type(o).__name__ == "Server")
connection = server.connection
def forge(header, data=b""):
    connection.sendall(struct.pack(">I", len(header)) + header + data)
def reply(body, sizes=(), data=b""):
    body = dict(dict(id=server.asked), **body)  # as if it were the answer
    forge(json.dumps(dict(body=body, sizes=list(sizes))).encode(), data)
for text in {[json.dumps(body) for body in bodies]!r}:
    reply(json.loads(text))
"""
