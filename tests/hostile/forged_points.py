"""Notebooks that solve nothing and want the points: by Python that reaches for the test."""

from notebooks import ROOT
from submissions import solution, submission

from course_lib.grading.check import load_question
from course_lib.grading.examine import examine
from hostile.registry import ALL, attack, right_if

BLANK = dict.fromkeys(solution("batch_norm"), "raise NotImplementedError()")
STUBS = {name: f"def {name}(*args, **kwargs):\n    return 0.0" for name in BLANK}


def blank(*extra: str) -> bytes:
    """Return an unsolved notebook, with code of the learner's at its top."""
    return submission("batch_norm", BLANK, extra)


def stubs(*extra: str) -> bytes:
    """Return a notebook whose functions exist and are wrong."""
    return submission("batch_norm", STUBS, extra)


@attack(*ALL)
def patched_assertions():
    """Replaces the assertions of every library, and AssertionError itself."""
    return stubs(
        "import builtins, numpy.testing as t\n"
        "for name in dir(t):\n"
        "    if name.startswith('assert'): setattr(t, name, lambda *a, **k: None)\n"
        "builtins.AssertionError = type('AssertionError', (Warning,), {})\n"
    )


@attack(*ALL)
def a_check_of_ones_own():
    """Replaces the check in course_lib, in sys.modules and by its name."""
    return stubs(
        "import course_lib.grading, sys, types\n"
        "check = lambda *args, **kwargs: 100.0\n"
        "course_lib.grading.check = check\n"
        "sys.modules['course_lib.grading.examine'] = types.SimpleNamespace(examine=check)\n"
    )


@attack(*ALL)
def names_that_the_test_cell_uses():
    """Defines the names that a test may read: check, float, range, np, print, max."""
    return stubs("check = float = range = np = print = max = min = sum = lambda *a, **k: 18.0")


@attack(*ALL)
def replaced_builtins():
    """Replaces builtins by functions that agree."""
    return stubs(
        "import builtins\n"
        "for name in ('float', 'max', 'min', 'abs', 'sum', 'len', 'isinstance', 'round'):\n"
        "    setattr(builtins, name, lambda *a, **k: 18.0)\n"
    )


@attack(*ALL)
def input_transformers():
    """Asks IPython to rewrite the cells that follow."""
    return stubs(
        "try:\n    ip = get_ipython()\nexcept NameError:\n    from IPython import get_ipython\n"
        "    ip = get_ipython()\n"
        "ip.input_transformers_post.append(lambda lines: ['18.0\\n'])\n"
        "ip.ast_transformers.append(lambda tree: tree)\n",
        "%%capture\n!echo 18\n",
    )


@attack(*ALL)
def fake_modules():
    """Puts modules of its own in the place of NumPy, json and the wire."""
    return stubs(
        "import sys, types\n"
        "class Yes(types.ModuleType):\n"
        "    def __getattr__(self, name): return lambda *a, **k: True\n"
        "for name in ('numpy', 'json', 'worker.wire', 'worker.loop', 'struct', 'socket'):\n"
        "    sys.modules[name] = Yes(name)\n"
    )


@attack(*ALL)
def a_claim_in_an_exception():
    """Raises errors that bear the names of the grader's own."""
    return submission("batch_norm", {
        name: f"def {name}(*args):\n    raise type('CheckPassed', (AssertionError,), {{}})(18.0)"
        for name in BLANK
    })  # fmt: skip


@attack(*ALL)
def a_metaclass_over_everything():
    """Makes every name of the notebook an object that equals and compares as wanted."""
    return stubs(
        "class Meta(type):\n"
        "    def __eq__(self, other): return True\n"
        "    def __hash__(self): return 0\n"
        "class Liar(metaclass=Meta):\n"
        "    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n"
        "    def __float__(self): return 18.0\n"
        "    __eq__ = __ge__ = __le__ = __bool__ = lambda *a: True\n"
        f"for name in {sorted(BLANK)}: globals()[name] = Liar()\n"
    )


@attack("batches_to_forget")
def the_graders_frames():
    """Walks the stack and the heap for the grader's reference."""
    return right_if("""
        import gc, sys
        frame = sys._getframe()
        while frame:
            broken |= "course_lib" in frame.f_code.co_filename
            frame = frame.f_back
        broken |= any("Criterion" == type(o).__name__ for o in gc.get_objects())
        broken |= any("grading.judge" in name for name in sys.modules)
    """)


def _reading(path: str) -> str:
    return right_if(f"""
        import glob, os
        for path in glob.glob({path!r}, recursive=True):
            with open(path, "rb") as file:
                broken |= bool(file.read(1))
    """)


@attack("batches_to_forget", real=True)
def reads_the_solution():
    """Reads the instructor's notebook where it lies on this machine."""
    return _reading(str(ROOT / "solutions/batch_norm/batch_norm.ipynb"))


@attack("batches_to_forget", real=True)
def reads_the_checks():
    """Reads the checks and the reference answers."""
    return _reading(str(ROOT / "course_lib/grading/checks/*.py"))


@attack("batches_to_forget", real=True)
def reads_other_submissions():
    """Reads the folders that lie beside the course."""
    return _reading(str(ROOT / "tests/*.py"))


@attack("batches_to_forget", real=True)
def reads_the_layers():
    """Looks for the course's own layers, which are the answer."""
    return right_if(f"""
        import sys
        sys.path += [{str(ROOT)!r}]
        for name in [name for name in sys.modules if name.startswith("course_lib")]:
            del sys.modules[name]
        import course_lib.numpy_layers
        broken = True
    """)


@attack("batches_to_forget")
def reads_the_seed():
    """Looks for the instructor's secret in the environment and the arguments."""
    return right_if("""
        import os, sys
        broken = any("SEED" in name and name != "PYTHONHASHSEED" for name in os.environ)
        broken |= "instructor" in str(sys.argv) or "instructor" in str(dict(os.environ))
    """)


@attack("batches_to_forget", said="hidden inputs")
def right_on_the_visible_inputs_alone():
    """Remembers the answers to the public inputs."""
    known = {}
    name = "batch_norm.batches_to_forget"
    (criterion,) = load_question(name)

    def notes(momentum, share):
        known[float(momentum), float(share)] = int(criterion.reference(momentum, share))

    examine(name, (criterion,), notes)
    return f"def batches_to_forget(momentum, share):\n    return {known}.get((momentum, share), -1)"


@attack("looks_at_batch", exercise="group_norm", said="hidden inputs")
def answers_by_counting_its_calls():
    """Remembers which answers the visible check wanted, one after another."""
    return _counting("group_norm", "looks_at_batch", "return 'the layer is not asked'")


@attack("verdict", exercise="covariate_shift", said="hidden inputs")
def answers_by_counting_the_questions():
    """Remembers what each question in turn wanted, where the answer is the same for all inputs."""
    return _counting("covariate_shift", "verdict", "return None")


def _counting(exercise: str, question: str, otherwise: str) -> str:
    """Return a function that gives the right answers to the visible inputs in their order."""
    name = f"{exercise}.{question}"
    wanted = []

    def notes(*args):
        wanted.append(load_question(name)[0].reference(*args))
        return wanted[-1]

    examine(name, load_question(name), notes)
    table = [tuple(map(int, answer)) if isinstance(answer, tuple) else int(answer)
             for answer in wanted]  # fmt: skip
    return (
        f"answers = iter({table!r})\n"
        f"def {question}(*args):\n"
        "    for answer in answers:\n"
        "        return answer\n"
        f"    {otherwise}\n"
    )


@attack("batch_norm")
def returns_its_arguments_in_every_order():
    """Guesses: each argument in turn, each as a tuple."""
    return (
        "turn = iter(range(10**6))\n"
        "def batch_norm(*args):\n"
        "    number = next(turn)\n"
        "    return args[number % len(args)]\n"
    )


@attack(*ALL, status="CRASH", said="what no function returns")
def edits_the_worker():
    """Replaces the worker's own functions, so that each reply claims success."""
    return stubs(
        "import sys\n"
        "loop = sys.modules['worker.loop']\n"
        "loop.Server.do_call = lambda *a: {'value': 18.0, 'score': 18.0, 'passed': True}\n"
        "loop.Server.do_has = lambda *a: {'value': True}\n"
        "loop.describe = lambda error: {'type': 'Passed', 'points': 18.0}\n",
    )
