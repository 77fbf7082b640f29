"""What torch does to modules, it can do to every module of the course, with the same numbers."""

import copy
import pickle
import shutil
import warnings

import numpy as np
import onnx.reference
import pytest
import torch
import torch_table as table
from torch import nn
from torch.func import functional_call
from torch_table import FLOAT64, LABELS, all_modules, both_modes, outcome, upstream

# Parts of torch itself still call what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
MODES = [(label, training) for label in LABELS for training in table.modes(label)]
# inductor compiles C++; one layer of it is enough, for the graph is the one of aot_eager.
INDUCTOR = [("LayerNorm", True, "inductor")] if shutil.which("c++") or shutil.which("g++") else []


def test_every_module_has_a_row():
    missing = table.in_need_of_a_row() - table.named_by_rows()
    assert not missing, f"add {missing} to tests/torch_table.py"


@pytest.mark.parametrize(
    ("label", "training", "backend"), [*((*mode, "aot_eager") for mode in MODES), *INDUCTOR]
)
def test_compiles_as_one_graph(label, backend, training):
    torch.compiler.reset()
    module, inputs = table.module(label, training), table.inputs(label)
    twin = copy.deepcopy(module)
    compiled = torch.compile(twin, backend=backend, fullgraph=True)
    torch.testing.assert_close(outcome(compiled, inputs, twin), outcome(module, inputs), **FLOAT64)


@pytest.mark.parametrize(("label", "training"), MODES)
def test_exports(label, training):
    module, inputs = table.module(label, training), table.inputs(label)
    exported = torch.export.export(copy.deepcopy(module), tuple(inputs)).module()
    torch.testing.assert_close(exported(*inputs), module(*inputs), **FLOAT64)


class SideBySide(nn.Module):
    """All modules of the table as one: an export to ONNX costs a second, whatever it exports."""

    def __init__(self):
        super().__init__()
        rows = [table.module(label, False, torch.float32) for label in LABELS]
        self.rows = nn.ModuleList(rows)

    def forward(self, *inputs):
        return [module(*own) for module, own in zip(self.rows, inputs, strict=True)]


@pytest.fixture(scope="module")
def onnx_outputs():
    """Export all modules and run the graph; return what came out and what should have."""
    module = SideBySide().eval()
    inputs = [[value.detach() for value in table.inputs(label, torch.float32)] for label in LABELS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch calls parts of its own
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(module, tuple(inputs), dynamo=True, verbose=False)
    names = [value.name for value in program.model_proto.graph.input]
    flat = [value.numpy() for own in inputs for value in own]
    feed = dict(zip(names, flat, strict=True))
    got = onnx.reference.ReferenceEvaluator(program.model_proto).run(None, feed)
    wanted = [value.detach().numpy() for value in module(*inputs)]
    return dict(zip(LABELS, zip(got, wanted, strict=True), strict=True))


@all_modules
def test_exports_to_onnx(onnx_outputs, label):
    got, wanted = onnx_outputs[label]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)  # float32, another order


def called(module, parameters, buffers, inputs):
    """Call the module with a state that is an argument, as torch.func wants it."""
    return functional_call(module, (parameters, buffers), tuple(inputs))


def state(module):
    """Return copies of the parameters and of the buffers, by name."""
    parameters = {name: value.detach().clone() for name, value in module.named_parameters()}
    return parameters, {name: value.clone() for name, value in module.named_buffers()}


@all_modules
@both_modes
def test_func_grad_is_autograds(label, training):
    module, inputs = table.module(label, training), table.inputs(label)
    parameters, buffers = state(module)

    def loss(parameters, x, buffers):
        y = called(module, parameters, buffers, [x, *inputs[1:]])
        return (y * upstream(y)).sum()

    got, dx = torch.func.grad(loss, (0, 1))(parameters, inputs[0].detach(), buffers)
    _, *wanted = outcome(module, inputs)
    torch.testing.assert_close(dx, wanted[0], **FLOAT64)
    floats = sum(value.requires_grad for value in inputs)
    torch.testing.assert_close([*got.values()], wanted[floats : floats + len(got)], **FLOAT64)


@all_modules
def test_vmap_is_a_loop(label):
    module, inputs = table.module(label, training=False), table.inputs(label)
    many = [torch.stack([value, value.flip(0)]).detach() for value in inputs]
    one_by_one = [module(*(value[k] for value in many)) for k in range(2)]
    torch.testing.assert_close(torch.vmap(module)(*many), torch.stack(one_by_one), **FLOAT64)


@all_modules
def test_forward_mode_agrees_with_backward_mode(label):
    # Spectral norm in training, as torch's, cannot write into vectors that are no argument.
    module = table.module(label, training=table.name(label) != "spectral_norm")
    x, *others = table.inputs(label)
    y, slope = torch.func.jvp(lambda x: module(x, *others), (x.detach(),), (upstream(x),))
    (dx,) = torch.autograd.grad(module(x, *others), x, upstream(y))
    forward, backward = (slope * upstream(y)).sum(), (dx * upstream(x)).sum()
    torch.testing.assert_close(forward, backward, rtol=1e-10, atol=1e-10)


@all_modules
@both_modes
def test_second_derivative_is_right(label, training):
    # Spectral norm in training moves its vectors with the weight, outside the graph, as torch's.
    training = training and table.name(label) != "spectral_norm"
    module, (x, *others) = table.module(label, training), table.inputs(label)
    others = [value.detach() for value in others]
    inputs = [x, *module.parameters()]
    names = [name for name, _ in module.named_parameters()]

    def call(x, *parameters):
        own = {name: value.clone() for name, value in module.named_buffers()}
        return called(module, dict(zip(names, parameters, strict=True)), own, [x, *others])

    assert torch.autograd.gradgradcheck(call, inputs, fast_mode=True)


@all_modules
@both_modes
def test_deep_copy_computes_the_same(label, training):
    assert_same_copy(copy.deepcopy, label, training)


# torch refuses to pickle a parametrized module: what is saved of it is its state_dict.
@pytest.mark.parametrize("label", [label for label in LABELS if not table.is_parametrized(label)])
@both_modes
def test_pickled_module_computes_the_same(label, training):
    assert_same_copy(lambda module: pickle.loads(pickle.dumps(module)), label, training)


def assert_same_copy(how, label, training):
    """Assert that a copy of a used module is in the same state and computes the same."""
    module, inputs = table.module(label, training), table.inputs(label)
    module(*inputs)
    twin = how(module)
    assert repr(twin) == repr(module)
    torch.testing.assert_close(outcome(twin, inputs), outcome(module, inputs), rtol=0, atol=0)


@all_modules
def test_copy_shares_nothing(label):
    module = table.module(label)
    twin = copy.deepcopy(module)
    own = {value.data_ptr() for value in module.state_dict().values()}
    assert own.isdisjoint(value.data_ptr() for value in twin.state_dict().values())


@all_modules
def test_meta_device_holds_nothing_until_it_is_filled(label):
    with torch.device("meta"):
        empty = table.ROWS[label][0]()
    assert all(value.is_meta for value in empty.state_dict().values())
    module, inputs = table.module(label, training=False), table.inputs(label)
    filled = empty.to_empty(device="cpu").double().eval()
    filled.load_state_dict(module.state_dict(), strict=True)
    torch.testing.assert_close(filled(*inputs), module(*inputs), rtol=0, atol=0)
