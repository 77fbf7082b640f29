"""Each error that people make in group norm, planted: the claim that is about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import test_drop_in_modules as module_claims
import test_group_norm as claims
import torch
from moment_errors import in_moments
from mutants import assert_seen, planted

NUMPY, NUMPY_MOMENTS = "numpy_layers.group_norm", "numpy_layers.moments"
TWIN, TWIN_MOMENTS = "torch_layers.group_norm", "torch_layers.moments"


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return partial(claim, claims.numpy_run, *args), partial(claim, claims.twin_run, *args)


def of_one(property_, **example):
    """Take one example of a property, which fails at once and need not shrink."""
    claim = partial(property_.hypothesis.inner_test, shape=claims.SQUARE, seed=0, **example)
    return of_both(claim)


torchs, twin_torchs = of_both(claims.test_output_and_gradients_are_torchs, *claims.SQUARE, 2)
twin_unequal = partial(twin_torchs.func, claims.twin_run, (3, 6), 2, 2)
slope, twin_slope = of_both(claims.test_gradients_predict_the_slope, *claims.SQUARE)
layer, twin_layer = of_one(claims.test_one_group_is_layer_norm_over_channels_and_positions)
instance, twin_instance = of_one(claims.test_a_group_for_each_channel_is_instance_norm)
apart, twin_apart = of_both(claims.test_examples_do_not_see_each_other)
constant, twin_constant = of_both(claims.test_constant_group_becomes_its_bias)
dtypes, twin_dtypes = of_one(claims.test_everything_has_the_dtype_of_the_input, dtype=np.float16)
half, twin_half = of_both(claims.test_half_precision_rounds_only_the_result)
far = partial(claims.test_float32_is_accurate_at_every_mean, NUMPY, "contiguous", 1e4)
twin_far = partial(far.func, TWIN, "channels last", 1e4)
kept = partial(claims.test_arguments_keep_their_values, np.asarray)
twin_kept = partial(kept.func, torch.from_numpy)
fresh = partial(module_claims.test_fresh_state_is_torchs, "GroupNorm", "defaults")
no_bias = partial(fresh.func, "GroupNorm", "no bias")
other_eps = partial(module_claims.test_training_then_evaluation_is_torchs, "GroupNorm", "other eps")


def told(wrong):
    """Name the wrong call; the functions are looked up when the claim runs."""
    return partial(claims.test_wrong_call_is_told_what_to_do, claims.ours, wrong)


SPLIT = "x.shape[1] // num_groups, *x.shape[2:]"
AXES = "tuple(range(2, len(split))), eps"
DX = "(g - along_ones - along_x_hat)"
CREATE = "self._create_affine(num_channels, affine, affine and bias, device, dtype)"
SHAPES = "numpy_layers.shapes"  # of both
WEIGHT, BIAS = "y = y * per_channel(weight, x_hat)", "y = y + per_channel(bias, x_hat)"

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    *in_moments((torchs, twin_torchs), (constant, twin_constant), twin_slope, (far, twin_far), (half, twin_half), (kept, twin_kept)),
    ("gradient without the mean term", NUMPY_MOMENTS, DX, "(g - along_x_hat)", slope),
    ("gradient without the x_hat term", NUMPY_MOMENTS, DX, "(g - along_ones)", slope),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * per_channel(weight, dy)", "wide_dy", torchs),
    ("weight gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum(batch)", "wide_dy.sum(batch)", torchs),
    ("weight gradient averaged", NUMPY, "(wide_dy * x_hat).sum(batch)", "(wide_dy * x_hat).mean(batch)", torchs),
    ("sign of the bias gradient", NUMPY, "else wide_dy.sum(batch)", "else -wide_dy.sum(batch)", torchs),
    ("batch in the statistics", NUMPY, AXES, "(0, *range(2, len(split))), eps", apart),
    ("batch in the statistics", TWIN, AXES, "(0, *range(2, len(split))), eps", twin_apart),
    ("positions left out: per-token layer norm", NUMPY, AXES, "(2,), eps", layer),
    ("positions left out: per-token layer norm", TWIN, AXES, "(2,), eps", twin_layer),
    ("channels of a group left out", NUMPY, AXES, "tuple(range(3, len(split))), eps", layer),
    ("all groups together", NUMPY, AXES, "tuple(range(1, len(split))), eps", instance),
    ("all groups together", TWIN, AXES, "tuple(range(1, len(split))), eps", twin_instance),
    ("group size for number of groups", NUMPY, "num_groups, " + SPLIT, "x.shape[1] // num_groups, num_groups, *x.shape[2:]", twin_unequal),
    ("weight ignored", SHAPES, WEIGHT, "pass", torchs),
    ("weight ignored", SHAPES, WEIGHT, "y = y + 0 * per_channel(weight, x_hat)", twin_torchs),
    ("bias ignored", SHAPES, BIAS, "pass", torchs),
    ("bias ignored", SHAPES, BIAS, "y = y + 0 * per_channel(bias, x_hat)", twin_torchs),
    ("broadcast that fits squares", SHAPES, WEIGHT, "y = y * weight", torchs),
    ("broadcast that fits squares", SHAPES, WEIGHT, "y = y * weight", twin_torchs),
    ("result left in float32", NUMPY, "return y.astype(x.dtype)", "return y", dtypes),
    ("result left in float32", TWIN, ".to(x.dtype)", "", twin_dtypes),
    ("integers truncated", NUMPY_MOMENTS, "if not np.issubdtype(x.dtype, np.floating)", "if False", told("integers")),
    ("groups that do not divide", NUMPY, "num_groups < 1 or num_channels % num_groups", "num_groups < 1", told("groups of unequal size")),
    ("one value accepted", NUMPY, "if n * math.prod(group) == 1", "if False", told("one value a group")),
    ("gain at random", TWIN, CREATE, CREATE + "; torch.nn.init.uniform_(self.weight)", fresh),
    ("bias kept although refused", TWIN, "affine, affine and bias", "affine, affine", no_bias),
    ("eps of the module not used", TWIN, "self.weight, self.bias, self.eps)", "self.weight, self.bias)", other_eps),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
