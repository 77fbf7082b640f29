"""Each error that people make in a kernel, planted in a copy: the claim about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from mutants import assert_rejected, planted
from test_triton_kernels import assert_right, call_of
from test_triton_kernels import test_fused_addition_gives_the_bits_of_two_steps as fused_bits
from triton_calls import CHUNKED, SMALL
from triton_interpreter import run as run_here
from triton_processes import needs_triton, triton_process

pytestmark = needs_triton

LAYER, RMS, WIDE = "layer_norm", "rms_norm", "wide_rows"
PARTIAL = "partial = tl.program_id(0) * N + columns"
OWN_ROW = "partial = (image * tl.cdiv(S, S_BLOCK) + chunk).to(tl.int64) * C + c"
VARIANCE = "tl.sum(centered * centered, 1, keep_dims=True) / N"


@pytest.fixture(scope="module")
def run():
    """Run a call in a process that interprets."""
    with triton_process(interpret=True) as process:
        yield lambda call: process.submit(run_here, call).result()


@pytest.fixture(scope="module")
def holds(run):
    """Check a claim about the right kernels, once for all errors that it must see."""
    seen = set()

    def check(claim):
        if str(claim) not in seen:
            claim(run, None)
        seen.add(str(claim))

    return check


def many_rows(layer, sizes, run, bug):
    assert_right(run, replace(call_of(layer, (19, 7), sizes=sizes), bug=bug))


def far(layer, sizes, run, bug):
    assert_right(run, replace(call_of(layer, offset=1e6, sizes=sizes), bug=bug))


def images(layer, layout, run, bug):
    call = call_of(layer, (2, 6, 3, 3), sizes=CHUNKED, layout=layout, offset=100.0)
    assert_right(run, replace(call, bug=bug))


def half(layer, run, bug):
    call = call_of(layer, dtype="float16", bug=bug)
    large = 1e4 + 100 * call.arguments["x"]  # float16 ends at 65504, the sum of seven does not
    assert_right(run, replace(call, arguments={**call.arguments, "x": large}))


def fused(run, bug):
    fused_bits(lambda call: run(replace(call, bug=bug)))


def groups(run, bug):
    assert_right(run, replace(call_of("group_norm"), bug=bug))


fits, wide = SMALL, CHUNKED
ERRORS = [
    ("one partial row for two programs (a race)", LAYER, PARTIAL, "partial = columns", partial(many_rows, LAYER, fits)),
    ("one partial row for two programs (a race)", RMS, PARTIAL, "partial = columns", partial(many_rows, RMS, fits)),
    ("one partial row for two programs (a race)", "dynamic_tanh", PARTIAL, "partial = columns", partial(many_rows, "dynamic_tanh", fits)),
    ("one partial row for two programs (a race)", WIDE, PARTIAL, "partial = columns", partial(many_rows, LAYER, wide)),
    ("one partial row for two chunks (a race)", "channel_gradients", OWN_ROW, "partial = image.to(tl.int64) * C + c", partial(images, "batch_norm", "contiguous")),
    ("one partial row for two chunks (a race)", "channel_moments", OWN_ROW, "partial = image.to(tl.int64) * C + c", partial(images, "group_norm", "channels_last")),
    ("row offset by the block", LAYER, "* N  # 64 bits", "* BLOCK  # 64 bits", partial(many_rows, LAYER, fits)),
    ("row offset by the block", RMS, "* N  # 64 bits", "* BLOCK  # 64 bits", partial(many_rows, RMS, fits)),
    ("every program takes the first rows", LAYER, "for first in tl.range(tl.program_id(0) * ROWS, M, stride, num_stages=STAGES):\n        row = first + rows\n        mask = (row < M) & (columns < N)\n        start = tl.cast(first, tl.int64) * N  #", "for first in tl.range(0, M, stride, num_stages=STAGES):\n        row = first + rows\n        mask = (row < M) & (columns < N)\n        start = tl.cast(first, tl.int64) * N  #", partial(many_rows, LAYER, fits)),
    ("store without its mask", LAYER, "weight + bias, mask)", "weight + bias)", partial(many_rows, LAYER, fits)),
    ("load without its mask", RMS, "x = tl.load(x_ptr + start + tile, mask, other=0.0).to(tl.float32)\n        if", "x = tl.load(x_ptr + start + tile).to(tl.float32)\n        if", partial(many_rows, RMS, fits)),
    ("store without its mask", "channel_moments", "tl.store(y_ptr + start + tile, y, mask)", "tl.store(y_ptr + start + tile, y)", partial(images, "batch_norm", "channels_last")),
    ("mean taken from what is masked", "reductions", "tl.where(mask, x - mean, 0.0)", "x - mean", partial(many_rows, LAYER, fits)),
    ("one-pass variance: E[x^2] - E[x]^2", LAYER, VARIANCE, "tl.sum(x * x, 1, keep_dims=True) / N - mean * mean", partial(far, LAYER, fits)),
    ("mean not corrected", "reductions", "return mean, correction, tl.where(mask, centered - correction, 0.0)", "return mean, 0 * correction, centered", partial(far, LAYER, fits)),
    ("mean not corrected", "reductions", "return mean, correction, tl.where(mask, centered - correction, 0.0)", "return mean, 0 * correction, centered", partial(far, "batch_norm", wide)),
    ("correction forgotten by the backward pass", LAYER, "(x - mean - correction)", "(x - mean)", partial(far, LAYER, fits)),
    ("chunks merged without their distance", WIDE, "m2 += delta * delta * share * first", "m2 += 0.0", partial(many_rows, LAYER, wide)),
    ("tiles merged without their distance", "channel_moments", "around += count * (far - mean_new) * (far - mean_new)", "around += 0.0 * far", partial(images, "batch_norm", "contiguous")),
    ("means merged as they are", "channel_moments", "far = tl.load(part_mean_ptr + part, mask, other=0.0) - shift", "shift = 0.0\n        far = tl.load(part_mean_ptr + part, mask, other=0.0)", partial(far, "batch_norm", wide)),
    ("biased running variance", "channel_moments", "m2 / (n - 1) - old", "m2 / n - old", partial(images, "batch_norm", "contiguous")),
    ("momentum of the other convention", "channel_moments", "old + momentum * (shift + mean - old)", "shift + mean + momentum * (old - shift - mean)", partial(images, "batch_norm", "contiguous")),
    ("gradient without the mean term", LAYER, "(g - along_ones - x_hat", "(g - x_hat", partial(many_rows, LAYER, fits)),
    ("gradient without the x_hat term", "channel_gradients", "(g - along_ones - x_hat * along_x_hat)", "(g - along_ones)", partial(images, "group_norm", "contiguous")),
    ("sums that are weighted already", "channel_gradients", "tl.store(dweight_ptr + channel + d, dweight, d < D)", "tl.store(dweight_ptr + channel + d, dweight * weight, d < D)", partial(images, "batch_norm", "contiguous")),
    ("unit that does not divide the positions", "channel_tiles", "if positions % n == 0", "if positions > n", partial(images, "batch_norm", "contiguous")),
    ("weight after the sums over the group", "group_norm", "tl.sum(dbias * weight, 0", "tl.sum(dbias, 0", groups),
    ("weight of another group", "group_norm", "channel = group % G * D + d", "channel = group % G + d", groups),
    ("eps outside the root", LAYER, "inv_std = tl.rsqrt(" + VARIANCE + " + eps)", "inv_std = 1 / (tl.sqrt(" + VARIANCE + ") + eps)", partial(many_rows, LAYER, fits)),
    ("statistics in half precision", LAYER, "other=0.0).to(tl.float32)\n        mean, correction", "other=0.0)\n        mean, correction", partial(half, LAYER)),
    ("sum normalized before it is rounded", RMS, "x = x.to(sum_ptr.dtype.element_ty)\n            ", "", fused),
    ("gradient of the sum forgotten", RMS, "dx += load_or(dsum_ptr, start + tile, mask, 0.0)", "", partial(many_rows, "add_rms_norm", fits)),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(run, holds, where, right, wrong, claim):
    holds(claim)
    with np.errstate(all="ignore"):
        assert_rejected(partial(claim, run, (where, right, wrong)))
