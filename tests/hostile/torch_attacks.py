"""Attacks on the exercise that gives the learner torch."""

from hostile.registry import attack, frames

LAYER = {"exercise": "batch_norm_backward"}
SIGNATURE = "def layer(x, running_mean, running_var, weight, bias):\n    "


@attack("layer", **LAYER)
def a_tensor_that_lies():
    """Returns a tensor subclass whose functions agree with everything."""
    return (
        "class Liar(torch.Tensor):\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, function, types, args=(), kwargs=None): return True\n"
        f"{SIGNATURE}return torch.zeros(x.shape).as_subclass(Liar)\n"
    )


@attack("layer", **LAYER)
def a_gradient_that_is_claimed():
    """Returns a tensor that claims a graph, without one that leads to x."""
    return f"{SIGNATURE}return torch.zeros_like(x).detach().requires_grad_()"


@attack("layer", **LAYER)
def a_hook_that_raises():
    """Hangs a hook on the result that ends the backward pass with an error, or ends Python."""
    return (
        f"{SIGNATURE}y = 0 * x\n"
        "    def hook(g): raise SystemExit('18 of 18')\n"
        "    y.register_hook(hook)\n"
        "    return y\n"
    )


@attack("layer", status="TIMEOUT", said="longer than allowed", **LAYER)
def a_hook_that_loops():
    """Hangs a hook on the result that never ends."""
    return (
        f"{SIGNATURE}y = 0 * x\n"
        "    def hook(g):\n"
        "        while True: pass\n"
        "    y.register_hook(hook)\n"
        "    return y\n"
    )


@attack("layer", status="CRASH", said="signal 11", **LAYER)
def a_hook_that_crashes():
    """Hangs a hook on the result that reads from address 0."""
    return (
        "import ctypes\n"
        f"{SIGNATURE}y = 0 * x\n"
        "    y.register_hook(lambda g: ctypes.string_at(0))\n"
        "    return y\n"
    )


@attack("layer", **LAYER)
def a_backward_of_ones_own():
    """Returns a node whose backward returns values of every wrong kind."""
    return (
        "class Own(torch.autograd.Function):\n"
        "    @staticmethod\n"
        "    def forward(ctx, x): return x * 0\n"
        "    @staticmethod\n"
        "    def backward(ctx, g): return torch.ones(3, 3, dtype=torch.complex64)\n"
        f"{SIGNATURE}return Own.apply(x)\n"
    )


@attack("layer", **LAYER)
def gradients_that_are_no_tensors():
    """Answers the request for gradients with texts, numbers, too many and too few values."""
    return (
        f"{frames()}\n"
        "import json, sys\n"
        "loop = sys.modules['worker.loop']\n"
        "answers = iter([[1, 'x'], [], 'x', {'a': 1}, None, [None] * 5, [layer] * 5] * 9"
        " if 'layer' in globals() else [[]] * 99)\n"
        "loop.Server.do_pull = lambda self, message, buffers: "
        "{'value': self.encode(next(answers), buffers)}\n"
        f"{SIGNATURE}return x * 0\n"
    )


@attack("layer", **LAYER)
def a_tensor_of_another_kind():
    """Returns integers, complex, sparse, quantized, half and meta tensors in turn."""
    return (
        "turn = iter([lambda x: x.detach().int(), lambda x: x.to(torch.complex64),\n"
        "             lambda x: x.to_sparse(), lambda x: x.to('meta'), lambda x: x.bfloat16(),\n"
        "             lambda x: x.expand(1 << 40, *x.shape), lambda x: [x], lambda x: {1: x}])\n"
        f"{SIGNATURE}return next(turn)(x)\n"
    )


@attack("layer", **LAYER)
def arguments_made_of_other_kinds():
    """Changes the arguments in place: shape, type, need of a gradient, memory."""
    return (
        f"{SIGNATURE}running_mean.data = torch.zeros(7, dtype=torch.int8)\n"
        "    running_var.requires_grad_()\n"
        "    x.data = torch.zeros(0)\n"
        "    weight.resize_(99)\n"
        "    return bias.set_()\n"
    )


@attack("layer", **LAYER)
def a_pickle_that_runs():
    """Writes a pickle that runs a program, and has torch load it; forks are refused anyway."""
    return (
        "import io, os, pickle\n"
        "class Run:\n"
        "    def __reduce__(self): return (os.posix_spawn, ('/bin/true', ['true'], {}))\n"
        "file = io.BytesIO()\n"
        "torch.save(Run(), file)\n"
        "file.seek(0)\n"
        "ran = torch.load(file, weights_only=False)\n"
        f"{SIGNATURE}return x\n"
    )


@attack("layer", **LAYER)
def a_library_loaded_by_torch():
    """Compiles and loads an operator of its own."""
    return (
        "from torch.utils import cpp_extension\n"
        "cpp_extension.load_inline('own', 'int own() { return 18; }', functions=['own'])\n"
        f"{SIGNATURE}return x\n"
    )


@attack("layer", **LAYER)
def an_operator_from_a_file():
    """Writes a library into its folder and registers its operators."""
    return (
        "open('/tmp/own.so', 'wb').write(open(torch._C.__file__, 'rb').read()[:1 << 20])\n"
        "torch.ops.load_library('/tmp/own.so')\n"
        f"{SIGNATURE}return x\n"
    )


@attack("layer", **LAYER)
def torchs_own_norm_by_another_road():
    """Reaches for torch's norms through their modules, operators, decompositions and the jit."""
    return (
        "def roads(x):\n"
        "    yield lambda: torch.nn.BatchNorm1d(4)(x)\n"
        "    yield lambda: torch.ops.aten.native_batch_norm("
        "x, None, None, None, None, True, 0., 0.)[0]\n"
        "    yield lambda: torch._C._VariableFunctions.batch_norm("
        "x, None, None, None, None, True, .1, 1e-5, False)\n"
        "    yield lambda: torch.native_layer_norm(x.T, (6,), None, None, 1e-5)[0].T\n"
        "    yield lambda: torch.instance_norm("
        "x.T[None], None, None, None, None, True, 0., 0., False)\n"
        f"{SIGNATURE}for road in roads(x):\n"
        "        try: return road()\n"
        "        except RuntimeError: continue\n"
    )


@attack("stages", "split", **LAYER)
def settings_of_torch_and_numpy():
    """Changes the types, error states and threads that torch and NumPy compute with."""
    return (
        "torch.set_default_dtype(torch.float16)\n"
        "torch.use_deterministic_algorithms(True)\n"
        "np.seterr(all='raise')\n"
        "def stages(*args): return (np.zeros(3),) * 4\n"
        "def split(*args): return (np.zeros((6, 3)),) * 3\n"
    )
