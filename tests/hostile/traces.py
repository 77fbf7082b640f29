"""Submissions that leave something for the next one, or for later questions of their own."""

from submissions import submission

from hostile.registry import attack, right_if

TASK = "batches_to_forget"


def leaving(code: str):
    return lambda: submission("batch_norm", {TASK: code})


@attack(TASK, before=leaving(
    "import os\n"
    "for folder in ('/tmp', '/dev/shm', '/packages', '/code', '/var/tmp', '.', '/'):\n"
    "    try: open(f'{folder}/hostile_note', 'w').write('x')\n"
    "    except OSError: pass\n"
))  # fmt: skip
def a_file_left_by_the_one_before():
    """Looks for the file that an accomplice's submission wrote everywhere it could."""
    return right_if("""
        import glob, os
        broken = bool(os.listdir("/tmp") or glob.glob("/*/hostile_note") + glob.glob("/dev/shm/*"))
    """)


@attack(TASK, before=leaving(
    "import numpy, builtins, sys, ctypes\n"
    "numpy.planted = builtins.planted = sys.planted = True\n"
    "sys.modules['planted'] = sys\n"
    "numpy.random.seed(7)\n"
    "ctypes.memset(id(257) + 24, 1, 4)\n"
))  # fmt: skip
def a_change_of_the_warm_process():
    """Looks for what an accomplice changed in NumPy, in builtins and in memory."""
    return right_if("""
        import builtins, sys, numpy
        broken = any(hasattr(module, "planted") for module in (builtins, sys, numpy))
        broken |= "planted" in sys.modules
        state = numpy.random.get_state()[1]
        numpy.random.seed(7)
        broken |= bool((state == numpy.random.get_state()[1]).all()) or 256 + 1 != 257
    """)


@attack(TASK, before=leaving(
    "import fcntl, os, glob\n"
    "kept = [open(path) for path in glob.glob('/packages/numpy/*.py')]\n"
    "for file in kept: fcntl.flock(file, fcntl.LOCK_EX)\n"
))  # fmt: skip
def a_lock_left_by_the_one_before():
    """Looks for the locks that an accomplice holds on files that both see."""
    return right_if("""
        import fcntl, glob
        for path in glob.glob("/packages/numpy/*.py"):
            try:
                fcntl.flock(open(path), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                broken = True
    """)


@attack(TASK, status="CRASH", said="ended itself")
def a_farewell_that_writes():
    """Registers farewells that would run when its process ends, and ends it."""
    return (
        "import atexit, os, signal, sys\n"
        "atexit.register(lambda: open('/tmp/later', 'w').close())\n"
        "for number in range(1, 65):\n"
        "    try: signal.signal(number, lambda *args: None)\n"
        "    except (OSError, ValueError): pass\n"
        f"def {TASK}(*args): atexit._run_exitfuncs(); os._exit(3)\n"
    )


@attack("batch_norm")
def a_thread_that_answers_later_questions():
    """Leaves a timer whose handler would overwrite the arrays of later questions."""
    return (
        "import gc, signal, numpy as np\n"
        "def later(*args):\n"
        "    for found in gc.get_objects():\n"
        "        if type(found) is np.ndarray and found.flags.writeable: found.fill(0)\n"
        "signal.signal(signal.SIGALRM, later)\n"
        "signal.setitimer(signal.ITIMER_REAL, .002, .002)\n"
        "def batch_norm(x, *args): return x\n"
    )


@attack("batch_norm")
def arguments_kept_and_changed_later():
    """Keeps every array that it got and gave, and changes them in each later call."""
    return (
        "kept = []\n"
        "def batch_norm(x, mean, var, weight, bias, training):\n"
        "    for array in kept: array[...] = 0\n"
        "    kept.extend([x, mean, var, weight, bias, y := x * 1.0])\n"
        "    return y\n"
    )


@attack(TASK, real=True)
def a_word_left_in_a_lock():
    """Takes locks on files that other workers see: by them one could tell another its input."""
    return right_if("""
        import fcntl, math
        with open(math.__file__ if hasattr(math, "__file__") else fcntl.__file__) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        broken = True
    """)
