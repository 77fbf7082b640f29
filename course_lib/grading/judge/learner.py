"""The learner's notebook in a worker, as far as the judge has come; a dead worker is replaced."""

import time

from course_lib.grading.assignment import Cell
from course_lib.grading.judge.pool import Pool
from course_lib.grading.judge.remote import Session, WorkerLost


class Learner:
    """A worker that has run the cells so far.

    Parameters
    ----------
    pool : Pool
    packages : tuple of str
    deadline : float
        Time of `time.monotonic` at which the notebook's time ends.

    Attributes
    ----------
    ran : list of (int, Cell)
        The cells that did not kill their worker, with their numbers.
    """

    def __init__(self, pool: Pool, packages: tuple[str, ...], deadline: float):
        self.pool, self.packages, self.deadline = pool, packages, deadline
        self.ran: list[tuple[int, Cell]] = []
        self.here = 0  # how many of them this worker has run
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The living worker, or a fresh one, once it has run what the judge has come past.

        Raises
        ------
        WorkerLost
            If that kills it, or the time is over.
        """
        if self._session is None or self._session.closed:
            if time.monotonic() >= self.deadline:
                raise WorkerLost("TIMEOUT", "the time for the whole notebook was used up before")
            self._session, self.here = self.pool.session(self.packages, self.deadline), 0
        while self.here < len(self.ran):
            run_cell(self._session, *self.ran[self.here])
            self.here += 1
        return self._session

    def run(self, number: int, cell: Cell) -> dict | None:
        """Run the next cell; return its error if it raised one."""
        error = run_cell(self.session, number, cell)
        self.ran.append((number, cell))
        self.here += 1
        return error

    def close(self) -> None:
        """End the worker."""
        if self._session is not None:
            self._session.close()


def run_cell(session: Session, number: int, cell: Cell) -> dict | None:
    """Run a cell under the title that its errors name."""
    return session.run(cell.source, f"cell {number + 1}")
