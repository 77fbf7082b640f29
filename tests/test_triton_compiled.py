"""What every kernel becomes for two generations of GPUs, how often and where, without a GPU."""

from functools import partial

import pytest
import torch
from mutants import assert_rejected
from triton_compiler import Case, captured, compiled
from triton_launches import apart, devices, variants
from triton_processes import needs_triton, triton_process

pytestmark = needs_triton

HALF = {"dtype": torch.float16, "parameter_dtype": torch.float16}
SINGLE = {"dtype": torch.float32}
BARE = {"parameters": False, "vectors": False}
GROUPS = {"options": {"num_groups": 32}}
CASES = [
    Case("layer_norm", (8192, 1024)),
    Case("layer_norm", (8192, 8192), **SINGLE),
    Case("layer_norm", (8192, 16384), **HALF),
    Case("layer_norm", (512, 32768)),
    Case("rms_norm", (8192, 4096), **HALF),
    Case("add_rms_norm", (8192, 8192), **SINGLE),
    Case("dynamic_tanh", (8192, 4096)),
    Case("group_norm", (8, 1280, 10, 12), **GROUPS),  # 8 divides the positions, 16 does not
    Case("group_norm", (8, 320, 64, 64), channels_last=True, **GROUPS),
    Case("batch_norm", (64, 256, 14, 14), **SINGLE),  # 4 divides them: 16 bytes of float32
    Case("batch_norm", (64, 2048, 7, 7), channels_last=True),
]
# Without parameters, and with rows that no vector fits: for the newer one.
PLAIN = [
    Case("layer_norm", (8192, 1023), **BARE),
    Case("rms_norm", (8192, 1023), **BARE),
    Case("dynamic_tanh", (8192, 1023), **BARE),
    Case("group_norm", (8, 64, 7, 7), **BARE, **GROUPS),
    Case("batch_norm", (64, 512, 7, 7), **BARE),
]
SHARED_MEMORY = {80: 163 * 1024, 90: 227 * 1024}  # what a program can have, by NVIDIA's guides
# Twenty shapes each that differ in the number of rows or positions alone, in blocks of one size.
FEW, MANY = [*range(2056, 4040, 104), 4096], range(8200, 38_000, 1528)  # in one chunk; in 2 to 5
ODD_TOO = range(8200, 38_000, 1529)  # not by eights: with channels last that makes no difference
FOUR = {"options": {"num_groups": 4}}
LAST = {"channels_last": True}
GROWING = {
    "batch norm": [Case("batch_norm", (8, 64, 1, s)) for s in FEW],
    "batch norm, odd channels": [Case("batch_norm", (1, 7, 1, s)) for s in MANY],
    "batch norm, channels last": [Case("batch_norm", (1, 64, 1, s), **LAST) for s in ODD_TOO],
    "group norm": [Case("group_norm", (8, 16, 1, s), **FOUR) for s in FEW],
    "group norm in tiles": [Case("group_norm", (8, 20, 1, s), **FOUR) for s in MANY],
    "group norm, channels last": [
        Case("group_norm", (1, 64, 1, s), **FOUR, **LAST) for s in ODD_TOO
    ],
    **{
        f"{layer}, {width}": [Case(layer, (rows, width)) for rows in range(1, 21)]
        for layer in ("layer_norm", "rms_norm", "add_rms_norm", "dynamic_tanh")
        for width in (1024, 20_000)
    },
}
PARTIAL = {"sum_rows_kernel", "merge_moments_kernel", "group_means_kernel"}  # read partial results
SUMS = {"tile_moments_kernel", "tile_sums_kernel", "wide_parameters_kernel"}  # write no tensor
COPIES = {
    "layer_norm_kernel", "layer_norm_backward_kernel", "rms_norm_kernel",
    "rms_norm_backward_kernel", "dynamic_tanh_backward_kernel", "wide_kernel",
    "wide_backward_kernel", "wide_parameters_kernel",
}  # fmt: skip
ONE_TILE = {
    "dynamic_tanh_kernel", "group_norm_kernel", "group_norm_backward_kernel", "tile_moments_kernel",
    "tile_sums_kernel", "normalize_kernel", "input_gradient_kernel",
}  # fmt: skip


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """Give a process that does not interpret, with a cache of its own."""
    with triton_process(interpret=False, cache=str(tmp_path_factory.mktemp("triton"))) as process:
        yield process


@pytest.fixture(scope="module")
def compile_for(process):
    """Compile cases there."""
    return lambda *args: process.submit(compiled, *args).result()


@pytest.fixture(scope="module", params=[80, 90], ids="sm_{}".format)
def codes(request, compile_for):
    """Compile every case for a GPU."""
    return compile_for([*CASES, *(PLAIN if request.param == 90 else ())], request.param, {})


def assert_no_spills(codes):
    spilled = [code for code in codes if code.stack]
    assert not spilled, spilled


def assert_vectors(codes):
    for code in codes:
        if code.case.vectors and code.kernel not in PARTIAL:
            assert code.accesses["load 16"] + code.accesses["copy 16"], f"no wide load: {code}"
            assert code.kernel in SUMS or code.accesses["store 16"], f"no wide store: {code}"
            assert not code.accesses["load 2"] + code.accesses["store 2"], f"two bytes: {code}"


def assert_copies(codes):
    for code in codes:
        if code.case.vectors and code.kernel in COPIES:
            assert code.accesses["copy 16"], f"no asynchronous copy: {code}"


def test_every_kernel_is_compiled(codes):
    assert {code.kernel for code in codes} == PARTIAL | SUMS | COPIES | ONE_TILE


def test_no_kernel_spills_registers(codes):
    assert_no_spills(codes)


def test_tensors_are_read_and_written_by_16_bytes(codes):
    assert_vectors(codes)


def test_next_rows_are_copied_while_these_are_computed(codes):
    assert_copies(codes)


def test_shared_memory_suffices(request, codes):
    limit = SHARED_MEMORY[request.node.callspec.params["codes"]]
    assert max(code.shared for code in codes) <= limit


@pytest.mark.parametrize(
    ("sizes", "wrong", "claim"),
    [
        ({"BACKWARD_VALUES": 16_384}, CASES[0], assert_no_spills),
        ({"SHARED_MEMORY": 0}, CASES[0], assert_copies),
        ({}, Case("layer_norm", (8192, 1023)), assert_vectors),
    ],
    ids=["tiles too large", "no memory for copies", "odd rows"],
)
def test_planted_error_is_seen(compile_for, sizes, wrong, claim):
    claim(compile_for(CASES[:1], 90, {}))
    assert_rejected(partial(claim, compile_for([wrong], 90, sizes)))


@pytest.mark.parametrize(
    ("case", "launches"),
    [
        (Case("layer_norm", (64, 1024)), 3),
        (Case("add_rms_norm", (4, 20_000)), 4),
        (Case("dynamic_tanh", (64, 1024)), 4),
        (Case("group_norm", (4, 64, 8, 8), **GROUPS), 3),
        (Case("batch_norm", (4, 64, 8, 8), channels_last=True), 6),
    ],
    ids=lambda value: getattr(value, "layer", None),
)
def test_torch_compile_captures_a_layer_in_one_graph(process, case, launches):
    calls = process.submit(captured, case).result()
    assert sum("triton_kernel_wrapper" in call for call in calls) == launches


@pytest.mark.parametrize("cases", GROWING.values(), ids=GROWING)
def test_number_of_rows_and_positions_needs_no_new_compilation(process, cases):
    # dynamic tanh adds up its rows and its alphas by one kernel: of N columns, and of one.
    twice = {"sum_rows_kernel": 2} if cases[0].layer == "dynamic_tanh" else {}
    counts = process.submit(variants, cases).result()
    assert counts == {**dict.fromkeys(counts, 1), **twice}


def test_kernels_are_compiled_for_each_unit_of_positions(process):
    units = [Case("batch_norm", (2, 4, 1, s)) for s in (136, 140, 142, 143)]
    counts = process.submit(variants, units).result()
    assert counts["tile_moments_kernel"] == 4
    assert counts["merge_moments_kernel"] == 1


@pytest.mark.parametrize(
    "case",
    [
        Case("layer_norm", (8, 1024)),
        Case("layer_norm", (8, 20_000)),
        Case("rms_norm", (8, 1024)),
        Case("add_rms_norm", (8, 1024)),
        Case("dynamic_tanh", (8, 1024)),
        Case("group_norm", (4, 64, 8, 8), **GROUPS),
        Case("group_norm", (4, 64, 8, 8), **GROUPS, **LAST),
        Case("batch_norm", (4, 64, 8, 8)),
    ],
    ids=lambda case: f"{case.layer} {case.shape[-1]}",
)
def test_kernels_are_launched_where_the_tensors_are(process, case):
    assert process.submit(devices, case).result() == ({1}, 0)


@pytest.mark.parametrize(("layer", "name"), [("dynamic_tanh", "alpha"), ("batch_norm", "momentum")])
@pytest.mark.parametrize("device", ["cuda:1", "cpu"])
def test_number_on_another_device_is_refused(process, layer, name, device):
    # What has several values is compared with x where the shapes are.
    with pytest.raises(RuntimeError, match=f"expected .* device of x, cuda:0, got .* {device}; "):
        process.submit(apart, Case(layer, (5, 7)), name, device).result()
