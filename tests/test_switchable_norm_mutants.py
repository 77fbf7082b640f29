"""Each error that people make in switchable norm, planted: the claim about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import test_switchable_norm as claims
from mutants import assert_seen, planted
from test_switchable_norm import SQUARE, numpy_layer, twin_layer

N, T = "numpy_layers.switchable_norm", "torch_layers.switchable_norm"


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return (partial(claim, numpy_layer, *args), partial(claim, twin_layer, *args))


output, twin_output = of_both(claims.test_output_is_the_formula, SQUARE)
gradients = partial(claims.test_gradients_are_autograds, SQUARE, True, ())
served_gradients = partial(claims.test_gradients_are_autograds, SQUARE, False, ())
slope, twin_slope = of_both(claims.test_gradients_predict_the_slope, SQUARE, True)
memory, twin_memory = of_both(claims.test_third_share_is_batch_norm_and_its_memory, SQUARE, True)
served, twin_served = of_both(claims.test_third_share_is_batch_norm_and_its_memory, SQUARE, False)
far, twin_far = of_both(claims.test_float32_is_accurate_at_every_mean, 1e6, False)
dtypes = partial(
    claims.test_everything_has_the_dtype_of_the_input, numpy_layer, True, claims.np.float16
)
kept = partial(claims.test_arguments_keep_their_values, numpy_layer, False)
FOLD = "running += momentum * (new.reshape(-1) - running)"
BATCH = "numpy_layers.batch_norm"  # its memory too

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("batch and layer exchanged", N, "((2, 3), (1, 2, 3), (0, 2, 3))", "((2, 3), (0, 2, 3), (1, 2, 3))", output),
    ("instance over channels", N, "((2, 3), (1,", "((1, 2), (1,", output),
    ("one softmax for both", N, "(mean_weight, var_weight))\n    inv_std", "(mean_weight, mean_weight))\n    inv_std", output),
    ("one softmax for both", T, "for logits in (mean_weight, var_weight)", "for logits in (var_weight, var_weight)", twin_output),
    ("logits used as shares", T, "as_statistics_dtype(logits).softmax(0)", "as_statistics_dtype(logits)", twin_output),
    ("shares that do not sum to 1", N, "return shares / shares.sum()", "return shares", output),
    ("eps outside the root", N, "strict=True)) + eps)", "strict=True))) + eps", output),
    ("eps missing", T, "torch.rsqrt(total + eps)", "torch.rsqrt(total)", twin_output),
    ("divided by the variance", T, "torch.rsqrt(total + eps)", "1 / (total + eps)", twin_output),
    ("biased running variance", N, "stats[2].var * _bessel(x)", "stats[2].var", memory),
    ("biased running variance", T, "stats[2].var * (m / (m - 1))", "stats[2].var", twin_memory),
    ("layer's mean remembered", N, "(running_mean, stats[2].mean", "(running_mean, stats[0].mean.mean(0) * 0", memory),
    ("momentum of the other convention", BATCH, FOLD, FOLD.replace("momentum", "(1 - momentum)"), memory),
    ("memory replaced instead of written", BATCH, FOLD, FOLD.replace("running +=", "running = running +"), memory),
    ("batch statistics in evaluation", T, "centered.append(as_statistics_dtype(x) - per_channel(running_mean, x))", "centered.append(moments(x, SCOPES[2]).centered)", twin_served),
    ("deviation in place of the variance", N, "as_statistics_dtype(per_channel(running_var, x))", "np.sqrt(per_channel(running_var, x))", served),
    ("gradient without the means", N, "(from_mean + 2", "(2", gradients),
    ("gradient without the variances", N, "from_mean + 2 * from_var * centered[k]", "from_mean", gradients),
    ("factor 2 of the variance", N, "2 * from_var", "from_var", slope),
    ("sign of the mean's gradient", N, "dmean = -into", "dmean = into", slope),
    ("shares left out of the gradient", N, "from_var = var_share[k] * dvar", "from_var = dvar", gradients),
    ("training's gradient in evaluation", N, "enumerate(SCOPES if training else SCOPES[:2])", "enumerate(SCOPES)", served_gradients),
    ("softmax's gradient without its mean", N, "shares * (g - (shares * g).sum())", "shares * g", gradients),
    ("weight left out of the gradient", N, "wide_dy * per_channel(weight, dy)", "wide_dy", gradients),
    ("weight gradient without x_hat", N, "(wide_dy * x_hat).sum(batch)", "wide_dy.sum(batch)", gradients),
    ("large means computed with", N, "x_hat = inv_std * sum(p * part for p, part in zip(mean_share, centered, strict=True))", "x_hat = inv_std * (x - sum(p * part.mean for p, part in zip(mean_share, stats, strict=True)))", far),
    ("result left in float32", N, "return y.astype(x.dtype)", "return y", dtypes),
    ("argument changed in place", N, "as_statistics_dtype(x) - per_channel(running_mean, x)", "np.subtract(x, per_channel(running_mean, x), out=x)", kept),
    ("weight ignored", T, "(x_hat, weight, bias)", "(x_hat, None, bias)", twin_output),
    ("bias ignored", N, "(x_hat, weight, bias)", "(x_hat, weight, None)", output),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
