"""Planted errors in the fast NumPy layers, in loops and in their use: each is seen by a claim."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import test_numba_kernels as loops
import test_numpy_fast as arrays
import test_torch_fast as tensors
import test_torch_fast_modes as modes
import torch
from mutants import assert_seen, planted

from course_lib import torch_layers

small_tensors_are_fused = tensors.small_tensors_are_fused
MOMENTS, FUSED = "numpy_fast.moments", "torch_layers.fused"
ROWS, GROUPS, COLUMNS = (f"numba_kernels.{kind}_loops" for kind in ("row", "group", "column"))


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


def tensors_far(norm):
    """Check a norm at a mean of a million spreads, against torch's own in float64."""
    leaves = tensors.draw(norm, torch.float32, 1e6)
    exact = [v.detach().double().requires_grad_() for v in leaves]
    pairs = zip(tensors.outcome(norm, leaves), tensors.outcome(norm, exact, tensors.F), strict=True)
    for got, wanted in pairs:
        assert (got - wanted).abs().max() <= 1e-6 * wanted.abs().max()


twin_far, batch_far, last_far = (
    partial(tensors_far, norm) for norm in ("layer_norm", "batch_norm", "batch_norm, channels last")
)
many = loops.test_sums_over_many_rows_are_torchs
long = partial(loops.test_sums_over_many_positions_are_torchs, torch.contiguous_format)


def added():
    """Check the fused addition against torch's own operations."""
    x, residual = loops.draw(9, 40), loops.draw(9, 40, seed=1)
    got = torch_layers.add_rms_norm(x, residual, None, 0.1)
    wanted = tensors.F.rms_norm(x + residual, (40,), eps=0.1), x + residual
    torch.testing.assert_close(got, wanted, **tensors.FLOAT64)


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
    ("digits of the mean forgotten", ROWS, "c = dtype(total / d - m)", "c = dtype(0 * total)", twin_far),
    ("arithmetic in any order", ROWS, "from course_lib.numba_kernels.compiled import compiled, plus, plus_square", "import numba\n\nfrom course_lib.numba_kernels.compiled import plus, plus_square\n\ncompiled = numba.njit(fastmath=True)", twin_far),
    ("eps outside the root", ROWS, "s = dtype(1 / math.sqrt(square / d + eps))\n        for j in range(d):\n            out[j] = ((row", "s = dtype(1 / (math.sqrt(square / d) + eps))\n        for j in range(d):\n            out[j] = ((row", torchs("layer_norm")),
    ("gradient without the mean term", ROWS, "- along_ones - x_hat", "- x_hat", torchs("layer_norm")),
    ("gradient without the x_hat term", ROWS, "row[j] * along_x)", "0 * along_x)", torchs("rms_norm")),
    ("weight gradient not divided by the root", ROWS, "part[j] += g[j] * (row[j] * s)", "part[j] += g[j] * row[j]", torchs("rms_norm")),
    ("rows added to the sum twice", ROWS, "part[:] = 0", "part[:1] = 0", many),
    ("rows added to the sum twice", ROWS, "part_weight[:], part_bias[:] = 0, 0", "part_weight[:] = 0", many),
    ("square of x without the residual", ROWS, "plus_square(square, row[j] + other[j])", "plus_square(square, row[j])", added),
    ("one run too few", GROUPS, "group + values // length * step", "group + (values // length - 1) * step", torchs("batch_norm")),
    ("digits of the mean forgotten", GROUPS, "rest = dtype(total / values - m)", "rest = dtype(0 * total)", batch_far),
    ("weight after the sums", GROUPS, "along += weight[r % c] * dweight[r]", "along += dweight[r]", torchs("group_norm")),
    ("weight of another channel", GROUPS, "inverse * weight[r % c], bias[r % c]", "inverse * weight[0], bias[r % c]", torchs("batch_norm")),
    ("only the last piece of a row", GROUPS, "along += part_along", "along = part_along", long),
    ("rows added to the sum twice", COLUMNS, "part[:] = 0", "part[:1] = 0", torchs("batch_norm, channels last")),
    ("origin left out of the mean", "numba_kernels.columns", "origin + total[0] / values.shape[1]", "total[0] / values.shape[1]", torchs("group_norm, channels last")),
    ("digits of the mean forgotten", "numba_kernels.columns", "correction = (exact - mean).astype(dtype)", "correction = (0 * exact).astype(dtype)", last_far),
    ("weight after the sums", "numba_kernels.columns", "_of_groups(each * gain, groups)", "_of_groups(each, groups)", torchs("group_norm, channels last")),
    ("last row left out", "numba_kernels.threads", "rows * (i + 1) // threads)", "rows * (i + 1) // threads - 1)", torchs("layer_norm")),
    ("biased variance remembered", "numba_kernels.batch_norm", "var * (m / (m - 1))", "var", memory),
    ("second derivative through the passes", FUSED, "if torch.is_grad_enabled() or not is_plain_eager(gradients):", "if not is_plain_eager(gradients):", second),
    ("x kept past autograd", FUSED, "ctx.save_for_backward(*tensors, *saved)", "ctx.save_for_backward(*(t if t is None else t.detach().clone() for t in (*tensors, *saved)))", changed),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
