"""What the launch functions refuse, before anything runs or changes."""

from dataclasses import replace

import numpy as np
import pytest
from test_triton_kernels import all_layers, call_of
from triton_interpreter import run as run_here
from triton_processes import needs_triton, triton_process

pytestmark = needs_triton


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a call in a process that does not interpret: what is not refused fails there."""
    with triton_process(interpret=False, cache=str(tmp_path_factory.mktemp("triton"))) as process:
        yield lambda call: process.submit(run_here, call).result()


def with_arguments(layer, **arguments):
    call = call_of(layer)
    return replace(call, arguments={**call.arguments, **arguments})


@all_layers
def test_float64_is_refused(run, layer):
    with pytest.raises(
        TypeError, match=r"expected float32, float16 or bfloat16, got torch.float64"
    ):
        run(call_of(layer, dtype="float64"))


@all_layers
def test_integers_are_refused(run, layer):
    with pytest.raises(TypeError, match=r"expected .*, got (dtype )?torch.int32; "):
        run(call_of(layer, dtype="int32"))


@all_layers
def test_parameters_of_another_shape_are_refused(run, layer):
    with pytest.raises(ValueError, match=r"expected .* got .*; "):
        run(with_arguments(layer, weight=np.ones(3)))


@pytest.mark.parametrize("layer", ["layer_norm", "rms_norm", "batch_norm", "group_norm"])
def test_negative_eps_is_refused(run, layer):
    with pytest.raises(ValueError, match="expected a finite eps"):
        run(with_arguments(layer, eps=-1.0))


def test_residual_of_another_shape_is_refused(run):
    with pytest.raises(ValueError, match=r"expected residual like x, \(5, 7\) .* got \(1, 7\)"):
        run(with_arguments("add_rms_norm", residual=np.ones((1, 7))))


def test_batch_of_one_value_is_refused(run):
    with pytest.raises(ValueError, match="expected more than one value a channel"):
        run(with_arguments("batch_norm", x=np.ones((1, 4))))


@all_layers
def test_cpu_is_refused_where_nothing_interprets(run, layer):
    with pytest.raises(RuntimeError, match=r"expected a tensor on a GPU.*TRITON_INTERPRET=1"):
        run(call_of(layer))
