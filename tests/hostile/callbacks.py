"""Functions that the judge lends to the learner's: called without end, and with anything."""

from hostile.registry import attack, frames

# looks_at_batch(layer, x): the layer lives in the judge.
GROUP = {"exercise": "group_norm"}
TASK = "looks_at_batch"


def calling(code: str) -> str:
    """Return an answer that runs `code` with the layer at hand, then says no."""
    return f"""{frames()}
import sys
wire = sys.modules["worker.wire"]
def ask(callback, sizes=(), data=b""):
    reply({{"callback": callback}}, sizes, data)
    return wire.receive(connection).body
def call(number, *args, side="judge"):
    handle = {{"handle": [side, number, "f"]}}
    return ask({{"list": [handle, {{"tuple": list(args)}}, {{"dict": []}}]}})
def {TASK}(layer, x):
    {code}
    return 7.0
"""


@attack(TASK, status="TIMEOUT", said="longer than allowed", **GROUP)
def a_layer_called_without_end():
    """Calls the judge's function for ever."""
    return calling("while True: layer(x)")


@attack(TASK, status="TIMEOUT", said="longer than allowed", **GROUP)
def a_layer_whose_answer_is_not_read():
    """Calls the judge's function for ever, and reads no answer."""
    return calling(
        "held, buffers = [cell.cell_contents for cell in layer.__closure__], []\n"
        "    handle = next(value for value in held if type(value) is wire.Handle)\n"
        "    args = wire.encode([handle, (x,), {}], buffers, None)\n"
        "    while True: server.send({'callback': args}, buffers)"
    )


@attack(TASK, **GROUP)
def a_layer_called_with_twenty_megabytes():
    """Calls the judge's function with a large array."""
    return calling("try: layer(np.ones((20, 1 << 10, 1 << 10), 'b'))\n    except Exception: pass")


@attack(TASK, **GROUP)
def a_layer_called_with_anything():
    """Calls the judge's function with every type, and with keywords that it does not know."""
    return calling(
        "for value in (None, 'x', b'x', [], {1: 2}, layer, call, np, x[None], x > 0, 1j, np.inf,\n"
        "                  np.zeros((0, 0)), np.zeros(0), np.float64(1), [[[[]]]], 10**4000):\n"
        "        for args, kwargs in (((value,), {}), ((), {'x': value}), ((value,) * 9, {})):\n"
        "            try: layer(*args, **kwargs)\n"
        "            except Exception: pass"
    )


@attack(TASK, **GROUP)
def functions_that_were_not_lent():
    """Asks for functions by numbers that it was not given."""
    return calling("said = [call(n) for n in (1, 2, -1, 10**9, True)]")


@attack(TASK, **GROUP)
def ones_own_function_called_by_the_judge():
    """Asks the judge to call the learner's own function, which asks again."""
    return calling("said = call(0, side='worker')")


@attack(TASK, **GROUP)
def values_called_as_functions():
    """Asks the judge to call numbers, texts and lists."""
    return calling(
        "for body in (1, None, {'list': []}, {'list': [1, 2, 3]}, {'list': ['eval', 'x', 1]},\n"
        "                 {'list': [{'handle': ['judge', 0, 'f']}, 5, 'x']}, {'dict': []}):\n"
        "        ask(body)"
    )


@attack("probe", exercise="loss_landscape")
def two_long_axes_for_one_product():
    """Calls the judge's loss with two axes whose product is all memory."""
    return (
        "def probe(loss, grad, w, rates):\n"
        "    for shape in ((1 << 17, 1), (1 << 10, 1 << 7, 1), (1 << 20, 0), (1,) * 30):\n"
        "        try: loss(np.ones(shape, 'd')); grad(np.ones(shape, 'f'))\n"
        "        except Exception: pass\n"
        "    return 0 * w, 0 * w\n"
    )


@attack("verdicts", exercise="batch_norm_backward")
def a_product_of_two_arguments():
    """Calls the judge's backward with a column and a row, whose product is gigabytes."""
    return (
        "def verdicts(forward, backwards, x):\n"
        "    for n in (1 << 12, 1 << 13, 1 << 14, 1 << 18):\n"
        "        for backward in backwards[:3]:\n"
        "            try: backward(np.ones((n, 3, 1), 'b'), np.ones((1, 3, n), 'b'))\n"
        "            except Exception: pass\n"
        "    return np.zeros(len(backwards))\n"
    )
