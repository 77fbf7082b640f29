"""Planted errors in the fast NumPy layers and in the written passes: each is seen by a claim."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import test_numpy_fast as arrays
import test_torch_fast as tensors
import test_torch_fast_modes as modes
import torch
from mutants import assert_seen, planted

small_tensors_are_fused = tensors.small_tensors_are_fused
MOMENTS, BLOCKS = "numpy_fast.moments", "torch_layers.blockwise.blocks"
LAYER, RMS, BATCH, GROUPS, FUSED = (
    f"torch_layers.{file}"
    for file in (
        "blockwise.layer_norm", "blockwise.rms_norm", "blockwise.batch_norm", "blockwise.groups",
        "fused",
    )
)  # fmt: skip


def same(norm, mean=0.7, shape=arrays.LARGE):
    arrays.assert_same(norm, arrays.draw(norm, shape, np.float64, mean), 1e-13)


layer, rms, group, batch = (
    partial(same, norm) for norm in ("layer_norm", "rms_norm", "group_norm", "batch_norm")
)
far = partial(arrays.test_float32_is_accurate_at_every_mean, "layer_norm", 1e6, (16, 4, 64))
far_groups = partial(
    arrays.test_float32_is_accurate_at_every_mean, "group_norm", 1e6, (12, 4, 100, 10)
)
flat = partial(arrays.test_equal_values_have_no_spread, "group_norm", 1e12)
negative = partial(arrays.test_equal_values_have_no_spread, "batch_norm", 3e7)
settings = partial(arrays.test_settings_of_numpy_are_as_before, "rms_norm")
kept = partial(arrays.test_arguments_keep_their_values, "layer_norm", np.float32)


def torchs(norm, mean=1.0):
    return partial(tensors.test_results_are_torchs, norm, mean, True)


def twin_far():
    leaves = tensors.draw("layer_norm", torch.float32, 1e6)
    exact = tensors.outcome(
        "layer_norm", [v.detach().double().requires_grad_() for v in leaves], tensors.F
    )
    for got, wanted in zip(tensors.outcome("layer_norm", leaves), exact, strict=True):
        assert (got - wanted).abs().max() <= 1e-6 * wanted.abs().max()


second = partial(tensors.test_first_and_second_derivatives_are_right, "layer_norm", True)
changed = partial(tensors.test_changing_x_before_the_backward_pass_is_an_error, "layer_norm")
memory = partial(modes.test_running_statistics_move_as_torchs, 0.3, 1.0)

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("one-pass variance", MOMENTS, "> 1))", "> np.inf))", far),
    ("one-pass variance", MOMENTS, "> 1))", "> np.inf))", far_groups),
    ("rest of equal values measured once", MOMENTS, "for _ in range(2):", "for _ in range(1):", flat),
    ("correction forgotten", MOMENTS, "np.add(moments.correction, rest, out=moments.correction)", "moments.correction.fill(0)", far_groups),
    ("negative variance", MOMENTS, "np.maximum(square - mean**2, 0, out=moments.var)", "np.subtract(square, mean**2, out=moments.var)", negative),
    ("blocks that overlap", MOMENTS, "slice(start, start + step)", "slice(start, start + step + 1)", layer),
    ("last block left out", MOMENTS, "range(0, len(rows), step)", "range(0, len(rows) - step, step)", rms),
    ("eps outside the root", MOMENTS, "np.sqrt(moments.var + eps)", "(np.sqrt(moments.var) + eps)", group),
    ("mean kept in the group", MOMENTS, "-rest * scale if bias is None else bias[block] - rest * scale", "0 * scale if bias is None else bias[block] + 0 * scale", group),
    ("gradient without the mean term", MOMENTS, "part += along_ones - rest * along_x_hat * inv_std", "part -= rest * along_x_hat * inv_std", batch),
    ("gradient without the x_hat term", MOMENTS, "np.multiply(x, along_x_hat * inv_std, out=part)", "np.multiply(x, 0 * along_x_hat, out=part)", group),
    ("weight after the sums", MOMENTS, "(gain * sums[block, :, None])", "(1 * sums[block, :, None])", group),
    ("x changed in place", MOMENTS, "np.copyto(out, rows)", "rows *= 1.5; np.copyto(out, rows)", kept),
    ("buffers left short", "numpy_fast.rms_norm", "with np.errstate():\n        shorten_buffers(rows)\n        for block in blocks(rows, ROW_BYTES):\n            part", "if True:\n        shorten_buffers(rows)\n        for block in blocks(rows, ROW_BYTES):\n            part", settings),
    ("weights of all channels shifted", "numpy_fast.batch_norm", "np.repeat(scale, s)", "np.tile(scale, s)", batch),
    ("mean of the sum not removed", "numpy_fast.layer_norm", "dweight -= (rest * own.inv_std) @ g", "pass", layer),
    ("one-pass variance", BLOCKS, ".max() > 1)", ".max() > torch.inf)", twin_far),
    ("rows of other blocks", BLOCKS, "slice(start, start + step)", "slice(start, start + step - 1)", torchs("layer_norm")),
    ("eps outside the root", BLOCKS, "add_(eps).rsqrt_()", "sqrt_().add_(eps).reciprocal_()", torchs("group_norm")),
    ("mean of the sum not removed", LAYER, "alpha=-1)\n        dbias", "alpha=0)\n        dbias", torchs("layer_norm")),
    ("gradient without the mean term", LAYER, "part -= along_ones / count - rest * along_x", "part += rest * along_x", torchs("layer_norm")),
    ("gradient without the x_hat term", RMS, "addcmul_(values, along_x, value=-1)", "addcmul_(values, along_x, value=0)", torchs("rms_norm")),
    ("weight gradient not divided by the root", RMS, "dweight.addmv_(part.T, inv[:, 0])", "dweight.addmv_(part.T, inv[:, 0] * 0 + 1)", torchs("rms_norm")),
    ("weight after the sums", GROUPS, "along_ones = (scale * sums)", "along_ones = (inv_std * sums)", torchs("group_norm")),
    ("biased variance remembered", BATCH, "var * (m / (m - 1))", "var", memory),
    ("second derivative through the passes", FUSED, "if torch.is_grad_enabled() or not is_plain_eager(gradients):", "if not is_plain_eager(gradients):", second),
    ("x kept past autograd", FUSED, "ctx.save_for_backward(*tensors, *saved)", "ctx.save_for_backward(*(t if t is None else t.detach().clone() for t in (*tensors, *saved)))", changed),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
