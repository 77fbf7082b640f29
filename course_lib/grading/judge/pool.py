"""The warm processes that a grader keeps, and how long a submission may run in them."""

import time
from typing import Any, NamedTuple

from course_lib.grading.judge.remote import Session
from course_lib.grading.judge.sandbox import NoSandbox, Zygote


class Limits(NamedTuple):
    """Seconds of wall time."""

    cell: float = 10.0  # one cell, or one call of a function
    notebook: float = 60.0  # once with the visible inputs, and as much with the hidden ones


class Pool:
    """The zygotes of a process, one for each set of packages; they last until `close`.

    Parameters
    ----------
    sandbox : bool
        False only for code of one's own.
    limits : Limits, optional
    """

    def __init__(self, *, sandbox: bool = True, limits: Limits | None = None):
        self.sandbox, self.limits = sandbox, limits or Limits()
        self.zygotes: dict[tuple[str, ...], Zygote] = {}

    def warm(self, packages: tuple[str, ...]) -> Zygote:
        """Return the process with these packages, which starts if there is none.

        Raises
        ------
        NoSandbox
            If code cannot be locked in on this machine.
        """
        if packages in self.zygotes and not self.zygotes[packages].alive:
            self.zygotes.pop(packages).close()
        if packages not in self.zygotes:
            self.zygotes[packages] = Zygote(packages, sandbox=self.sandbox)
        return self.zygotes[packages]

    def session(self, packages: tuple[str, ...], deadline: float) -> Session:
        """Return a fresh worker; a zygote that forks none is replaced, once.

        Raises
        ------
        NoSandbox
            If code cannot be locked in on this machine.
        """
        zygote = self.warm(packages)
        try:
            return Session(zygote, self.limits.cell, deadline)
        except (OSError, NoSandbox):
            self.zygotes.pop(packages).close()
            return Session(self.warm(packages), self.limits.cell, deadline)

    def close(self) -> None:
        """End them all."""
        for zygote in self.zygotes.values():
            zygote.close()
        self.zygotes = {}

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def deadline_of(limits: Limits) -> float:
    """Return the time of `time.monotonic` at which a submission that starts now must end."""
    return time.monotonic() + limits.notebook
