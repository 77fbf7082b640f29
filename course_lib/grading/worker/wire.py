"""Typed values over a socket: a JSON header, then the bytes of arrays; no pickle.

Both sides use this file, and neither trusts the other: what arrives is measured before it is
read, and rebuilt as plain values only. A frame is the header's length in 4 bytes, the header
``{"body": …, "sizes": [bytes, …]}``, and the buffers behind each other. In the body None, bool,
int, float and str are JSON's own; everything else is an object with one key, its kind.
"""

import json
import math
import re
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

HEADER_BYTES = 1 << 20
BUFFER_BYTES = 64 << 20  # all arrays of one message together
BUFFERS = 4096
DEPTH = 32
# Numbers can be chosen so that each key of a dictionary meets all before it, and NumPy gives each
# text of an array the room of the longest.
LONGEST = {"str": 1000, "dict": 1000, "list": 1 << 16, "tuple": 1 << 16}
DTYPES = [*"bhilqBHILQ?efdFD"]  # no objects, no text, no dates, no records
SENT_AS = dict(zip(DTYPES, DTYPES, strict=True)) | {"g": "d", "G": "D"}  # long doubles differ
TENSORS = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
           "bool", "complex64", "complex128")  # fmt: skip


class WireError(Exception):
    """What arrived is no message, or is larger than allowed."""


class Handle(NamedTuple):
    """A value that stays on the other side: a function, or an object of another type."""

    side: str  # "worker" or "judge"
    number: int
    type_name: str


class Message(NamedTuple):
    """What crosses: a JSON body, and the buffers that it refers to by position."""

    body: Any
    buffers: list[bytes]


def send(connection: socket.socket, body: Any, buffers: list[bytes]) -> None:
    """Send one frame.

    Raises
    ------
    WireError
        If it is larger than what the other side would take.
    """
    header = json.dumps({"body": body, "sizes": [len(b) for b in buffers]}).encode()
    _require(len(header) <= HEADER_BYTES, f"a message of {len(header):,} bytes beside its arrays")
    _require(len(buffers) <= BUFFERS, f"a message with {len(buffers):,} arrays")
    size = sum(map(len, buffers))
    _require(size <= BUFFER_BYTES, f"arrays of {size:,} bytes in one message")
    connection.sendall(b"".join([struct.pack(">I", len(header)), header, *buffers]))


def receive(connection: socket.socket, deadline: float | None = None) -> Message:
    """Receive one frame.

    Parameters
    ----------
    connection : socket
    deadline : float, optional
        Time of `time.monotonic` after which to give up.

    Raises
    ------
    EOFError
        If the other side has gone.
    TimeoutError
        If the deadline has passed.
    WireError
        If what arrived breaks the rules.
    """
    (length,) = struct.unpack(">I", _read(connection, 4, deadline))
    _require(length <= HEADER_BYTES, f"a header of {length:,} bytes")
    try:
        header = json.loads(_read(connection, length, deadline))
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {type(error).__name__}") from None
    _require(isinstance(header, dict) and set(header) == {"body", "sizes"}, "another header")
    sizes = header["sizes"]
    _require(isinstance(sizes, list) and len(sizes) <= BUFFERS, "too many arrays")
    _require(all(type(size) is int and size >= 0 for size in sizes), "a negative size")
    _require(sum(sizes) <= BUFFER_BYTES, f"arrays of {sum(sizes):,} bytes")
    return Message(header["body"], [_read(connection, size, deadline) for size in sizes])


def _read(connection: socket.socket, size: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        chunk = connection.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


def _require(condition: bool, got: str) -> None:
    if not condition:
        raise WireError(f"a message within the limits was expected, got {got}")


def encode(value: Any, buffers: list[bytes], keep: Callable[[Any], Handle], depth: int = 0) -> Any:
    """Return the JSON of a value, and append the bytes of its arrays to `buffers`.

    Parameters
    ----------
    value : anything
    buffers : list of bytes
        Extended in place.
    keep : callable
        Gets what cannot cross, keeps it and returns the handle that crosses instead.
    """
    _require(depth <= DEPTH, f"values nested deeper than {DEPTH}")
    kind = type(value)  # exactly: a subclass may lie about itself, so it does not cross
    if value is None or kind in (bool, int, float, str):
        return _short(kind.__name__, value)

    def inner(item):
        return encode(item, buffers, keep, depth + 1)

    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if kind in (list, tuple):
        return {kind.__name__: [inner(item) for item in _short(kind.__name__, value)]}
    if kind is dict:
        return {"dict": [[inner(k), inner(item)] for k, item in _short("dict", value).items()]}
    is_array = kind is np.ndarray
    char = SENT_AS.get(value.dtype.char) if is_array or isinstance(value, np.generic) else None
    if char:
        buffers.append(value.astype(char, copy=False).tobytes())
        return {"array": [char, list(_shape(value.shape))]} if is_array else {"scalar": [char]}
    if _is_tensor(kind) and str(value.dtype)[6:] in TENSORS:
        return _encode_tensor(value, buffers)
    handle = value if kind is Handle else keep(value)
    return {"handle": list(handle)}


def decode(message: Message, resolve: Callable[[Handle], Any]) -> Any:
    """Return the value of a message's body; `resolve` turns handles into objects.

    Raises
    ------
    WireError
        If it is none that `encode` writes.
    """
    try:
        return _Decoder(message.buffers, resolve).value(message.body)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RuntimeError,
            StopIteration) as error:  # fmt: skip
        raise WireError(f"no value of this protocol: {type(error).__name__}") from None


class _Decoder:
    """Reads one body; each array takes the next buffer."""

    def __init__(self, buffers: list[bytes], resolve: Callable[[Handle], Any]):
        self.buffers = iter(buffers)
        self.resolve = resolve

    def value(self, body: Any, depth: int = 0) -> Any:
        _require(depth <= DEPTH, "values nested too deeply")
        if body is None or type(body) in (bool, int, float, str):
            return _short(type(body).__name__, body)
        ((kind, content),) = body.items()
        if kind in ("list", "tuple"):
            items = [self.value(item, depth + 1) for item in _short(kind, content)]
            return items if kind == "list" else tuple(items)
        if kind == "dict":
            pairs = [[self.value(x, depth + 1) for x in pair] for pair in _short(kind, content)]
            return dict(pairs)
        return getattr(self, f"_{_known(kind)}")(*content)

    def _complex(self, real: float, imag: float) -> complex:
        return complex(real, imag)

    def _array(self, char: str, shape: list) -> np.ndarray:
        _require(char in DTYPES, "an array of another dtype")
        # A copy, since what frombuffer gives cannot be written to.
        return np.frombuffer(next(self.buffers), np.dtype(char)).reshape(_shape(shape)).copy()

    def _scalar(self, char: str) -> np.generic:
        return self._array(char, [])[()]

    def _tensor(self, dtype: str, shape: list, requires_grad: bool):
        torch = sys.modules.get("torch")
        _require(torch is not None, "a tensor in an exercise without torch")
        _require(dtype in TENSORS and type(requires_grad) is bool, "a tensor of another dtype")
        data = bytearray(next(self.buffers))
        values = torch.frombuffer(data, dtype=getattr(torch, dtype)) if data else torch.empty(0)
        values = values.to(getattr(torch, dtype)).reshape(_shape(shape)).clone()
        return values.requires_grad_(requires_grad)

    def _handle(self, side: str, number: int, type_name: str) -> Any:
        _require(side in ("worker", "judge") and type(number) is int, "another handle")
        return self.resolve(Handle(side, number, clean_name(type_name)))


def _known(kind: str) -> str:
    _require(kind in ("complex", "array", "scalar", "tensor", "handle"), "another kind of value")
    return kind


def _short(kind: str, value: Any) -> Any:
    _require(kind not in LONGEST or len(value) <= LONGEST[kind], f"a {kind} longer than allowed")
    return value


def _shape(shape: list) -> tuple[int, ...]:
    _require(len(shape) <= DEPTH and all(type(n) is int and n >= 0 for n in shape), "a shape")
    # An axis of length 0 must not leave the others free: reports quote shapes.
    _require(math.prod(max(n, 1) for n in shape) <= BUFFER_BYTES, "a shape too large")
    return tuple(shape)


def _is_tensor(kind: type) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and kind in (torch.Tensor, torch.nn.Parameter)


def _encode_tensor(value, buffers: list[bytes]) -> Any:
    import torch

    flat = value.detach().cpu().contiguous().reshape(-1)
    buffers.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return {"tensor": [str(value.dtype)[6:], list(_shape(value.shape)), bool(value.requires_grad)]}


def clean_name(name: Any) -> str:
    """Return a type's name with nothing in it but what an identifier may hold."""
    _require(type(name) is str, "a name that is no text")
    return re.sub(r"\W", "_", name[:100]) or "object"
