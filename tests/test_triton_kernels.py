"""Each kernel in Triton's interpreter against the NumPy layer in float64, forward and back."""

from dataclasses import replace

import numpy as np
import pytest
from outcomes import assert_near
from triton_calls import CHUNKED, SMALL, draw, exact
from triton_interpreter import run as run_here
from triton_processes import needs_triton, triton_process

pytestmark = needs_triton

# A few roundings of float32, 6e-8 each; the interpreter truncates where it makes bfloat16.
NEAR = {"float32": 1e-6, "float16": 1.01 * 2**-11, "bfloat16": 2**-7}
ROWS = ["layer_norm", "rms_norm", "add_rms_norm", "dynamic_tanh"]
CHANNELS = ["batch_norm", "group_norm"]
SHAPES = {**dict.fromkeys(ROWS, (5, 7)), **dict.fromkeys(CHANNELS, (2, 4, 3, 3))}

all_layers = pytest.mark.parametrize("layer", SHAPES)
fitting_or_not = pytest.mark.parametrize("sizes", [SMALL, CHUNKED], ids=["fitting", "chunked"])


@pytest.fixture(scope="module")
def run():
    """Run a call in a process that interprets."""
    with triton_process(interpret=True) as process:
        yield lambda call: process.submit(run_here, call).result()


def call_of(layer, shape=None, **options):
    groups = {"num_groups": 2} if layer == "group_norm" else {}
    return draw(layer, shape or SHAPES[layer], **groups, **options)


def assert_right(run, call, rtol=None):
    """Run a call; compare everything with the NumPy layer, each by its own largest magnitude."""
    got, wanted = run(call), exact(call)
    rtol = NEAR[call.dtype] if rtol is None else rtol
    assert not got.overrun, f"written beyond {got.overrun}"
    for name in ("outputs", "gradients", "memory"):
        for value, right in zip(getattr(got, name), getattr(wanted, name), strict=True):
            assert_near(value, right, rtol)


@all_layers
@fitting_or_not
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])  # 1e6 exposes all but the corrected form
def test_float32_is_right_at_any_mean(run, layer, sizes, offset):
    assert_right(run, call_of(layer, offset=offset, sizes=sizes))


@pytest.mark.parametrize("layer", ROWS)
@fitting_or_not
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3, 8), (33, 3), (3, 33)], ids=str)
def test_rows_of_any_number_and_width(run, layer, sizes, shape):
    assert_right(run, call_of(layer, shape, sizes=sizes))


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 2), (1, 6, 3, 3), (9, 2, 1, 1)], ids=str)
@pytest.mark.parametrize(
    ("layer", "sizes", "layout"),
    [
        ("group_norm", SMALL, "contiguous"),
        *((layer, CHUNKED, form) for layer in CHANNELS for form in ("contiguous", "channels_last")),
    ],
    ids=["one program a group", *(f"{x} {form}" for x in CHANNELS for form in ("first", "last"))],
)
def test_channels_of_any_number_and_layout(run, layer, sizes, layout, shape):
    assert_right(run, call_of(layer, shape, sizes=sizes, layout=layout))


@all_layers
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_rounds_only_the_result(run, layer, dtype):
    # Far from 0 tanh has no slope that float16 could hold.
    call = call_of(layer, dtype=dtype, offset=0.0 if layer == "dynamic_tanh" else 10.0)
    got = run(call)
    assert set(got.dtypes[: len(got.outputs) + 1]) == {dtype}
    assert_right(run, call)


@all_layers
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_parameters_in_half_precision_have_such_gradients(run, layer, dtype):
    call = call_of(layer, parameter_dtype=dtype)
    got, wanted = run(call), exact(call)
    assert set(got.dtypes[len(got.outputs) + 1 :]) == {dtype}
    assert_near(got.outputs[0], wanted.outputs[0], NEAR["float32"])
    for value, right in zip(got.gradients, wanted.gradients, strict=True):
        assert_near(value, right, NEAR[dtype])


@all_layers
@pytest.mark.parametrize("missing", [("weight",), ("bias",), ("weight", "bias")], ids="+".join)
def test_parameters_may_be_missing(run, layer, missing):
    call = call_of(layer)
    if not set(missing) <= set(call.arguments):
        missing = ("weight",)
    without = {**call.arguments, **dict.fromkeys(missing)}
    assert_right(run, replace(call, arguments=without))


@all_layers
@fitting_or_not
@pytest.mark.parametrize("layout", ["gaps", "channels_last"])
def test_inputs_need_not_be_contiguous(run, layer, sizes, layout):
    call = call_of(layer, sizes=sizes, layout=layout)
    assert_right(run, replace(call, upstream_layout="gaps"))


@pytest.mark.parametrize("layer", CHANNELS)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_memory_format_of_images_stays(run, layer, layout):
    got = run(call_of(layer, layout=layout, upstream_layout="channels_last"))
    strides = {"contiguous": (36, 9, 3, 1), "channels_last": (36, 1, 12, 4)}
    assert got.strides == [strides[layout]] * 2


@all_layers
def test_nothing_becomes_nothing(run, layer):
    call = call_of(layer, (0, *SHAPES[layer][1:]))
    got = run(call)
    shape = call.arguments["x"].shape
    assert all(value.shape == shape for value in (*got.outputs, got.gradients[0]))
    assert all(not gradient.any() for gradient in got.gradients[1:])
    for value, before in zip(got.memory, exact(call).memory, strict=True):
        np.testing.assert_array_equal(value, before)


@all_layers
def test_repeated_run_has_the_same_bits(run, layer):
    first, second = run(call_of(layer)), run(call_of(layer))
    for name in ("outputs", "gradients", "memory"):
        for one, other in zip(getattr(first, name), getattr(second, name), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("layer", ROWS)
@fitting_or_not
@pytest.mark.parametrize("multiprocessors", [1, 16])
def test_number_of_programs_does_not_matter(run, layer, sizes, multiprocessors):
    assert_right(run, call_of(layer, (19, 7), sizes=sizes, multiprocessors=multiprocessors))


def test_many_partial_rows_are_added_up(run):
    call = call_of("layer_norm", (140, 2), sizes={"BACKWARD_VALUES": 2}, multiprocessors=140)
    assert_right(run, call)


def test_constant_rows_become_their_bias(run):
    call = call_of("layer_norm")
    y = run(replace(call, arguments={**call.arguments, "x": np.full((5, 7), 3.0)})).outputs[0]
    np.testing.assert_allclose(y, np.tile(call.arguments["bias"], (5, 1)), rtol=1e-7)


@pytest.mark.parametrize("momentum", [0.3, np.asarray(0.3)], ids=["number", "tensor"])
def test_running_statistics_move_by_the_momentum(run, momentum):
    call = call_of("batch_norm")
    wanted = exact(replace(call, arguments={**call.arguments, "momentum": 0.3}))
    got = run(replace(call, arguments={**call.arguments, "momentum": momentum}))
    for value, right in zip(got.memory, wanted.memory, strict=True):
        assert_near(value, right, NEAR["float32"])


def test_batch_norm_needs_no_memory(run):
    call = call_of("batch_norm")
    without = {**call.arguments, "running_mean": None, "running_var": None}
    assert_right(run, replace(call, arguments=without))


def test_fused_addition_gives_the_bits_of_two_steps(run):
    fused = call_of("add_rms_norm", dtype="float16")
    y, total = run(fused).outputs
    arguments = {**fused.arguments, "x": total, "normalized_shape": (7,)}
    del arguments["residual"]
    alone = replace(fused, layer="rms_norm", arguments=arguments, upstream=fused.upstream[:1])
    np.testing.assert_array_equal(y, run(alone).outputs[0])


def test_gradient_of_the_sum_may_be_missing(run):
    call = call_of("add_rms_norm")
    assert_right(run, replace(call, upstream=(call.upstream[0], None)))


def test_tanh_is_right_near_zero_and_far_from_it(run):
    z = np.concatenate([np.linspace(-12, 12, 100), np.logspace(-30, 30, 100)]).astype(np.float32)
    arguments = {"x": z.astype(np.float64), "alpha": np.asarray(1.0)}
    call = replace(call_of("dynamic_tanh"), arguments=arguments, upstream=(np.ones_like(z),))
    y, wanted = run(call).outputs[0], exact(call).outputs[0]
    # Each value by its own magnitude: three roundings.
    np.testing.assert_allclose(y, wanted, rtol=3 * 2**-23)
