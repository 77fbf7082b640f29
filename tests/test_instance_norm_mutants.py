"""Each error that people make in instance norm, planted: the claim about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import test_drop_in_modules as module_claims
import test_instance_norm as claims
import torch
from moment_errors import in_moments
from mutants import assert_seen, planted

NUMPY, NUMPY_MOMENTS = "numpy_layers.instance_norm", "numpy_layers.moments"
TWIN, TWIN_MOMENTS = "torch_layers.instance_norm", "torch_layers.moments"


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return partial(claim, claims.numpy_run, *args), partial(claim, claims.twin_run, *args)


def of_one(property_, **example):
    """Take one example of a property, which fails at once and need not shrink."""
    return of_both(partial(property_.hypothesis.inner_test, shape=claims.SQUARE, seed=0, **example))


torchs, twin_torchs = of_both(claims.test_output_and_gradients_are_torchs, claims.SQUARE, 2)
slope, twin_slope = of_both(claims.test_gradients_predict_the_slope, claims.SQUARE, True)
frozen, twin_frozen = of_both(claims.test_gradients_predict_the_slope, claims.SQUARE, False)
memory, twin_memory = of_both(claims.test_running_statistics_are_torchs, claims.SQUARE, True)
recalled, twin_recalled = of_both(claims.test_running_statistics_are_torchs, claims.SQUARE, False)
contrast, twin_contrast = of_one(claims.test_contrast_and_brightness_of_a_channel_do_not_matter)
apart, twin_apart = of_both(claims.test_examples_do_not_see_each_other)
constant, twin_constant = of_both(claims.test_constant_channel_becomes_its_bias)
dtypes, twin_dtypes = of_one(claims.test_everything_has_the_dtype_of_the_input, dtype=np.float16)
half, twin_half = of_both(claims.test_half_precision_rounds_only_the_result)
empty, twin_empty = of_both(claims.test_empty_batch_leaves_the_memory)
far = partial(claims.test_float32_is_accurate_at_every_mean, NUMPY, "channels last", 1e4)
twin_far = partial(far.func, TWIN, "channels last", 1e4)
kept = partial(claims.test_arguments_keep_their_values, np.asarray, True)
twin_kept = partial(kept.func, torch.from_numpy, True)
told = partial(claims.test_wrong_call_is_told_what_to_do, claims.ours)
fresh = partial(module_claims.test_fresh_state_is_torchs, "InstanceNorm2d", "defaults")
module = partial(module_claims.test_training_then_evaluation_is_torchs, "InstanceNorm2d", "tracked")
state = partial(module_claims.test_state_after_training_is_torchs, "InstanceNorm2d", "tracked")
no_speed = partial(state.func, "InstanceNorm2d", "tracked at no speed")
graph = partial(module_claims.test_running_statistics_have_no_graph, "InstanceNorm2d")
other_eps = partial(module.func, "InstanceNorm2d", "other eps")

AXES = "tuple(range(2, x.ndim)), eps"
DX = "(g - along_ones - along_x_hat)"
RECALL = "x_hat = _standardize_by("
MOVED = "_update_running(running_mean, x.mean((0, *range(2, x.ndim))), momentum); "
SHAPES = "numpy_layers.shapes"  # of both
WEIGHT, BIAS = "y = y * per_channel(weight, x_hat)", "y = y + per_channel(bias, x_hat)"
BATCH, TWIN_BATCH = "numpy_layers.batch_norm", "torch_layers.batch_norm"  # its memory too
MEMORY = "var * bessel(x)).mean(0)"
UPDATE = "running += momentum * (new.reshape(-1) - running)"
TWIN_UPDATE = "torch.lerp(running, new.reshape(-1).to(running.dtype), momentum)"

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    *in_moments((torchs, twin_torchs), (constant, twin_constant), twin_slope, (far, twin_far), (half, twin_half), (kept, twin_kept)),
    ("gradient without the mean term", NUMPY_MOMENTS, DX, "(g - along_x_hat)", slope),
    ("gradient without the x_hat term", NUMPY_MOMENTS, DX, "(g - along_ones)", slope),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * per_channel(weight, dy)", "wide_dy", torchs),
    ("weight gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum(batch)", "wide_dy.sum(batch)", torchs),
    ("weight gradient averaged", NUMPY, "(wide_dy * x_hat).sum(batch)", "(wide_dy * x_hat).mean(batch)", torchs),
    ("sign of the bias gradient", NUMPY, "else wide_dy.sum(batch)", "else -wide_dy.sum(batch)", torchs),
    ("evaluation's gradient as training's", NUMPY, "    if not use_input_stats:\n        return InstanceNormGrads", "    if False:\n        return InstanceNormGrads", frozen),
    ("batch norm's axes", NUMPY, AXES, "(0, *range(2, x.ndim)), eps", apart),
    ("batch norm's axes", TWIN, AXES, "(0, *range(2, x.ndim)), eps", twin_apart),
    ("layer norm's axes", NUMPY, AXES, "tuple(range(1, x.ndim)), eps", contrast),
    ("layer norm's axes", TWIN, AXES, "tuple(range(1, x.ndim)), eps", twin_contrast),
    ("channels last", NUMPY, AXES, "tuple(range(1, x.ndim - 1)), eps", contrast),
    ("channels last", TWIN, AXES, "tuple(range(1, x.ndim - 1)), eps", twin_contrast),
    ("weight ignored", SHAPES, WEIGHT, "pass", torchs),
    ("weight ignored", SHAPES, WEIGHT, "y = y + 0 * per_channel(weight, x_hat)", twin_torchs),
    ("bias ignored", SHAPES, BIAS, "pass", torchs),
    ("bias ignored", SHAPES, BIAS, "y = y + 0 * per_channel(bias, x_hat)", twin_torchs),
    ("broadcast that fits squares", SHAPES, WEIGHT, "y = y * weight", torchs),
    ("broadcast that fits squares", SHAPES, WEIGHT, "y = y * weight", twin_torchs),
    ("result left in float32", NUMPY, "return y.astype(x.dtype)", "return y", dtypes),
    ("result left in float32", TWIN, ".to(x.dtype)", "", twin_dtypes),
    ("integers truncated", NUMPY_MOMENTS, "if not np.issubdtype(x.dtype, np.floating)", "if False", partial(told, "integers")),
    ("biased running variance", NUMPY, MEMORY, "var).mean(0)", memory),
    ("biased running variance", TWIN, "stats." + MEMORY, "stats.var).mean(0)", twin_memory),
    ("batch norm's Bessel factor", NUMPY, "s = math.prod(x.shape[2:])", "s = x.shape[0] * math.prod(x.shape[2:])", memory),
    ("momentum of the other convention", BATCH, UPDATE, UPDATE.replace("momentum", "(1 - momentum)"), memory),
    ("momentum of the other convention", TWIN_BATCH, TWIN_UPDATE, TWIN_UPDATE.replace("momentum", "1 - momentum"), twin_memory),
    ("first example alone remembered", NUMPY, " mean.mean(0)", " mean[0]", memory),
    ("first example alone remembered", TWIN, "stats.mean.mean(0)", "stats.mean[0]", twin_memory),
    ("memory overwritten", BATCH, UPDATE, "running[:] = new.reshape(-1)", memory),
    ("memory rebound, not updated", BATCH, UPDATE, UPDATE.replace("running +=", "running = running +"), memory),
    ("updated in evaluation", NUMPY, "running_mean, running_var, weight, bias, False, momentum", "running_mean, running_var, weight, bias, True, momentum", recalled),
    ("updated in evaluation", TWIN, RECALL, MOVED + RECALL, twin_recalled),
    ("memory kept with its graph", TWIN_BATCH, "@torch.no_grad()\n", "", graph),
    ("empty batch forgets everything", TWIN, "if x.numel():", "if True:", twin_empty),
    ("memory not used in evaluation", TWIN, "self.training or not self.track_running_stats", "True", module),
    ("memory not updated by the module", TWIN, "            self.running_mean,\n            self.running_var", "            None,\n            None", state),
    ("cumulative momentum", TWIN, "0.0 if self.momentum is None", "1.0 if self.momentum is None", no_speed),
    ("affine by default", TWIN, "affine: bool = False", "affine: bool = True", fresh),
    ("eps of the module not used", TWIN, "            self.eps,\n", "", other_eps),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
