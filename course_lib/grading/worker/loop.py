"""Serve the judge: run cells, call functions, pull gradients back; one request, one reply.

The learner's code runs in this process and may do to it what it likes: nothing here knows an
answer, and what the judge gets is only ever taken for a value.
"""

import __future__

import ast
import builtins
import os
import re
import socket
import sys
import traceback
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import wire


class Server:
    """The state of one submission: its names, and the objects that the judge holds handles to."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        # What is printed while a test runs may hold hidden inputs, so nothing of it is kept.
        self.nowhere = open(os.devnull, "w")  # noqa: SIM115, open as long as the process
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.names["display"] = print  # a notebook has it without an import
        self.objects: list[Any] = []
        self.calls: list[tuple] = []  # tensors in and out of each call, for its gradients
        self.asked = ""  # the id of the request, which every message about it repeats

    def serve(self) -> None:
        """Answer until the judge hangs up."""
        self.reply({"ready": True})
        while True:
            try:
                message = wire.receive(self.connection)
            except EOFError:
                return
            request = message.body
            self.asked = request["id"]
            buffers: list[bytes] = []
            sys.stdout = sys.stderr = self.nowhere
            try:
                answer = getattr(self, f"do_{request['do']}")(message, buffers)
            except BaseException as error:
                buffers, answer = [], {"error": describe(error)}
            self.reply(answer, buffers)

    def reply(self, body: Any, buffers: list[bytes] | None = None) -> None:
        """Send an answer, or why it cannot be sent."""
        try:
            self.send(body, buffers or [])
        except wire.WireError as error:
            self.send({"error": describe(error)}, [])

    def send(self, body: dict[str, Any], buffers: list[bytes]) -> None:
        """Send a message that belongs to the request."""
        wire.send(self.connection, body | {"id": self.asked}, buffers)

    def do_run(self, message: wire.Message, buffers: list[bytes]) -> Any:
        """Execute a cell; its error is part of the answer, since the cells after it still run."""
        try:
            error = self.execute(_parsed(message.body["source"]), f"<{message.body['title']}>")
        except BaseException as caught:
            error = describe(caught)
        return {"error": error}

    def execute(self, tree: ast.Module, title: str) -> dict[str, Any] | None:
        """Run the statements; an import that fails here does not take the next lines along."""
        missing, flags = None, 0
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                flags = __future__.annotations.compiler_flag
            code = compile(ast.Module([node], []), title, "exec", flags)
            try:
                exec(code, self.names)
            except ImportError as caught:
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    raise
                missing = missing or describe(caught)
        return missing

    def do_has(self, message: wire.Message, buffers: list[bytes]) -> Any:
        """Say whether a name is defined."""
        return {"value": message.body["name"] in self.names}

    def do_call(self, message: wire.Message, buffers: list[bytes]) -> Any:
        """Call a function or an object with arguments; send back what it changed in them."""
        target, args, kwargs = self.decode(message, "value")
        function = self.names[target] if type(target) is str else target
        given = list(arrays([args, kwargs]))
        before = [(a.clone() if _is_tensor(a) else a.copy()) for a in given]
        value = function(*args, **kwargs)
        value = tuple(value) if isinstance(value, tuple) else value  # a NamedTuple's type stays
        changed = [
            [index, array]
            for index, (array, old) in enumerate(zip(given, before, strict=True))
            if _changed(array, old)
        ]
        self.calls.append((given, list(arrays(value))))
        answer = self.encode([value, changed], buffers)
        return {"value": answer, "call": len(self.calls) - 1}

    def do_pull(self, message: wire.Message, buffers: list[bytes]) -> Any:
        """Return the gradients of a call's tensors, given those of its results."""
        import torch

        call, upstream = self.decode(message, "value")
        given, results = self.calls[call]
        leaves = [a for a in given if _is_tensor(a) and a.requires_grad and a.is_leaf]
        pairs = [
            (result, dy)
            for result, dy in zip(results, upstream, strict=True)
            if dy is not None and result.requires_grad
        ]
        outputs, dys = zip(*pairs, strict=True)
        found = torch.autograd.grad(outputs, leaves, dys, allow_unused=True, retain_graph=True)
        by_leaf = dict(zip(map(id, leaves), found, strict=True))
        return {"value": self.encode([by_leaf.get(id(a)) for a in given], buffers)}

    def do_get(self, message: wire.Message, buffers: list[bytes]) -> Any:
        """Return an attribute of an object, by its dotted name."""
        value, path = self.decode(message, "value")
        for name in path.split("."):
            value = getattr(value, name)
        return {"value": self.encode(value, buffers)}

    def decode(self, message: wire.Message, key: str) -> Any:
        """Return the value of a request."""
        return wire.decode(wire.Message(message.body[key], message.buffers), self.resolve)

    def encode(self, value: Any, buffers: list[bytes]) -> Any:
        """Return what crosses."""
        return wire.encode(value, buffers, self.keep)

    def keep(self, value: Any) -> wire.Handle:
        """Keep an object here, under a number."""
        self.objects.append(value)
        return wire.Handle("worker", len(self.objects) - 1, type(value).__name__)

    def resolve(self, handle: wire.Handle) -> Any:
        """Return the object kept here, or a function that asks the judge."""
        if handle.side == "worker":
            return self.objects[handle.number]

        def ask(*args, **kwargs):
            buffers: list[bytes] = []
            body = self.encode([handle, args, kwargs], buffers)
            self.send({"callback": body}, buffers)
            answer = wire.receive(self.connection)
            if "error" in answer.body:
                kind = getattr(builtins, answer.body["error"]["type"], RuntimeError)
                raise kind(answer.body["error"]["message"])
            return self.decode(answer, "value")

        return ask


def serve(connection: socket.socket) -> None:
    """Serve one submission over `connection`."""
    _stand_ins()
    Server(connection).serve()


def arrays(value: Any) -> Iterator[Any]:
    """Yield the arrays and tensors in a value, in the order in which they cross."""
    if type(value) is np.ndarray or _is_tensor(value):
        yield value
    elif type(value) in (list, tuple):
        for item in value:
            yield from arrays(item)
    elif type(value) is dict:
        for item in value.values():
            yield from arrays(item)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as plain text: its type, that type's bases, message and line."""
    try:
        message = str(error)[:1000]
    except BaseException:
        message = ""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.startswith("<")]
    bases = [base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins"]
    return {
        "type": type(error).__name__[:100],
        "bases": bases,
        "message": message,
        "line": error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None,
    }


def _parsed(source: str) -> ast.Module:
    """Parse a cell; lines that only IPython understands are left out."""
    try:
        return ast.parse(source)
    except SyntaxError:
        plain = re.sub(r"(?m)^(\s*)%time +", r"\1", source)
        plain = re.sub(r"(?m)^(\s*)([\w, ]+= *)?[%!][^\n]*$", r"\1\2None", plain)
        plain = re.sub(r"(?m)^(\s*)(\?{1,2}[\w.*]+|[\w.*]+\?{1,2})[ \t;]*$", r"\1pass", plain)
        return ast.parse(plain)


def _changed(array: Any, old: Any) -> bool:
    if array.shape != old.shape or getattr(array, "requires_grad", 0) != getattr(
        old, "requires_grad", 0
    ):
        return True
    return _bytes(array) != _bytes(old)  # not ==: NaN is unequal to itself


def _bytes(array: Any) -> bytes:
    buffers: list[bytes] = []
    wire.encode(array, buffers, lambda value: wire.Handle("worker", -1, "object"))
    return buffers[0] if buffers else b""


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and type(value) in (torch.Tensor, torch.nn.Parameter)


def _stand_ins() -> None:
    """Let notebooks import `check`: here it does nothing, the judge runs the real one."""
    grading = types.ModuleType("course_lib.grading")
    grading.check = lambda *args, **kwargs: 0.0
    grading.CheckFailed = type("CheckFailed", (AssertionError,), {})
    package = types.ModuleType("course_lib")
    package.grading = grading
    sys.modules |= {"course_lib": package, "course_lib.grading": grading}
