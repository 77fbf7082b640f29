"""The wire protocol itself: the learner's code finds the connection and speaks over it."""

import json

from submissions import solution

from hostile.registry import attack, frames

TASK = "batches_to_forget"
BROKEN = {"status": "CRASH", "said": "broke the protocol"}


def answering(code: str) -> str:
    """Return an answer that runs `code` when it is called, with the connection at hand."""
    return f"{frames()}\ndef {TASK}(*args):\n    {code}\n"


@attack(TASK, **BROKEN)
def a_length_of_four_gigabytes():
    """Announces a header larger than any."""
    return answering("connection.sendall(b'\\xff' * 8)")


@attack(TASK, **BROKEN)
def a_header_that_is_no_json():
    """Sends bytes that are no JSON, in no encoding."""
    return answering("forge(bytes(range(256)) * 99)")


@attack(TASK, **BROKEN)
def a_header_of_brackets():
    """Nests the header as deeply as its length allows."""
    return answering("forge(b'[' * 10**6)")


@attack(TASK, **BROKEN)
def a_header_of_another_form():
    """Sends JSON that is no header."""
    return answering("forge(b'{\"score\": 18.0}')")


@attack(TASK, status="TIMEOUT", said="longer than allowed")
def a_header_byte_by_byte():
    """Sends a header so slowly that each byte comes in time and the whole never."""
    return answering(
        "import time\n    connection.sendall(struct.pack('>I', 10**6))\n"
        "    while True: connection.sendall(b' '); time.sleep(.01)"
    )


@attack(TASK, status="CRASH", said="ended itself with code 0")
def half_a_frame():
    """Sends half a frame and ends."""
    return answering("import os; connection.sendall(struct.pack('>I', 99) + b'{'); os._exit(0)")


@attack(TASK, **BROKEN)
def sizes_that_are_no_sizes():
    """Announces negative, huge and fractional buffers."""
    return answering("reply({'value': 1}, [-1, 1e99, 1.5, '4'])")


@attack(TASK, status="CRASH", said="what no function returns")
def an_answer_without_a_value():
    """Answers with an object that holds nothing asked for."""
    return answering("reply({'passed': True})")


VALUE = {"list": [18.0, {"list": []}]}
QUEUE = frames(*[{"error": None, "value": True}] * 3, *[{"value": VALUE, "call": 0}] * 50)


@attack(TASK)
def answers_sent_before_the_question():
    """Queues answers of the learner's choice, which the next requests might read."""
    return f"{QUEUE}\ndef {TASK}(*args): return -1"


@attack(TASK)
def answers_sent_for_later_questions():
    """Queues answers in a call, which would answer for the questions after it."""
    return answering(f"\n    {QUEUE.strip()}".replace("\n", "\n    ")) + "    return -1\n"


@attack(TASK, status="TIMEOUT", said="longer than allowed")
def answers_to_questions_never_asked():
    """Sends answers under other ids without end."""
    return answering("while True: reply({'id': 'x', 'value': 18.0})")


def _error(**body: object) -> dict:
    return {"error": {"type": "E", "bases": ["Exception"], "message": "", "line": 1} | body}


FORGED = {
    "the_check_failing": {"type": "CheckFailed", "bases": ["CheckFailed", "AssertionError"]},
    "a_lost_worker": {"type": "WorkerLost", "bases": ["WorkerLost", "BaseException"]},
    "an_interrupt": {"type": "KeyboardInterrupt", "bases": ["KeyboardInterrupt"]},
    "an_exit": {"type": "SystemExit", "bases": ["SystemExit"], "message": "0"},
    "a_generators_end": {"type": "GeneratorExit", "bases": ["GeneratorExit", "StopIteration"]},
    "a_group": {"type": "ExceptionGroup", "bases": ["ExceptionGroup", "BaseExceptionGroup"]},
    "an_error_of_unicode": {"type": "UnicodeDecodeError", "bases": ["UnicodeDecodeError"]},
    "unfinished_work": {"type": "NotImplementedError", "bases": ["NotImplementedError"]},
    "no_list_of_bases": {"bases": 5},
    "bases_that_are_no_names": {"bases": [["a"], 1, None, "__import__", "open", "object", "\0"]},
    "a_message_that_nests": {"message": json.loads("[" * 400 + "]" * 400)},
    "a_type_that_is_no_text": {"type": {"a": 1}, "line": 10**400},
    "nothing_at_all": {"type": None, "bases": None, "message": None, "line": "7"},
}


@attack(TASK)
def a_cell_that_forges_its_errors():
    """Answers for each cell with errors of every form, in turn."""
    return {
        TASK: frames(*[_error(**body) for body in FORGED.values()]),
        "batch_norm": solution("batch_norm")["batch_norm"],
    }


for _name, _body in FORGED.items():

    def _make(body=_body):
        return f"{frames(_error(**body))}\n" + answering(
            f"reply(json.loads({json.dumps(_error(**body))!r}))"
        )

    _make.__name__ = f"a_claim_of_{_name}"
    _make.__doc__ = f"Claims from a cell and from a call that it raised {_name.replace('_', ' ')}."
    attack(TASK)(_make)


def returning(value: str, changed: str = "[]", size: int = 0) -> str:
    """Return an answer that sends a forged reply, with a value and changes to its arguments."""
    return answering(
        f"body = {{'list': [{value}, {{'list': {changed}}}]}}\n"
        f"    reply({{'value': body, 'call': 0}}, {[size] if size else []}, bytes({size}))"
    )


ALIEN = {"status": "CRASH", "said": "what it was not given"}
VALUES = {
    "a_handle_called_ndarray": (returning("{'handle': ['worker', -1, 'ndarray']}"), {}),
    "a_handle_of_the_judges": (returning("{'handle': ['judge', 0, 'function']}"), BROKEN),
    "a_negative_handle": (returning("{'handle': ['judge', -1, 'function']}"), BROKEN),
    "ten_thousand_handles": (
        returning("{'list': [{'handle': ['worker', n, f'T{n}']} for n in range(9999)]}"), {}),
    "keys_that_collide": (
        returning("{'dict': [[(2**61 - 1) * n, 0] for n in range(1, 27_000)]}"), BROKEN),
    "objects_as_bytes": (returning("{'array': ['O', [1]]}", size=8), BROKEN),
    "an_array_longer_than_its_bytes": (returning("{'array': ['d', [10**6]]}", size=8), BROKEN),
    "an_empty_array_of_long_axes": (
        answering("body = {'list': [{'array': ['b', [0, 2**62]]}, {'list': []}]}\n"
                  "    reply({'value': body}, [0])"), BROKEN),
    "changes_of_what_was_not_given": (returning("1", "[{'list': [99, 1]}]"), ALIEN),
    "changes_that_are_none": (returning("1", "['ab', 5, None]"), ALIEN),
    "methods_as_kinds": (returning("{'_handle': []}"), BROKEN),
    "a_complex_of_texts": (returning("{'complex': ['a', 'b']}"), BROKEN),
}  # fmt: skip
for _name, (_source, _expected) in VALUES.items():

    def _make(source=_source):
        return source

    _make.__name__ = f"a_reply_with_{_name}"
    _make.__doc__ = f"Sends a reply with {_name.replace('_', ' ')}."
    attack(TASK, **_expected)(_make)
