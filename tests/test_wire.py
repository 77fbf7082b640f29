"""The pipe between judge and worker: what crosses, crosses exactly; what lies is refused."""

import json
import math
import socket
import struct
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_lib.grading.worker import wire
from course_lib.grading.worker.wire import DTYPES, Message, WireError, decode, encode

SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
ARRAYS = st.sampled_from("?bhilBfdD").flatmap(
    lambda char: hnp.arrays(np.dtype(char), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def refuse(value):
    raise AssertionError(f"a plain value was kept back: {value!r}")


def through(value, keep=refuse, resolve=refuse):
    """Send a value through a real socket and return what arrives."""
    left, right = socket.socketpair()
    with left, right:
        buffers = []
        body = encode(value, buffers, keep)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        wire.send(left, body, buffers)
        return decode(wire.receive(right, time.monotonic() + 5), resolve)


def assert_same(got, wanted):
    assert type(got) is type(wanted)
    if isinstance(wanted, np.ndarray | np.generic):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        assert got.tobytes() == wanted.tobytes()
    elif isinstance(wanted, list | tuple):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, dict):
        assert list(got) == list(wanted)
        for key in wanted:
            assert_same(got[key], wanted[key])
    else:
        assert got == wanted or (got != got and wanted != wanted)


@given(VALUES)
def test_values_arrive_as_they_were_sent(value):
    assert_same(through(value), value)


@pytest.mark.parametrize("char", DTYPES)
def test_each_dtype_arrives_as_array_and_as_scalar(char):
    array = np.arange(6).reshape(2, 3).astype(char)
    assert_same(through([array, array[1, 2]]), [array, array[1, 2]])


@pytest.mark.parametrize("dtype", wire.TENSORS)
def test_tensors_arrive_with_dtype_and_need_of_gradient(dtype):
    kind = getattr(torch, dtype)
    for wants in {False, kind.is_floating_point}:
        tensor = torch.arange(6).reshape(2, 3).to(kind).requires_grad_(wants)
        got = through(tensor)
        assert (got.dtype, got.requires_grad) == (kind, wants)
        assert torch.equal(got, tensor)


def test_a_tensor_without_elements_arrives():
    assert through(torch.empty(0, 3)).shape == (0, 3)


def test_an_array_that_arrives_can_be_written_to():
    got = through(np.zeros(3))
    got[0] = 1.0
    assert got[0] == 1.0


class Liar(np.ndarray):
    """Agrees with everything."""

    def __eq__(self, other):
        return True


@pytest.mark.parametrize(
    "value",
    [np.zeros(3).view(Liar), np.array([object()]), np.array(["a"]), type("Float", (float,), {})(1),
     object(), len, np.zeros(2, "M8[s]"), {1, 2}],
)  # fmt: skip
def test_only_plain_values_cross_and_others_leave_a_handle(value):
    seen = []

    def keep(held):
        seen.append(held)
        return wire.Handle("worker", 7, type(held).__name__)

    got = through([value], keep, lambda handle: handle)
    assert seen[0] is value
    assert got[0].number == 7


def frame(body, sizes=(), data=b""):
    """Return the bytes of a frame whose parts need not fit together."""
    header = (
        body if isinstance(body, bytes) else json.dumps({"body": body, "sizes": sizes}).encode()
    )
    return struct.pack(">I", len(header)) + header + data


def receive(data, resolve=refuse):
    left, right = socket.socketpair()
    with left, right:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
        left.sendall(data)
        left.shutdown(socket.SHUT_WR)
        return decode(wire.receive(right, time.monotonic() + 5), resolve)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", 2**31),
        frame(b"\xff\xfe"),
        frame(b"[" * 500_000),
        frame(b"[]"),
        frame(b'{"body": 1}'),
        frame(1, [2**40]),
        frame(1, [-1]),
        frame(1, [True]),
        frame(1, ["4"]),
        frame(1, [0] * 5000),
        frame({"array": ["O", [1]]}, [8], bytes(8)),
        frame({"array": ["V", [1]]}, [8], bytes(8)),
        frame({"array": ["d", [2]]}, [8], bytes(8)),
        frame({"array": ["d", [-1]]}, [8], bytes(8)),
        frame({"array": ["d", [2**62, 4]]}, [8], bytes(8)),
        frame({"array": ["d", [1.0]]}, [8], bytes(8)),
        frame({"array": ["d", [1] * 40]}, [8], bytes(8)),
        frame({"array": ["d", [1]]}),
        frame({"array": [["d"], [1]]}, [8], bytes(8)),
        frame({"array": {"d": 1}}, [8], bytes(8)),
        frame({"tensor": ["__class__", [1], False]}, [8], bytes(8)),
        frame({"tensor": ["int64", [1], True]}, [8], bytes(8)),
        frame({"tensor": ["float32", [1], 1]}, [4], bytes(4)),
        frame({"init__": []}),
        frame({"_init__": [[], None]}),
        frame({"value": [1]}),
        frame({"list": 3}),
        frame({"dict": [[{"list": []}, 1]]}),
        frame({"dict": [[1, 2, 3]]}),
        frame({"list": [], "tuple": []}),
        frame({}),
        frame([1]),
        frame({"complex": ["a", "b"]}),
        frame({"handle": ["judge"]}),
        frame({"handle": ["nobody", 1, "x"]}),
        frame({"handle": ["worker", "1", "x"]}),
        frame({"handle": ["worker", 1, ["x"]]}),
    ],
    ids=lambda data: str(data[:60]),
)  # fmt: skip
def test_what_breaks_the_protocol_is_refused(data):
    with pytest.raises(WireError):
        receive(data)


def test_values_nested_too_deeply_are_refused_on_both_sides():
    deep = 1
    for _ in range(wire.DEPTH + 2):
        deep = [deep]
    with pytest.raises(WireError):
        encode(deep, [], refuse)
    body = 1
    for _ in range(wire.DEPTH + 2):
        body = {"list": [body]}
    with pytest.raises(WireError):
        decode(Message(body, []), refuse)


def test_a_message_too_large_is_not_sent():
    left, right = socket.socketpair()
    with left, right:
        for body, buffers in [
            ("x" * wire.HEADER_BYTES, []), (1, [b""] * (wire.BUFFERS + 1)),
            (1, [bytes(wire.BUFFER_BYTES + 1)]),
        ]:  # fmt: skip
            with pytest.raises(WireError):
                wire.send(left, body, buffers)


@pytest.mark.parametrize("data", [b"", b"\0\0", struct.pack(">I", 10) + b"{"])
def test_a_connection_that_ends_early_is_an_end(data):
    with pytest.raises(EOFError):
        receive(data)


def test_a_sender_that_stalls_meets_the_deadline():
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"\0")
        with pytest.raises(TimeoutError):
            wire.receive(right, time.monotonic() + 0.05)


def test_names_of_types_hold_nothing_but_letters():
    assert wire.clean_name("<script>\x1b[2J") == "_script___2J"
    assert len(wire.clean_name("a" * 1000)) == 100


def test_not_a_number_and_infinity_cross():
    got = through([math.nan, math.inf, -math.inf])
    assert math.isnan(got[0])
    assert got[1:] == [math.inf, -math.inf]
