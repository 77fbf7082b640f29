"""Ways to carry a hidden input out of the sandbox, into a text that people or the next one read."""

from functools import cache

from submissions import SEED

from course_lib.grading.check import hidden_seed, load_question
from course_lib.grading.examine import examine
from hostile.registry import attack, frames

NAME = "batch_norm.channel_statistics"
THIEF = """
stolen = []
def channel_statistics(x):
    stolen.append(str(int(abs(float(x.flat[0])) * 1e7)))
    axes = (0, *range(2, x.ndim))
    centered = x - x.mean(axes, keepdims=True)
    return x.mean(axes), (centered**2).mean(axes)
"""


@cache
def secrets() -> tuple[str, ...]:
    """Return the numbers that only the hidden inputs of the first question hold."""
    seen: list[float] = []

    def notes(x):
        seen.append(abs(float(x.flat[0])))

    examine(NAME, load_question(NAME), notes, hidden_seed(SEED))
    digits = [int(x * 1e7) for x in seen]
    return *map(str, digits), *(f"{n:,}" for n in digits), *(f"{x:.6g}" for x in seen)


def thief(**settings):
    """Register an attack whose first answer is right, and keeps what it saw."""

    def register(function):
        def make():
            return {"channel_statistics": THIEF, settings["question"]: function()}

        make.__name__, make.__doc__ = function.__name__, function.__doc__
        rest = {key: value for key, value in settings.items() if key != "question"}
        attack(settings["question"], hides=secrets, **rest)(make)
        return function

    return register


@thief(question="update_cumulative", said="ValueError")
def leaks_by_the_error_of_a_later_cell():
    """Raises an error that quotes what an earlier function saw, where no function is defined."""
    return "raise ValueError('~'.join(stolen[3:6]))"


@thief(question="update_cumulative", said="KeyError")
def leaks_by_a_later_message():
    """Quotes in the next question's error what the one before it saw."""
    return "def update_cumulative(*args):\n    raise KeyError('~'.join(stolen[3:6]))"


@thief(question="batches_to_forget", said="got")
def leaks_by_later_numbers():
    """Returns as a later answer what an earlier one saw; reports show the worst element."""
    return "def batches_to_forget(*args):\n    return int(stolen[3]) / 1e7"


@thief(question="batches_to_forget", said="RuntimeError")
def leaks_by_a_name_of_an_error():
    """Names an error after what it saw."""
    name = "'E' + '_'.join(stolen[3:6])"
    return f"def batches_to_forget(*args):\n    raise type({name}, (RuntimeError,), {{}})()"


@thief(question="batches_to_forget", said="is a object")
def leaks_by_a_name_of_a_type():
    """Returns an object of a type whose name holds what it saw."""
    return "def batches_to_forget(*args):\n    return type('E' + '_'.join(stolen[3:6]), (), {})()"


@thief(question="batches_to_forget")
def leaks_by_a_shape():
    """Returns an empty array whose axes count what it saw."""
    return "def batches_to_forget(*args):\n    return np.zeros((0, int(stolen[3]), 1))"


@thief(question="update_cumulative", status="CRASH", said="broke the protocol")
def leaks_by_a_broken_protocol():
    """Breaks the protocol with numbers of its choice, which the complaint might quote."""
    return (
        f"{frames()}\n"
        "def update_cumulative(*args):\n"
        "    reply({'value': 1}, [int(stolen[3]) * 10**9])\n"
    )


@thief(question="batches_to_forget", said="IndexError")
def leaks_by_a_line():
    """Names what it saw as the line of its error, its type and one of its bases."""
    return (
        f"{frames()}\n"
        "def batches_to_forget(*args):\n"
        "    name = 'E' + stolen[3]\n"
        "    reply({'error': {'type': name, 'bases': [name, 'IndexError'], 'message': '',\n"
        "                     'line': int(stolen[3])}})\n"
    )


def _hidden_alone(body: str) -> str:
    """Return an answer that is right on the visible input, and does `body` on all others."""
    seen: list = []
    question = "batch_norm.batches_to_forget"

    def notes(*args):
        seen.append(args)

    examine(question, load_question(question), notes)
    return (
        "def batches_to_forget(momentum, share):\n"
        f"    if (momentum, share) == {tuple(map(float, seen[0]))}:\n"
        "        return math.ceil(math.log(share) / math.log(1 - momentum))\n"
        f"    {body}\n"
    )


@cache
def shares() -> tuple[str, ...]:
    """Return the digits of the hidden input of the question that `_hidden_alone` answers."""
    seen: list[float] = []

    def notes(momentum, share):
        seen.extend([momentum, share])

    examine("batch_norm.batches_to_forget", load_question("batch_norm.batches_to_forget"), notes,
            hidden_seed(SEED))  # fmt: skip
    return tuple(digits[2:8] for value in seen if len(digits := repr(float(value))) > 9)


@attack("batches_to_forget", hides=shares, said="RuntimeError")
def leaks_by_the_name_of_a_hidden_error():
    """Is right where the report shows numbers, and names an error after the hidden input."""
    return _hidden_alone("raise type(f'E{momentum!r}_{share!r}', (RuntimeError,), {})(share)")


@attack("batches_to_forget", hides=shares, said="wrong values")
def leaks_by_a_hidden_number():
    """Is right where the report shows numbers, and returns the hidden input."""
    return _hidden_alone("return share")


@attack("batches_to_forget", hides=shares, said="hidden inputs")
def leaks_by_a_hidden_type():
    """Is right where the report shows numbers, and returns an object named after the input."""
    return _hidden_alone("return type(repr(share), (), {})()")
