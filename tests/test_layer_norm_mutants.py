"""Each error that people make in layer norm, planted: the claim that is about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import test_layer_errors as error_claims
import test_layer_norm as layer_claims
import test_layer_norm_modules as module_claims
import test_moments as moment_claims
from moment_errors import in_moments
from mutants import assert_seen, planted
from outcomes import numpy_layer_norm, twin_layer_norm

NUMPY, NUMPY_MOMENTS = "numpy_layers.layer_norm", "numpy_layers.moments"
TWIN, TWIN_MOMENTS = "torch_layers.layer_norm", "torch_layers.moments"
SHAPES = "numpy_layers.shapes"  # of both
SQUARE = layer_claims.SQUARE


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return (partial(claim, numpy_layer_norm, *args), partial(claim, twin_layer_norm, *args))


output, twin_output = of_both(layer_claims.test_output_is_torchs, SQUARE, True)
gradients, _ = of_both(layer_claims.test_gradients_are_autograds, SQUARE, True)
slope, twin_slope = of_both(layer_claims.test_gradients_predict_the_slope, SQUARE)
constant, twin_constant = of_both(layer_claims.test_constant_example_becomes_its_bias)
kept, twin_kept = of_both(layer_claims.test_arguments_keep_their_values)
integers, twin_integers = of_both(layer_claims.test_integers_are_refused)
half, twin_half = of_both(layer_claims.test_half_precision_rounds_only_the_result)
apart, twin_apart = of_both(layer_claims.test_examples_do_not_see_each_other)
dtypes, twin_dtypes = of_both(layer_claims.test_everything_has_the_dtype_of_the_input)
far = partial(moment_claims.test_float32_output_is_accurate_at_every_mean, "layer_norm", 1e4)
twin_far = partial(far.func, "twin_layer_norm", 1e4)
far_weight = partial(
    moment_claims.test_float32_weight_gradient_is_accurate_at_every_mean, "layer_norm", 1e6
)
fresh = partial(module_claims.test_fresh_state_is_torchs, (4, 3), "defaults")
no_bias = partial(module_claims.test_fresh_state_is_torchs, (4, 3), "no bias")
other_eps = partial(module_claims.test_output_and_gradients_are_torchs, (4, 3), "other eps", True)
one_weight = "one weight for all features"
told = partial(error_claims.test_wrong_call_is_told_what_to_do, error_claims.call_numpy, one_weight)
twin_told = partial(told.func, error_claims.call_twin, one_weight)

CREATE = "self._create_affine(self.normalized_shape, *wanted, device, dtype)"
WEIGHT, BIAS = "x_hat if weight is None else x_hat * weight", "y = y + bias"
AFFINE = "affine_per_feature(x_hat, weight, bias)"
AXES, TWIN_AXES = "tuple(range(x.ndim - len(shape), x.ndim))", "tuple(range(-len(shape), 0))"
DX = "(g - along_ones - along_x_hat)"

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    *in_moments((output, twin_output), (constant, twin_constant), twin_slope, (far, twin_far), (half, twin_half), (kept, twin_kept)),
    ("gradient without the mean term", NUMPY, DX, "(g - along_x_hat)", gradients),
    ("gradient without the x_hat term", NUMPY, DX, "(g - along_ones)", gradients),
    ("sign of the mean term", NUMPY, DX, "(g + along_ones - along_x_hat)", slope),
    ("sign of the x_hat term", NUMPY, DX, "(g - along_ones + along_x_hat)", slope),
    ("gradient not divided by the spread", NUMPY, "dx = inv_std * ", "dx = ", gradients),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * weight", "wide_dy", gradients),
    ("weight gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum(batch)", "wide_dy.sum(batch)", gradients),
    ("weight gradient averaged", NUMPY, "(wide_dy * x_hat).sum(batch)", "(wide_dy * x_hat).mean(batch)", gradients),
    ("sign of the bias gradient", NUMPY, "else wide_dy.sum(batch)", "else -wide_dy.sum(batch)", gradients),
    ("batch norm's axes", NUMPY, AXES, "(0,)", apart),
    ("batch norm's axes", TWIN, TWIN_AXES, "(0,)", twin_apart),
    ("everything but the batch", NUMPY, AXES, "tuple(range(1, x.ndim))", output),
    ("everything but the batch", TWIN, TWIN_AXES, "tuple(range(1, x.ndim))", twin_output),
    ("channels last", NUMPY, AXES, "(1,)", output),
    ("channels last", TWIN, TWIN_AXES, "(1,)", twin_output),
    ("weight ignored", NUMPY, WEIGHT, "x_hat", output),
    ("weight ignored", TWIN, AFFINE, AFFINE.replace("weight", "None"), twin_output),
    ("bias ignored", NUMPY, BIAS, "pass", output),
    ("bias ignored", TWIN, AFFINE, AFFINE.replace("bias", "None"), twin_output),
    ("broadcast that fits squares", NUMPY, WEIGHT, WEIGHT + "[:, None]", output),
    ("broadcast that fits squares", TWIN, AFFINE, AFFINE.replace("weight", "weight[:, None]"), twin_output),
    ("gradient that fits squares", NUMPY, "g.mean(axes, keepdims=True)", "g.mean(axes)", gradients),
    ("mean not corrected", NUMPY_MOMENTS, "    centered -= correction\n", "", far_weight),
    ("result left in float32", NUMPY, "return y.astype(x.dtype)", "return y", dtypes),
    ("result left in float32", TWIN, AFFINE + ".to(x.dtype)", AFFINE, twin_dtypes),
    ("integers truncated", NUMPY_MOMENTS, "if not np.issubdtype(x.dtype, np.floating)", "if False", integers),
    ("integers truncated", TWIN_MOMENTS, "if not x.is_floating_point()", "if False", twin_integers),
    ("gain at random", TWIN, CREATE, CREATE + "; torch.nn.init.uniform_(self.weight)", fresh),
    ("bias kept although refused", TWIN, "elementwise_affine and bias", "elementwise_affine", no_bias),
    ("eps of the module not used", TWIN, "self.weight, self.bias, self.eps)", "self.weight, self.bias)", other_eps),
    ("shape of the weight not checked", SHAPES, "tuple(value.shape) != normalized_shape", "False", told),
    ("shape of the weight not checked", SHAPES, "tuple(value.shape) != normalized_shape", "False", twin_told),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
