"""Ctrl-C that is never lost."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupts:
    """Remembers Ctrl-C while it is entered, and still raises KeyboardInterrupt.

    Python swallows an exception that comes while it deletes an object, as dask's futures often are:
    whoever waits in a loop asks `check` at each turn.
    """

    def __enter__(self) -> "Interrupts":
        self._came, self._before = False, None
        in_main = threading.current_thread() is threading.main_thread()  # no other takes signals
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C came, and was swallowed."""
        if self._came:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        signal.default_int_handler(number, frame)
