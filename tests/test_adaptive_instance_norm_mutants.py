"""What the style norms say to a wrong call, and each error in them, planted and seen."""

# ruff: noqa: E501 (one call, one error a line: tables)

from functools import partial

import numpy as np
import pytest
import test_adaptive_instance_norm as claims
import torch
from moment_errors import ROOT, TWIN_VAR, VAR
from mutants import assert_seen, planted
from wrong_calls import assert_told, zeros

NUMPY, NUMPY_MOMENTS = "numpy_layers.adaptive_instance_norm", "numpy_layers.moments"
TWIN, TWIN_MOMENTS = "torch_layers.adaptive_instance_norm", "torch_layers.moments"
twin = claims.twin


def table(style, *, x=(2, 3, 4), weight=(5, 3), bias=(5, 3)):
    """Return the arguments of a call to `conditional_instance_norm`."""
    return [zeros(*x), np.asarray(style), zeros(*weight), zeros(*bias)]


WRONG_CALLS = {
    "style of other channels": ("adaptive", [zeros(2, 3, 4), zeros(2, 5, 4)], ValueError, ["(n, c, *t)", "got (2, 3, 4) and (2, 5, 4)", "broadcast along n"]),
    "one style for all": ("adaptive", [zeros(2, 3, 4), zeros(1, 3, 4)], ValueError, ["(n, c, *t)", "got (2, 3, 4) and (1, 3, 4)", "broadcast along n"]),
    "style of another rank": ("adaptive", [zeros(2, 3, 4), zeros(2, 3, 4, 4)], ValueError, ["(n, c, *t)", "and (2, 3, 4, 4)"]),
    "no positions": ("adaptive", [zeros(2, 3), zeros(2, 3)], ValueError, ["(n, c, *s)", "got (2, 3)"]),
    "content of one position": ("adaptive", [zeros(2, 3, 1), zeros(2, 3, 4)], ValueError, ["more than one position", "got x of shape (2, 3, 1)"]),
    "style of one position": ("adaptive", [zeros(2, 3, 4), zeros(2, 3, 1)], ValueError, ["more than one position", "got style of shape (2, 3, 1)"]),
    "style of no position": ("adaptive", [zeros(2, 3, 4), zeros(2, 3, 0)], ValueError, ["at least one value", "got shape (2, 3, 0)"]),
    "integers": ("adaptive", [zeros(2, 3, 4, dtype=np.int64), zeros(2, 3, 4)], TypeError, ["floating-point", "int64", "convert it"]),
    "style of integers": ("adaptive", [zeros(2, 3, 4), zeros(2, 3, 4, dtype=np.int64)], TypeError, ["floating-point", "int64", "convert it"]),
    "style by halves": ("conditional", table([0.0, 0.5]), TypeError, ["to hold integers", "float64", "row of weight"]),
    "fewer styles than examples": ("conditional", table([0]), ValueError, ["style (n,)", "got (2, 3, 4), (1,)", "one style an example"]),
    "rows of other channels": ("conditional", table([0, 1], weight=(5, 2), bias=(5, 2)), ValueError, ["(k, c)", "(5, 2) and (5, 2)", "one row a style"]),
    "bias of fewer styles": ("conditional", table([0, 1], bias=(4, 3)), ValueError, ["(k, c)", "(5, 3) and (4, 3)", "one row a style"]),
    "rows without a table": ("conditional", table([0, 1], weight=(3,), bias=(3,)), ValueError, ["(k, c)", "(3,) and (3,)", "one row a style"]),
    "table without positions": ("conditional", table([0, 1], x=(2, 3)), ValueError, ["x (n, c, *s)", "got (2, 3)"]),
    "table of one position": ("conditional", table([0, 1], x=(2, 3, 1)), ValueError, ["more than one position", "(2, 3, 1)", "variance of one value"]),
}  # fmt: skip


@pytest.mark.parametrize("layer", [claims.ours, twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(layer, wrong):
    name, *call = WRONG_CALLS[wrong]
    assert_told(getattr(layer, f"{name}_instance_norm"), *call)


@pytest.mark.parametrize("style", [[0, 5], [-1, 0]])
def test_style_that_does_not_exist_is_refused(style):
    with pytest.raises(ValueError, match=r"^expected styles from 0 to 4, got .+; each style is"):
        claims.ours.conditional_instance_norm(*table(style))


@pytest.mark.parametrize("style", [[0, 5], [-1, 0]])
def test_style_that_does_not_exist_is_torchs_index_error(style):
    # Without a look at the numbers, which would wait for the GPU and break torch.compile.
    with pytest.raises(IndexError, match="index out of range"):
        twin.conditional_instance_norm(*map(torch.from_numpy, table(style)))


@pytest.mark.parametrize("name", ["AdaptiveInstanceNorm2d", "ConditionalInstanceNorm2d"])
def test_module_takes_images_alone(name):
    module = twin.AdaptiveInstanceNorm2d() if "Ad" in name else twin.ConditionalInstanceNorm2d(3, 5)
    with pytest.raises(
        ValueError, match=rf"^{name} expected .+\(n, c, h, w\), got \(3, 4, 4\); add"
    ):
        module(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4))


def test_table_starts_at_one_and_zero():
    state = dict(twin.ConditionalInstanceNorm2d(3, 5).state_dict())
    torch.testing.assert_close(state, {"weight": torch.ones(5, 3), "bias": torch.zeros(5, 3)})


def test_reset_returns_the_table_to_one_and_zero():
    module = twin.ConditionalInstanceNorm2d(3, 5)
    for parameter in module.parameters():
        torch.nn.init.constant_(parameter, 7.0)
    module.reset_parameters()
    torch.testing.assert_close([*module.parameters()], [torch.ones(5, 3), torch.zeros(5, 3)])


def test_modules_show_their_arguments():
    modules = [twin.AdaptiveInstanceNorm2d(), twin.ConditionalInstanceNorm2d(3, 5)]
    assert [*map(repr, modules)] == [
        "AdaptiveInstanceNorm2d(eps=1e-05)",
        "ConditionalInstanceNorm2d(3, num_styles=5, eps=1e-05)",
    ]


def of_all(claim, *args):
    """Fill in the layer: adaptive and its twin, conditional and its twin."""
    runs = (claims.numpy_run, claims.twin_run, claims.numpy_conditional, claims.twin_conditional)
    return [partial(claim, run, *args) for run in runs]


output, twin_output, table_output, twin_table_output = of_all(
    claims.test_output_and_gradients_are_torchs, claims.SHAPES[1]
)
square, twin_square, table_square, twin_table_square = of_all(
    claims.test_output_and_gradients_are_torchs, claims.SQUARE
)
slope, twin_slope, table_slope, twin_table_slope = of_all(
    claims.test_gradients_predict_the_slope, claims.SHAPES[1]
)
half, twin_half, table_half, twin_table_half = of_all(
    claims.test_half_precision_rounds_only_the_result
)
far, twin_far, table_far, twin_table_far = of_all(
    claims.test_float32_is_accurate_at_every_mean, 1e4, "channels last"
)
dtypes, twin_dtypes, table_dtypes, twin_table_dtypes = of_all(
    claims.test_everything_has_the_dtype_of_the_input, np.float16
)
kept = partial(claims.test_arguments_keep_their_values, np.asarray)
twin_kept = partial(claims.test_arguments_keep_their_values, torch.from_numpy)
module = partial(claims.test_module_and_its_copies_compute_the_function, "adaptive", lambda m: m)
table_module = partial(module.func, "conditional", lambda m: m)
told = partial(test_wrong_call_is_told_what_to_do, claims.ours)

CREATE = "self._create_affine((num_styles, num_features), True, True, device, dtype)"
DX = "(g - along_ones - along_x_hat)"
GAIN, TWIN_GAIN = "of_each(weight[style], x)", "x_hat * of_each(scale, x)"

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("unbiased variance", NUMPY_MOMENTS, VAR, "centered.var(axes, ddof=1, keepdims=True)", output),
    ("unbiased variance", TWIN_MOMENTS, TWIN_VAR, "centered.var(axes, keepdim=True)", twin_output),
    ("eps outside the root", NUMPY_MOMENTS, ROOT, "1 / (np.sqrt(var) + eps)", table_output),
    ("style's eps missing", TWIN, "torch.sqrt(stats.var + eps)", "torch.sqrt(stats.var)", twin_output),
    ("variance for the deviation", TWIN, "torch.sqrt(stats.var + eps)", "(stats.var + eps)", twin_output),
    ("divided by the style's deviation", NUMPY, "y = x_hat / style_inv_std + mean", "y = x_hat * style_inv_std + mean", output),
    ("style's mean ignored", NUMPY, "y = x_hat / style_inv_std + mean", "y = x_hat / style_inv_std", output),
    ("style's mean ignored", TWIN, "+ stats.mean)", "+ 0)", twin_output),
    ("content and style exchanged", NUMPY, "require_style(x, style)\n", "x, style = style, x\n", square),
    ("content and style exchanged", TWIN, "require_style(x, style)\n", "x, style = style, x\n", twin_square),
    ("style detached", TWIN, "standardize(style, positions, eps)\n", "standardize(style.detach() + 0 * style, positions, eps)\n", twin_slope),
    ("gradient without the mean term", NUMPY_MOMENTS, DX, "(g - along_x_hat)", slope),
    ("gradient without the x_hat term", NUMPY_MOMENTS, DX, "(g - along_ones)", table_slope),
    ("style's deviation left out of the gradient", NUMPY, "wide_dy / style_inv_std", "wide_dy", slope),
    ("style's gradient without the mean", NUMPY, "(dmean + dstd * style_hat)", "(dstd * style_hat)", slope),
    ("style's gradient without the deviation", NUMPY, "(dmean + dstd * style_hat)", "(dmean + 0 * style_hat)", slope),
    ("content's size for the style's", NUMPY, "math.prod(style_hat.shape[2:])", "math.prod(dy.shape[2:])", slope),
    ("batch in the statistics", NUMPY, "x_hat, inv_std, _, _ = standardize(x, positions, eps)", "x_hat, inv_std, _, _ = standardize(x, (0, *positions), eps)", output),
    ("batch in the statistics", TWIN, "x_hat, _ = standardize(x, positions, eps)", "x_hat, _ = standardize(x, (0, *positions), eps)", twin_output),
    ("style's row for the channel", NUMPY, GAIN, "weight[style].T.reshape(4, -1, 1)", table_square),
    ("style ignored", NUMPY, GAIN, "of_each(weight[:len(x)], x)", table_output),
    ("weight ignored", TWIN, TWIN_GAIN, "x_hat + 0 * of_each(scale, x)", twin_table_output),
    ("bias ignored", TWIN, "+ of_each(shift, x)", "+ 0 * of_each(shift, x)", twin_table_output),
    ("broadcast that fits squares", TWIN, TWIN_GAIN, "x_hat * scale", twin_table_square),
    ("weight left out of the gradient", NUMPY, "wide_dy * of_each(weight[style], dy)", "wide_dy", table_slope),
    ("weight gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum(positions))", "wide_dy.sum(positions))", table_slope),
    ("one example of each style counts", NUMPY, "np.add.at(dweight, style, (wide_dy * x_hat).sum(positions))", "dweight[style] += (wide_dy * x_hat).sum(positions)", table_slope),
    ("negative style wraps", NUMPY, "not 0 <= style.min() <= style.max()", "not style.max()", partial(test_style_that_does_not_exist_is_refused, [-1, 0])),
    ("negative style wraps", TWIN, "weight.index_select(0, style), bias.index_select(0, style)", "weight[style], bias[style]", partial(test_style_that_does_not_exist_is_torchs_index_error, [-1, 0])),
    ("E[x^2] - E[x]^2", NUMPY_MOMENTS, VAR, "np.square(x).mean(axes, keepdims=True) - rough_mean**2", table_far),
    ("E[x^2] - E[x]^2", TWIN_MOMENTS, TWIN_VAR, "x.square().mean(axes, keepdim=True) - rough_mean**2", twin_table_far),
    ("statistics in half precision", NUMPY_MOMENTS, "np.promote_types(x.dtype, np.float32)", "x.dtype", half),
    ("statistics in half precision", TWIN_MOMENTS, "torch.promote_types(x.dtype, torch.float32)", "x.dtype", twin_half),
    ("result left in float32", NUMPY, "return y.astype(x.dtype), cache", "return y, cache", dtypes),
    ("result left in float32", TWIN, "+ stats.mean).to(x.dtype)", "+ stats.mean)", twin_dtypes),
    ("argument changed in place", NUMPY_MOMENTS, "centered = x - rough_mean", "centered = np.subtract(x, rough_mean, out=x)", kept),
    ("argument changed in place", TWIN_MOMENTS, "shifted = x - rough_mean", "shifted = x.detach().sub_(rough_mean)", twin_kept),
    ("one position accepted", "numpy_layers.instance_norm", "if math.prod(x.shape[2:]) == 1", "if False", partial(told, "style of one position")),
    ("gain at random", TWIN, CREATE, CREATE + "; nn.init.uniform_(self.weight)", test_table_starts_at_one_and_zero),
    ("eps of the module not used", TWIN, "(x, style, self.eps)", "(x, style)", module),
    ("eps of the module not used", TWIN, "self.bias, self.eps)", "self.bias)", table_module),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
