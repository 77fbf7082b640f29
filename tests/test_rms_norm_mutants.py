"""Each error that people make in RMS norm, planted: the claim that is about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import test_drop_in_modules as module_claims
import test_rms_norm as claims
import torch
from mutants import assert_seen, planted

NUMPY, TWIN = "numpy_layers.rms_norm", "torch_layers.rms_norm"
NUMPY_MOMENTS, TWIN_MOMENTS = "numpy_layers.moments", "torch_layers.moments"


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return partial(claim, claims.numpy_run, *args), partial(claim, claims.twin_run, *args)


def of_one(property_, **example):
    """Take one example of a property, which fails at once and need not shrink."""
    return of_both(partial(property_.hypothesis.inner_test, shape=claims.SQUARE, seed=0, **example))


torchs, twin_torchs = of_both(claims.test_output_and_gradients_are_torchs, claims.SQUARE, 0.1, 1)
slope, twin_slope = of_both(claims.test_gradients_predict_the_slope, claims.SQUARE, 0.5)
first, twin_first = of_one(claims.test_first_features_alone_set_the_scale, share=0.5)
shift, twin_shift = of_both(claims.test_shift_of_an_example_does_matter)
zeros, twin_zeros = of_both(claims.test_zeros_stay_zeros)
dtypes, twin_dtypes = of_one(claims.test_everything_has_the_dtype_of_the_input, dtype=np.float16)
half, twin_half = of_both(claims.test_half_precision_rounds_only_the_result)
epsilon, twin_epsilon = of_both(
    claims.test_eps_none_is_the_epsilon_of_the_precision_that_computes, np.float16
)
orthogonal, twin_orthogonal = of_one(
    claims.test_input_gradient_is_orthogonal_to_the_input, share=0.5
)
kept = partial(claims.test_arguments_keep_their_values, np.asarray)
twin_kept = partial(claims.test_arguments_keep_their_values, torch.from_numpy)
told = partial(claims.test_wrong_call_is_told_what_to_do, claims.ours)
fresh = partial(module_claims.test_fresh_state_is_torchs, "RMSNorm", "defaults")
other_eps = partial(module_claims.test_training_then_evaluation_is_torchs, "RMSNorm", "other eps")

SQUARES, TWIN_SQUARES = "np.square(wide)", "first.square()"
ROOT = "1 / np.sqrt(mean_square + (np.finfo(wide.dtype).eps if eps is None else eps))"
TWIN_ROOT = "torch.rsqrt(mean_square + (torch.finfo(wide.dtype).eps if eps is None else eps))"
WEIGHT = "x_hat if weight is None else x_hat * weight"

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("eps outside the root", NUMPY, ROOT, "1 / (np.sqrt(mean_square) + (0 if eps is None else eps))", torchs),
    ("eps outside the root", TWIN, TWIN_ROOT, "1 / (mean_square.sqrt() + (0 if eps is None else eps))", twin_torchs),
    ("eps missing", NUMPY, ROOT, "1 / np.sqrt(mean_square)", torchs),
    ("zeros give NaN", NUMPY, ROOT, "1 / np.sqrt(mean_square)", zeros),
    ("zeros give NaN", TWIN, TWIN_ROOT, "torch.rsqrt(mean_square)", twin_zeros),
    ("epsilon of the input's dtype", NUMPY, "np.finfo(wide.dtype)", "np.finfo(x.dtype)", epsilon),
    ("epsilon of the input's dtype", TWIN, "torch.finfo(wide.dtype)", "torch.finfo(x.dtype)", twin_epsilon),
    ("divided by the mean square", NUMPY, ROOT, "1 / (mean_square + (0 if eps is None else eps))", torchs),
    ("divided by the mean square", TWIN, TWIN_ROOT, "1 / (mean_square + (0 if eps is None else eps))", twin_torchs),
    ("mean removed: layer norm", NUMPY, "wide, axes = as_statistics_dtype(x), tuple(range(-len(shape), 0))", "wide, axes = as_statistics_dtype(x), tuple(range(-len(shape), 0)); wide = wide - wide.mean(axes, keepdims=True)", shift),
    ("mean removed: layer norm", TWIN, "wide = as_statistics_dtype(x)", "wide = as_statistics_dtype(x); wide = wide - wide.mean(-1, keepdim=True)", twin_shift),
    ("variance for the mean square", NUMPY, "np.square(wide).mean(", "wide.var(", torchs),
    ("variance for the mean square", TWIN, "first.square().mean(-1)", "first.var(-1, correction=0)", twin_torchs),
    ("sum for the mean", NUMPY, "np.square(wide).mean(", "np.square(wide).sum(", torchs),
    ("sum for the mean", TWIN, "first.square().mean(-1)", "first.square().sum(-1)", twin_torchs),
    ("mean of absolute values", NUMPY, SQUARES, "np.abs(wide)", torchs),
    ("root detached", TWIN, "first.square().mean(-1)", "first.detach().square().mean(-1)", twin_slope),
    ("gradient without the x_hat term", NUMPY, "(g - np.where(measured, x_hat * along_x_hat, 0))", "g", slope),
    ("sign of the x_hat term", NUMPY, "(g - np.where", "(g + np.where", slope),
    ("features that were not measured move the root", NUMPY, "np.where(measured, x_hat * along_x_hat, 0)", "x_hat * along_x_hat", slope),
    ("projection averaged over all features", NUMPY, "/ measured.sum()", "/ measured.size", orthogonal),
    ("gradient with a mean term", NUMPY, "(g - np.where", "(g - g.mean(-1, keepdims=True) - np.where", torchs),
    ("gradient not divided by the root", NUMPY, "dx = inv_rms * ", "dx = ", torchs),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * weight", "wide_dy", torchs),
    ("weight gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum(batch)", "wide_dy.sum(batch)", torchs),
    ("weight gradient averaged", NUMPY, "(wide_dy * x_hat).sum(batch)", "(wide_dy * x_hat).mean(batch)", torchs),
    ("batch for features", NUMPY, "tuple(range(-len(shape), 0))\n", "(0,)\n", torchs),
    ("last features measured", NUMPY, "np.arange(math.prod(shape)).reshape(shape) <", "np.arange(math.prod(shape))[::-1].reshape(shape) <", first),
    ("last features measured", TWIN, "[..., :measured]", "[..., -measured:]", twin_first),
    ("share ignored", NUMPY, ", where=measured", "", first),
    ("share ignored", TWIN, "[..., :measured]", "", twin_first),
    ("share rounded down", NUMPY, "math.ceil(features", "math.floor(features", claims.test_share_of_features_is_rounded_up_but_not_by_rounding),
    ("share rounded up by rounding", NUMPY, " * (1 - 1e-12)", "", claims.test_share_of_features_is_rounded_up_but_not_by_rounding),
    ("weight ignored", NUMPY, WEIGHT, "x_hat", torchs),
    ("weight ignored", TWIN, "y = y * weight", "y = y + 0 * weight", twin_torchs),
    ("broadcast that fits squares", NUMPY, WEIGHT, WEIGHT + "[:, None]", torchs),
    ("broadcast that fits squares", TWIN, "y = y * weight", "y = y * weight[:, None]", twin_torchs),
    ("squares in half precision", NUMPY_MOMENTS, "np.promote_types(x.dtype, np.float32)", "x.dtype", half),
    ("squares in half precision", TWIN_MOMENTS, "torch.promote_types(x.dtype, torch.float32)", "x.dtype", twin_half),
    ("result left in float32", NUMPY, "return y.astype(x.dtype)", "return y", dtypes),
    ("result left in float32", TWIN, "return y.to(x.dtype)", "return y", twin_dtypes),
    ("argument changed in place", NUMPY, "x_hat = wide * inv_rms", "x_hat = np.multiply(wide, inv_rms, out=wide)", kept),
    ("argument changed in place", TWIN, "y = wide * torch", "y = wide.mul_(1) * 2; y = wide.copy_(wide * 2) * torch", twin_kept),
    ("integers truncated", NUMPY_MOMENTS, "if not np.issubdtype(x.dtype, np.floating)", "if False", partial(told, "integers")),
    ("share of percent accepted", NUMPY, "not 0 < p <= 1", "not 0 < p", partial(told, "percent")),
    ("gain at random", TWIN, "torch.ones(self.normalized_shape", "torch.rand(self.normalized_shape", fresh),
    ("eps of the module not used", TWIN, "return rms_norm(x, self.normalized_shape, self.weight, self.eps)", "return rms_norm(x, self.normalized_shape, self.weight)", other_eps),
    ("share of the module not used", TWIN, "self.normalized_shape, self.p, self.weight", "self.normalized_shape, 1.0, self.weight", claims.test_partial_module_measures_its_share),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
