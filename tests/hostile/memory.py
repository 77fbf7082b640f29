"""Code that takes the machine's memory, its files, or the judge's."""

from hostile.loops import TASK, call
from hostile.registry import attack, right_if

TAKE = {
    "a_bytearray": "[bytearray(1 << n) for n in range(31, 60)]",
    "a_list": "[[0] * (1 << n) for n in range(31, 60)]",
    "an_integer": "1 << (1 << 36)",
    "a_text": "'x' * (1 << 40)",
    "a_numpy_array": "[np.ones(1 << n) for n in range(31, 60)]",
    "mapped_pages": "[__import__('mmap').mmap(-1, 1 << 30) for _ in range(99)]",
}
for _name, _code in TAKE.items():

    def _make(code=_code):
        return call(f"x = {code}; return -1")

    _make.__name__, _make.__doc__ = f"memory_by_{_name}", f"Asks for memory by {_name}."
    attack(TASK, said="Error")(_make)


@attack(TASK)
def memory_by_pipes():
    """Fills pipes, whose pages are the kernel's."""
    return right_if("""
        import fcntl, os
        held = 0
        while held < 1 << 30:
            reader, writer = os.pipe()
            fcntl.fcntl(writer, 1031, 1 << 20)  # F_SETPIPE_SZ
            os.set_blocking(writer, False)
            held += os.write(writer, bytes(1 << 20))
        broken = True
    """)


@attack(TASK)
def memory_by_files():
    """Fills the only folder where it can write."""
    return right_if("""
        for number in range(100):
            with open(f"/tmp/{number}", "wb") as file:
                file.write(bytes(15 << 20))
        broken = True
    """)


@attack(TASK)
def one_huge_file():
    """Writes one file without end, and a hole of a terabyte."""
    return right_if("""
        import os
        with open("/tmp/hole", "wb") as file:
            os.ftruncate(file.fileno(), 1 << 40)
            broken = True
    """)


@attack(TASK)
def every_inode():
    """Makes empty files until none is left."""
    return right_if("""
        for number in range(100_000):
            open(f"/tmp/{number}", "w").close()
        broken = True
    """)


@attack(TASK)
def every_descriptor():
    """Opens files until none is left, and keeps them."""
    return right_if("""
        import os
        kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(100_000)]
        broken = True
    """)


@attack(TASK)
def a_hundred_megabytes_of_output():
    """Prints, and writes to the descriptors of output and error."""
    return (
        "import os, sys\n"
        "for _ in range(100):\n"
        "    print('x' * 10**6)\n"
        "    print('x' * 10**6, file=sys.stderr)\n"
        "    for number in (1, 2): os.write(number, b'x' * 10**6)\n"
        "sys.__stdout__.write('x' * 10**6)\n" + call("print('x' * 10**7); return -1")
    )


@attack(TASK)
def an_array_of_a_hundred_megabytes():
    """Returns an array that no message holds."""
    return call("import numpy; return numpy.zeros(100 << 20, 'B')")


@attack(TASK, said="shape")
def an_array_of_twenty_megabytes():
    """Returns an array that crosses, and is of another shape."""
    return call("import numpy; return numpy.zeros(20 << 20, 'B')")


@attack(TASK)
def a_million_values():
    """Returns more values than a message holds."""
    return call("return tuple(range(10**6))")


@attack(TASK, said="RuntimeError")
def a_message_of_a_hundred_megabytes():
    """Raises an error with a text and a name that fill the memory."""
    return call("raise type('E' * 10**7, (RuntimeError,), {})('x' * 10**8)")


@attack(TASK)
def a_value_that_holds_itself():
    """Returns a list without end, and a nest of tuples."""
    return call("x = []; x.append((x, {1: x})); return x")


@attack("rate_range", exercise="what_batch_norm_buys")
def one_long_text_among_short_ones():
    """Returns texts that NumPy would pad to gigabytes in the judge's memory."""
    return "def rate_range(*args):\n    return ['x' * 400_000, *[''] * 1500]"
