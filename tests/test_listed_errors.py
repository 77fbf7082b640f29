"""The list's errors where a norm's own tests leave them out: each is seen by a claim about it."""

# ruff: noqa: E501 (one error a line: a table)

import math
from functools import partial

import every_norm
import numpy as np
import pytest
import test_adaptive_gradient_clipping as clipping
import test_data_scaling as scaling
import test_filter_response_norm as filters
import test_query_key_norm as heads
import test_spectral_norm_modules as spectral
import test_unit_norm as unit
import test_weight_norm as weight_norm
import test_whitening as whitening
from every_norm import ARGUMENTS
from moment_errors import ROOT, VAR
from mutants import assert_seen, planted

from course_lib import numpy_layers

MODULES_ALONE = {"spectral_norm", "weight_norm"}  # their twins are no functions
every = pytest.mark.parametrize("name", ARGUMENTS)


@pytest.mark.parametrize("name", sorted(ARGUMENTS.keys() - MODULES_ALONE))
def test_output_and_input_gradient_are_the_twins(name):
    every_norm.assert_twins_agree(name)


@every
def test_float32_is_accurate_far_from_zero(name):
    every_norm.assert_float32_is_accurate(name)


@every
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_half_precision_rounds_the_result_alone(name, offset):
    every_norm.assert_half_precision_rounds_the_result(name, offset)


@every
@pytest.mark.parametrize("value", [3.0, 0.0])
def test_constant_input_gives_no_nan(name, value):
    if value or name not in MODULES_ALONE:  # zeros have no direction
        every_norm.assert_constant_is_no_nan(name, value)


@every
def test_arguments_keep_their_values(name):
    every_norm.assert_arguments_stay(name)


@every
def test_integers_are_refused(name):
    every_norm.assert_integers_are_refused(name)


twins, far, half, constant, kept, integers = (
    test_output_and_input_gradient_are_the_twins,
    test_float32_is_accurate_far_from_zero,
    partial(test_half_precision_rounds_the_result_alone, offset=300.0),
    partial(test_constant_input_gives_no_nan, value=3.0),
    test_arguments_keep_their_values,
    test_integers_are_refused,
)
zeros = partial(test_constant_input_gives_no_nan, value=0.0)
OF_A_NAME = (twins, constant, kept, zeros)

# What norms share: (name, module, right, wrong, claim), and the norms whose own tables have none.
MOMENTS = "numpy_layers.moments"
DX, WIDE = "(g - along_ones - along_x_hat)", "np.promote_types(x.dtype, np.float32)"
FLOATS = "if not np.issubdtype(x.dtype, np.floating)"
ON_MOMENTS = ["batch_renorm", "deep_norm", "ghost_batch_norm", "weight_standardization"]
SHARED = [
    (("unbiased variance", MOMENTS, VAR, "centered.var(axes, ddof=1, keepdims=True)", twins), [*ON_MOMENTS, "switchable_norm"]),
    (("eps outside the root", MOMENTS, ROOT, "1 / (np.sqrt(var) + eps)", twins), ON_MOMENTS),
    (("eps missing", MOMENTS, ROOT, "1 / np.sqrt(var)", twins), ON_MOMENTS),
    (("constant group gives NaN", MOMENTS, ROOT, "1 / np.sqrt(var)", constant), [*(n for n in ON_MOMENTS if n != "deep_norm"), "adaptive_instance_norm"]),
    (("divided by the variance", MOMENTS, ROOT, "1 / (var + eps)", twins), [*ON_MOMENTS, "adaptive_instance_norm"]),
    (("gradient without the mean term", MOMENTS, DX, "(g - along_x_hat)", twins), [n for n in ON_MOMENTS if n != "deep_norm"]),
    (("gradient without the x_hat term", MOMENTS, DX, "(g - along_ones)", twins), [n for n in ON_MOMENTS if n != "deep_norm"]),
    (("statistics detached", "torch_layers.moments", "keepdim=True)\n    return", "keepdim=True).detach()\n    return", twins), [*ON_MOMENTS, "switchable_norm"]),
    (("E[x^2] - E[x]^2", MOMENTS, VAR, "np.square(x).mean(axes, keepdims=True) - rough_mean**2", far), ["ghost_batch_norm", "weight_standardization", "switchable_norm"]),
    (("statistics in half precision", MOMENTS, WIDE, "x.dtype", half), ["deep_norm", "ghost_batch_norm", "switchable_norm", "weight_standardization"]),
    (("integers truncated", MOMENTS, FLOATS, "if False", integers), sorted(ARGUMENTS.keys() - {"batch_norm", "group_norm", "layer_norm", "rms_norm", "scaled_weight_standardization"})),
    (("argument changed in place", MOMENTS, "centered = x - rough_mean", "centered = np.subtract(x, rough_mean, out=x)", kept), ["deep_norm", "ghost_batch_norm", "weight_standardization"]),
]  # fmt: skip


def of_rows(x, p=2.0):
    return numpy_layers.unit_norm(x, p)


weights, square_weights = (
    partial(weight_norm.test_weight_and_gradients_are_torchs, weight_norm.numpy_run, *case)
    for case in (((4, 2, 3, 3), 0), ((3, 3), 0))
)
scaled, whitened = (
    partial(module.test_data_keep_their_values, package, name)
    for module, package, name in (
        (scaling, scaling.arrays, "StandardScaler"),
        (whitening, whitening.arrays, "PCAWhitening"),
    )
)
SQUARES = "np.square(x).mean(axes, keepdims=True) - rough_mean**2"
ROWS = "as_statistics_dtype(x).astype(np.float64, copy=False)"
U = "self.register_buffer(name, normalize(start, dim=0, eps=eps)"
N, T = "numpy_layers.", "torch_layers."
# Of one norm alone: (module, name, right, wrong, claim).
OWN = [
    ("adaptive_gradient_clipping", "lengths in half precision", "as_statistics_dtype(values)", "values", partial(clipping.test_half_precision_measures_in_float32, clipping.numpy_clip)),
    ("moments", "integers truncated", FLOATS, "if False", partial(clipping.test_wrong_shape_and_integers_are_refused, clipping.numpy_clip)),
    ("layer_norm", "gradient without the mean term", "(g - along_ones - along_x_hat)", "(g - along_x_hat)", partial(twins, "deep_norm")),
    ("layer_norm", "gradient without the x_hat term", "(g - along_ones - along_x_hat)", "(g - along_ones)", partial(twins, "deep_norm")),
    ("layer_norm", "batch norm's axes", "tuple(range(x.ndim - len(shape), x.ndim))", "tuple(range(x.ndim - len(shape)))", partial(twins, "deep_norm")),
    ("moments", "E[x^2] - E[x]^2", VAR, SQUARES, partial(scaling.test_variance_is_exact_at_a_large_mean, scaling.arrays)),
    ("data_scaling", "columns of a row taken for its axis", "moments(filled, (0,))", "moments(filled, (1,))", partial(scaling.test_variance_is_exact_at_a_large_mean, scaling.arrays)),
    ("data_scaling", "argument changed in place", "(wide - center) / unit + shift", "np.subtract(wide, center, out=wide) / unit + shift", scaled),
    ("data_scaling", "statistics in half precision", ROWS, "x", partial(scaling.test_dtype_is_the_inputs_and_only_the_result_is_rounded, scaling.arrays, "StandardScaler", np.float16)),
    ("data_scaling", "lengths in half precision", ROWS, "x", partial(unit.test_dtype_is_the_inputs_and_only_the_result_is_rounded, of_rows, np.float16)),
    ("moments", "argument changed in place", "centered = x - rough_mean", "centered = np.subtract(x, rough_mean, out=x)", whitened),
    ("moments", "integers truncated", FLOATS, "if False", partial(whitening.test_integers_are_refused, whitening.arrays)),
    ("dynamic_tanh", "wrong axes of the bias", "(t, weight, bias)", "(t, weight, bias[:, None])", twins),
    (T + "filter_response_norm", "mean square detached", "wide.square()", "wide.detach().square()", twins),
    (T + "affine", "gain at random", '("weight", torch.ones, weight)', '("weight", torch.rand, weight)', filters.test_fresh_module_is_plain),
    (T + "local_response_norm", "mean square detached", "wide.square()", "wide.detach().square()", twins),
    (T + "query_key_norm", "gain at random", "math.log2(self.length**2 - self.length)", "float(torch.rand(()))", partial(heads.test_fresh_scale_is_the_papers, 10, math.log2(90))),
    (T + "spectral_norm", "memory missing from the state", U, U + ", persistent=False", partial(spectral.test_state_of_a_fresh_layer_is_torchs, "linear", True)),
    ("adaptive_gradient_clipping", "argument changed in place", "(as_statistics_dtype(gradient) * factor)", "np.multiply(gradient, factor, out=gradient)", partial(clipping.test_arguments_keep_their_values, clipping.numpy_clip)),
    ("adaptive_gradient_clipping", "eps missing", "np.maximum(_unit_length(weight), eps)", "_unit_length(weight)", partial(clipping.test_weights_of_zero_can_move_and_no_gradient_stays_none, clipping.numpy_clip)),
    ("batch_renorm", "batch axis alone in the gradient", "axes = (0, *range(2, dy.ndim))", "axes = (0,)", twins),
    ("deep_norm", "weight left out of the gradient", "layer_norm_backward(as_statistics_dtype(dy), norm)", "layer_norm_backward(as_statistics_dtype(dy), norm._replace(weight=norm.weight * 0 + 1))", twins),
    ("deep_norm", "weight ignored", "normalized_shape, weight, bias, eps)", "normalized_shape, None, bias, eps)", twins),
    ("dynamic_erf", "argument changed in place", "alpha.astype(wide.dtype).reshape(()) * wide", "np.multiply(wide, alpha, out=wide)", kept),
    ("dynamic_erf", "wrong axes of the bias", "(_erf(z), weight, bias)", "(_erf(z), weight, bias[:, None])", twins),
    ("dynamic_erf", "broadcast that fits squares", "(_erf(z), weight, bias)", "(_erf(z), weight[:, None], bias)", twins),
    ("dynamic_tanh", "argument changed in place", "alpha.astype(wide.dtype).reshape(()) * wide", "np.multiply(wide, alpha, out=wide)", kept),
    ("filter_response_norm", "divided by the mean square", "1 / np.sqrt(np.square", "1 / (np.square", twins),
    ("filter_response_norm", "eps missing: a silent channel gives NaN", "keepdims=True) + floor)", "keepdims=True))", zeros),
    ("layer_scale", "weight ignored", "(wide * weight)", "wide", twins),
    ("layer_scale", "argument changed in place", "(wide * weight)", "np.multiply(wide, weight, out=wide)", kept),
    ("local_response_norm", "wrong axis", "padded[:, before : before + c] = values", "padded[:, before : before + c] = values.swapaxes(1, 2)", twins),
    ("normalize", "eps missing: zeros give NaN", "np.maximum(norm, np.asarray(eps, wide.dtype))", "norm", zeros),
    ("normalize", "argument changed in place", "y = wide / size", "y = np.divide(wide, size, out=wide)", kept),
    ("query_key_norm", "argument changed in place", "queries = normalize(", "q *= 2; queries = normalize(", kept),
    ("query_key_norm", "eps missing: a query of zeros gives NaN", "queries = normalize(as_statistics_dtype(q), dim=-1, eps=eps)", "queries = normalize(as_statistics_dtype(q), dim=-1, eps=0.0)", zeros),
    ("re_zero", "factor ignored", "weight * as_statistics_dtype(g)", "as_statistics_dtype(g)", twins),
    ("re_zero", "argument changed in place", "as_statistics_dtype(x) + weight", "x.__imul__(2) / 2 + weight", kept),
    ("scale_norm", "eps missing: zeros give NaN", "np.sqrt(np.maximum(squares, eps**2))", "np.sqrt(squares)", zeros),
    ("spectral_norm", "argument changed in place", "y = as_statistics_dtype(w) / sigma", "y = np.divide(w, sigma, out=w)", kept),
    ("switchable_norm", "eps missing: a constant batch gives NaN", ", strict=True)) + eps)", ", strict=True)))", constant),
    ("unit_norm", "argument changed in place", "scaled = wide / np.where(largest == 0, 1.0, largest)", "wide /= np.where(largest == 0, 1.0, largest); scaled = wide", partial(unit.test_data_keep_their_values, of_rows)),
    ("unit_norm", "integers truncated", "wide = as_rows(x, None)", "wide = as_rows(np.asarray(x) + 0.0, None)", partial(unit.test_wrong_shape_and_integers_are_refused, of_rows)),
    ("weight_norm", "gradient without the x_hat term", "normalize_backward(wide_dw * g, direction).dx", "wide_dw * g / direction.size", weights),
    ("weight_norm", "argument changed in place", "return (g * unit)", "v *= 2; return (g * unit)", kept),
    ("weight_norm", "broadcast that fits squares", "return (g * unit)", "return (np.reshape(g, -1) * unit)", square_weights),
]  # fmt: skip


def of(where, claim):
    """Fill in the name of the norm, where the claim is about any."""
    return partial(claim, where.rsplit(".", 1)[-1]) if claim in OF_A_NAME else claim


@planted(
    [
        *(
            (name, where, right, wrong, partial(claim, norm))
            for (name, where, right, wrong, claim), norms in SHARED
            for norm in norms
        ),
        *(
            (name, where if "." in where else N + where, right, wrong, of(where, claim))
            for where, name, right, wrong, claim in OWN
        ),
    ]
)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
