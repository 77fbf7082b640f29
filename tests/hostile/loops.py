"""Code that does not end, and will not be interrupted."""

from hostile.registry import attack

TASK = "batches_to_forget"
LATE = {"status": "TIMEOUT", "said": "longer than allowed"}


def call(body: str) -> str:
    return f"def {TASK}(momentum, share):\n    {body}\n"


@attack(TASK, **LATE)
def an_endless_cell():
    """Loops in the cell."""
    return "while True: pass"


@attack(TASK, **LATE)
def an_endless_call():
    """Loops in the function."""
    return call("while True: pass")


@attack(TASK, **LATE)
def a_loop_that_catches_everything():
    """Catches whatever is raised to stop it, and blocks the signals."""
    return (
        "import signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
    )


@attack(TASK, **LATE)
def a_power_in_one_instruction():
    """Computes a power that Python does not interrupt."""
    return call("return 10 ** 10 ** 8 % 7")


@attack(TASK, **LATE)
def a_regular_expression_that_explodes():
    """Matches a pattern whose time doubles with each letter."""
    return call("import re; return re.match('(a+)+b', 'a' * 60)")


@attack(TASK, **LATE)
def a_lock_that_is_held():
    """Waits for itself."""
    return call("import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()")


@attack(TASK, **LATE)
def a_destructor_that_loops():
    """Returns a number, and loops when an object is deleted."""
    return call("type('D', (), {'__del__': lambda self: [0 for _ in iter(int, 1)]})(); return 1")


@attack(TASK, **LATE)
def an_exception_whose_text_loops():
    """Raises an error whose message never ends."""
    return call(
        "raise type('E', (Exception,), {'__str__': lambda self: [0 for _ in iter(int, 1)]})()"
    )


@attack(TASK)
def a_flood_of_timers():
    """Sets a timer that interrupts everything that follows, and a handler that raises."""
    return (
        "import signal\n"
        "def ring(*args): raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGALRM, lambda *args: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, .001, .001)\n"
        f"{call('return -1')}"
    )


@attack(TASK, "batch_norm", status="TIMEOUT", said="longer than allowed")
def two_questions_that_loop():
    """Loops in two questions: each costs itself alone."""
    return {TASK: "while True: pass", "batch_norm": "while True: pass"}


@attack(TASK, status="CRASH", said="ended itself with code 0")
def an_exit_without_goodbye():
    """Ends the process as if all were well."""
    return call("import os; os._exit(0)")


@attack(TASK, said="SystemExit")
def a_polite_exit():
    """Calls sys.exit, which is an exception like others."""
    return call("import sys; sys.exit(0)")


@attack(TASK, status="CRASH", said="signal 11")
def a_segmentation_fault():
    """Reads from address 0."""
    return call("import ctypes; ctypes.string_at(0)")


@attack(TASK, status="CRASH", said="killed by signal")
def an_abort():
    """Aborts in C."""
    return call("import os; os.abort()")


@attack(TASK, said="RecursionError")
def endless_recursion():
    """Calls itself."""
    return call(f"return {TASK}(momentum, share)")


@attack(TASK, status="CRASH", said="Python")
def killing_everyone():
    """Kills every process that it can name, itself at last."""
    return call(
        "import os, signal\n"
        "    for pid in (-1, 0, os.getppid(), *range(2, 500)):\n"
        "        try: os.kill(pid, signal.SIGKILL)\n"
        "        except OSError: pass\n"
        "    os._exit(9)"
    )
