"""Each error that people make in filter response norm, planted: a claim about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import test_filter_response_norm as claims
from mutants import assert_seen, planted
from test_filter_response_norm import IMAGES, numpy_layer, twin_layer

N, T = "numpy_layers.filter_response_norm", "torch_layers.filter_response_norm"
output, twin_output = (
    partial(claims.test_output_is_the_formula, f, IMAGES) for f in (numpy_layer, twin_layer)
)
gradients = partial(claims.test_gradients_are_autograds, IMAGES, ())
half = partial(claims.test_half_precision_squares_do_not_overflow, numpy_layer)
# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("mean removed", N, "np.square(wide).mean(axes, keepdims=True)", "wide.var(axes, keepdims=True)", output),
    ("mean removed", T, "wide.square().mean(axes, keepdim=True)", "wide.var(axes, correction=0, keepdim=True)", twin_output),
    ("norm in place of root mean square", N, "np.square(wide).mean(", "np.square(wide).sum(", output),
    ("batch norm's axes", T, "tuple(range(2, x.ndim))", "(0, *range(2, x.ndim))", twin_output),
    ("layer norm's axes", N, "as_statistics_dtype(x), tuple(range(2", "as_statistics_dtype(x), tuple(range(1", output),
    ("eps outside the root", N, "keepdims=True) + floor)", "keepdims=True)) + floor", output),
    ("eps missing", T, "keepdim=True) + floor)", "keepdim=True))", twin_output),
    ("sign of the learned eps kept", N, "np.abs(per_channel(learned_eps, x))", "per_channel(learned_eps, x)", output),
    ("sign of the learned eps left out of its gradient", N, "(-sign / 2)", "(-1 / 2)", gradients),
    ("threshold ignored", T, "torch.maximum(y, per_channel(tau, x))", "y", twin_output),
    ("ReLU in place of the threshold", N, "np.maximum(y, threshold)", "np.maximum(y, 0)", output),
    ("threshold's gradient left out", N, "wide_dy - through, tau", "0 * through, tau", gradients),
    ("gradient through what was cut off", N, "through = wide_dy * passed", "through = wide_dy", gradients),
    ("gradient without the x_hat term", N, "(g - x_hat * (g * x_hat)", "(g - 0 * (g * x_hat)", gradients),
    ("gradient with a mean term", N, "inv_rms * (g - ", "inv_rms * (g - g.mean(positions, keepdims=True) - ", gradients),
    ("weight left out of the gradient", N, "through * per_channel(weight, dy)", "through", gradients),
    ("weight gradient without x_hat", N, "summed(through * x_hat, weight)", "summed(through, weight)", gradients),
    ("squares in half precision", N, "wide, axes = as_statistics_dtype(x)", "wide, axes = x", half),
    ("argument changed in place", N, "np.square(wide)", "np.square(wide, out=wide)", partial(claims.test_arguments_keep_their_values, numpy_layer)),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
