"""The learner's functions as the judge sees them: proxies for what lives in the sandbox.

A check cannot tell a proxy from the function: arrays that the function changes in place change
here too, functions that it is given run here, exceptions arrive as their built-in type, and
`backward` through its result runs the worker's autograd.
"""

import secrets
import time
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from course_lib.grading.judge import foreign, sandbox
from course_lib.grading.worker import wire
from course_lib.grading.worker.loop import arrays, describe

READY_SECONDS = 30  # for a fork; no learner's code has run by then
STARVED = 5
CALLBACK_ELEMENTS = 1 << 20  # of what the worker gives to a function of ours


class WorkerLost(BaseException):
    """The worker is dead: no `except Exception` of a check may take that for an answer.

    `status` is ``"TIMEOUT"`` or ``"CRASH"``, `reason` one sentence for people.
    """

    def __init__(self, status: str, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


class Session:
    """One worker, from its first cell to its end.

    Parameters
    ----------
    zygote : Zygote
    seconds : float
        What one cell or one call may take. On a machine with too much to do a worker that waits
        for its turn gets up to `STARVED` times as long, so that a grade does not hang on the load.
    deadline : float
        Time of `time.monotonic` at which the whole submission ends.

    Raises
    ------
    NoSandbox
        If no locked-in worker could be forked.
    """

    def __init__(self, zygote: sandbox.Zygote, seconds: float, deadline: float):
        self.seconds, self.deadline = seconds, deadline
        self.exports: list[Any] = []
        self.end: dict = {}
        self.used = self.asked = 0.0  # processor seconds: when this request began, when last asked
        self.closed = False
        self.connection, self.watch = zygote.fork()
        try:
            first = wire.receive(self.connection, time.monotonic() + READY_SECONDS).body
        except (OSError, EOFError, wire.WireError):
            first = sandbox.wait_for_end(self.watch, 1.0)
        if first != {"ready": True, "id": ""}:
            self.close()
            raise sandbox.NoSandbox(f"expected a locked-in worker, got {first or 'none'}")

    def close(self) -> None:
        """Kill the worker, and with its namespace all that it started."""
        if self.closed:
            return
        self.closed = True
        self.connection.close()
        sandbox.kill(self.watch)
        self.end = self.end or sandbox.wait_for_end(self.watch)
        self.watch.close()

    def run(self, source: str, title: str) -> dict | None:
        """Execute a cell; return its error if it raised one."""
        body, _ = self._ask({"do": "run", "source": source, "title": title})
        return foreign.plain(body["error"]) if body.get("error") else None

    def has(self, name: str) -> bool:
        """Say whether the learner's code defines a name."""
        return self._ask({"do": "has", "name": name})[0].get("value") is True

    def call(self, target: Any, args: tuple, kwargs: dict) -> Any:
        """Call a function of the worker; change the arguments that it changed."""
        self.exports = []
        given = list(arrays([args, kwargs]))
        if any(getattr(array, "requires_grad", False) for array in given):
            from course_lib.grading.judge.remote_torch import call_with_gradient

            return call_with_gradient(self, target, args, kwargs)
        return self.plain_call(target, args, kwargs)[0]

    def plain_call(self, target: Any, args: tuple, kwargs: dict) -> tuple[Any, int]:
        """Call, and return the value and the number of the call."""
        value, body = self.request("call", [target, args, kwargs])
        if not (isinstance(value, list) and len(value) == 2 and isinstance(value[1], list)):
            raise self.lost("CRASH", "the worker answered what no function returns")
        given = list(arrays([args, kwargs]))
        try:
            for index, new in value[1]:
                foreign.change(given[index], new)
        except (TypeError, ValueError, IndexError, AttributeError, RuntimeError):
            raise self.lost("CRASH", "the worker changed what it was not given") from None
        return value[0], body.get("call", 0)

    def request(self, do: str, value: Any) -> tuple[Any, dict]:
        """Send a request with a value; return the value of the answer, and its body."""
        buffers: list[bytes] = []
        request = {"do": do, "value": wire.encode(value, buffers, self.keep)}
        body, message = self._ask(request, buffers)
        if "error" in body:
            raise foreign.exception(foreign.plain(body["error"]))
        try:
            return wire.decode(wire.Message(body.get("value"), message.buffers), self.resolve), body
        except wire.WireError:
            raise self._broken() from None

    def keep(self, value: Any) -> wire.Handle:
        """Return the handle of a function of ours, or of an object of theirs."""
        if isinstance(value, Remote):
            return value.handle
        self.exports.append(value)
        return wire.Handle("judge", len(self.exports) - 1, type(value).__name__)

    def resolve(self, handle: wire.Handle) -> Any:
        """Return the object behind a handle that came from the worker."""
        if handle.side == "worker":
            return Remote.of(self, handle)
        if not 0 <= handle.number < len(self.exports):
            raise wire.WireError("a function that it was not given")
        return self.exports[handle.number]

    def lost(self, status: str, reason: str) -> WorkerLost:
        """Kill the worker and return the exception to raise."""
        self.close()
        return WorkerLost(status, reason)

    def _ask(self, request: dict, buffers: list[bytes] | None = None) -> tuple[dict, wire.Message]:
        """Send a request, run the functions that the worker calls meanwhile, return the answer."""
        self.soft, self.used = time.monotonic() + self.seconds, self.asked
        deadline = min(self.soft + (STARVED - 1) * self.seconds, self.deadline)
        request["id"] = secrets.token_hex(8)
        self._send(request, buffers or [], deadline)
        while True:
            message = self._receive(deadline)
            if not isinstance(message.body, dict):
                raise self._broken()
            if message.body.get("id") != request["id"]:
                continue  # sent unasked, or too late: it must not answer another question
            if "callback" not in message.body:
                return message.body, message
            self._serve(message, deadline)

    def _serve(self, message: wire.Message, deadline: float) -> None:
        """Run a function of ours for the worker."""
        buffers: list[bytes] = []
        try:
            answer = {"value": self._answer(message, buffers)}
            self._send(answer, buffers, deadline)
        except Exception as error:  # on a learner's arguments our functions may raise anything
            self._send({"error": describe(error)}, [], deadline)

    def _answer(self, message: wire.Message, buffers: list[bytes]) -> Any:
        body = wire.Message(message.body["callback"], message.buffers)
        function, args, kwargs = wire.decode(body, self.resolve)
        if foreign.reach([args, kwargs]) > CALLBACK_ELEMENTS:
            raise ValueError(f"expected arrays of at most {CALLBACK_ELEMENTS:,} elements, got more")
        if not any(function is given for given in self.exports):
            raise ValueError("expected a function that was given, got another object")
        with np.errstate(all="ignore"):
            value = function(*args, **kwargs)
        return wire.encode(value, buffers, self.keep)

    def _send(self, body: Any, buffers: list[bytes], deadline: float) -> None:
        try:
            left = min(self.soft + self.seconds, deadline) - time.monotonic()
            self.connection.settimeout(max(left, 1e-3))
            wire.send(self.connection, body, buffers)
        except TimeoutError:
            raise self._late(deadline) from None
        except OSError:
            raise self._gone() from None

    def _receive(self, deadline: float) -> wire.Message:
        self._wait(deadline)
        try:
            return wire.receive(self.connection, min(self.soft + self.seconds, deadline))
        except TimeoutError:
            raise self._late(deadline) from None
        except (EOFError, OSError):
            raise self._gone() from None
        except (wire.WireError, MemoryError):
            raise self._broken() from None

    def _wait(self, deadline: float) -> None:
        """Wait for the worker's next word; one that only waits for a processor gets more time."""
        while True:
            if self._speaks(min(self.soft, deadline) - time.monotonic()):
                return
            self.asked, runs = sandbox.time_of(self.watch)
            more = self.seconds - (self.asked - self.used)
            if not runs or more <= 0 or time.monotonic() >= deadline:
                if self._speaks(0.0):  # it finished while its time was asked for
                    return
                raise self._late(deadline)
            self.soft = time.monotonic() + max(more, 0.05)

    def _speaks(self, seconds: float) -> bool:
        return bool(wait([self.connection], max(seconds, 0.0)))

    def _late(self, deadline: float) -> WorkerLost:
        whole = time.monotonic() >= self.deadline
        limit = "the whole notebook had" if whole else f"more than {self.seconds:g} s"
        return self.lost("TIMEOUT", f"it ran longer than allowed: {limit}")

    def _broken(self) -> WorkerLost:
        # Not how: the worker chose the numbers in it.
        return self.lost("CRASH", "the worker broke the protocol")

    def _gone(self) -> WorkerLost:
        self.end = sandbox.wait_for_end(self.watch, 2.0)
        code = self.end.get("status")
        if code is None:
            return self.lost("CRASH", "Python cut its connection to the judge")
        how = f"was killed by signal {-code}" if code < 0 else f"ended itself with code {code}"
        return self.lost("CRASH", f"Python {how}")


class Remote:
    """An object of the worker: it can be called, and its attributes asked for by `get`."""

    def __init__(self, session: Session, handle: wire.Handle):
        self.session, self.handle = session, handle

    @classmethod
    def of(cls, session: Session, handle: wire.Handle) -> "Remote":
        """Return it under its type's name, which reports quote."""
        return type(foreign.known_type(handle.type_name), (cls,), {})(session, handle)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return self.session.call(self, args, kwargs)

    def get(self, path: str) -> Any:
        """Return an attribute by its dotted name, such as ``"weight.grad"``."""
        return self.session.request("get", [self, path])[0]
