"""Values that lie: about their type, their equality, their numbers, or where they live."""

from hostile.registry import attack

LAST = "batch_norm"  # the last question: no other uses its answer
HEAD = f"def {LAST}(x, running_mean, running_var, weight, bias, training):\n    "
TAKES = {
    "a_lying_array": (
        "compares, counts and converts as wanted", """
class Liar(np.ndarray):
    def __eq__(self, other): return True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    def __array_ufunc__(self, ufunc, method, *inputs, **kw): return True
    def __array_function__(self, function, types, args, kwargs): return args[-1]
    def __array__(self, *args, **kw): return np.zeros(1)
    def __reduce__(self): return (eval, ("18.0",))
    def __float__(self): return 18.0
    def all(self, *args, **kw): return True
    shape = property(lambda self: (3, 4, 4, 4))
    dtype = property(lambda self: np.dtype("f8"))
""", "np.zeros(3).view(Liar)"),
    "an_array_that_lies_about_its_class": (
        "claims by __class__ to be another type", """
class Liar:
    __class__ = np.ndarray
    def __array__(self, *args, **kw): return np.zeros(1)
    shape, dtype, ndim, size = (3, 4, 4, 4), np.dtype("f8"), 4, 192
""", "Liar()"),
    "a_number_that_equals_all": (
        "is a float that equals everything", """
class Any(float):
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = __abs__ = lambda self, *other: Any(0)
    __hash__ = float.__hash__
""", "Any(0)"),
    "a_tuple_that_equals_all": (
        "is a tuple with other values at each look", """
class Any(tuple):
    def __iter__(self): return iter([np.zeros(3)] * 3)
    def __len__(self): return 1
    __eq__ = lambda self, other: True
""", "Any([0])"),
    "a_dictionary_with_methods": (
        "is a dictionary whose methods lie", """
class Any(dict):
    __missing__ = items = __getitem__ = lambda self, *key: 18.0
""", "Any()"),
    "a_text_that_computes": ("is the text of a number", "", "'18.0'"),
    "not_a_number": ("holds no number", "", "np.full_like(x, np.nan)"),
    "infinity": ("holds infinity", "", "np.full_like(x, np.inf)"),
    "complex_numbers": ("hides an error in the imaginary part", "", "x + 1j"),
    "long_numbers": ("is of a precision that does not cross", "", "x.astype(np.longdouble)"),
    "boxed_objects": ("boxes objects", "", "np.array([object()] * x.size).reshape(x.shape)"),
    "records": ("is an array of records", "", "np.zeros(x.shape, [('a', 'f8'), ('b', 'O')])"),
    "a_type_with_a_note": (
        "has a type with metadata", "", "np.zeros(x.shape, np.dtype('f8', metadata={'score': 18}))"
    ),
    "dates": ("holds dates", "", "np.zeros(x.shape, 'M8[s]')"),
    "truths": ("holds truths", "", "np.ones(x.shape, bool)"),
    "a_masked_array": ("masks every element", "", "np.ma.masked_all(x.shape)"),
    "a_row_for_all": ("is right only by broadcasting", "", "x[:1, :, :1, :1] if x.ndim > 2 else x"),
    "one_axis_more": ("has an axis more", "", "x[None]"),
    "a_view_of_the_input": ("is a view of the input", "", "x[::-1]"),
    "the_input": ("is the input", "", "x"),
    "the_function_itself": ("is the function", "", "batch_norm"),
    "a_module": ("is a module", "", "np"),
    "an_iterator": ("is an endless iterator", "", "iter(int, 1)"),
    "a_huge_integer": ("is an integer of thousands of digits", "", "10 ** 4000"),
    "a_matrix_of_strides": (
        "claims memory that it does not have", "",
        "np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 40,), (0,))",
    ),
    "nothing": ("is nothing", "", "None"),
    "an_exception_returned": ("is an exception", "", "ValueError('18.0')"),
}  # fmt: skip
for _name, (_about, _first, _value) in TAKES.items():

    def _make(first=_first, value=_value):
        return f"{first}\n{HEAD}return {value}\n"

    _make.__name__, _make.__doc__ = f"value_{_name}", f"Returns what {_about}."
    attack(LAST)(_make)


@attack("update_cumulative")
def updates_of_another_kind():
    """Changes the arrays' shape and type in place instead of their values."""
    return (
        "def update_cumulative(running_mean, running_var, x, seen):\n"
        "    running_mean.resize((2, 2), refcheck=False)\n"
        "    running_var[:] = 1e300 * x.mean()\n"
        "    running_var[0] = np.nan\n"
    )


@attack("update_cumulative")
def inputs_made_easy():
    """Changes the inputs so that the right answer to them is known."""
    return (
        "def update_cumulative(running_mean, running_var, x, seen):\n"
        "    for array in (running_mean, running_var, x): array[...] = 0\n"
    )


@attack("batch_norm")
def refuses_everything():
    """Raises the error that one of the questions asks for, whatever the input."""
    return "def batch_norm(*args):\n    raise ValueError('expected more than one value a channel')"


@attack("batches_to_forget")
def numbers_of_every_type():
    """Returns a number of another type at each call."""
    return (
        "types = iter([np.float16, np.uint64, np.clongdouble, complex, str, bytes, bool] * 99)\n"
        "def batches_to_forget(momentum, share): return next(types)(1)\n"
    )
