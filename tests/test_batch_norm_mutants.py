"""Each error that people make in batch norm, planted: the claim that is about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import pytest
import test_batch_norm as layer_claims
import test_batch_norm_modules as module_claims
import test_layer_errors as error_claims
import test_moments as moment_claims
from moment_errors import ROOT, in_moments
from mutants import assert_seen, mutate, plant, planted
from outcomes import numpy_batch_norm, twin_batch_norm

from course_lib import numpy_layers

NUMPY, NUMPY_MOMENTS = "numpy_layers.batch_norm", "numpy_layers.moments"
TWIN, TWIN_MOMENTS = "torch_layers.batch_norm", "torch_layers.moments"
SHAPES = "numpy_layers.shapes"  # of both
SQUARE = layer_claims.SHAPES[2]


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return (partial(claim, numpy_batch_norm, *args), partial(claim, twin_batch_norm, *args))


def of_module(claim, options="defaults"):
    return partial(claim, "BatchNorm2d", options)


output, twin_output = of_both(layer_claims.test_output_is_torchs, SQUARE, True, True)
bare, twin_bare = of_both(layer_claims.test_training_needs_no_memory, SQUARE)
served, twin_served = of_both(layer_claims.test_output_is_torchs, SQUARE, False, True)
gradients, _ = of_both(layer_claims.test_gradients_are_autograds, SQUARE, True, True)
served_gradients, _ = of_both(layer_claims.test_gradients_are_autograds, SQUARE, False, True)
slope, twin_slope = of_both(layer_claims.test_gradients_predict_the_slope, SQUARE, True)
mean, twin_mean = of_both(layer_claims.test_running_mean_is_torchs, SQUARE, 0.3)
variance, twin_variance = of_both(layer_claims.test_running_variance_is_torchs, SQUARE, 0.3)
constant, twin_constant = of_both(layer_claims.test_constant_channel_becomes_its_bias)
kept, twin_kept = of_both(layer_claims.test_arguments_keep_their_values, True)
frozen, twin_frozen = of_both(layer_claims.test_evaluation_keeps_the_running_statistics)
one, twin_one = of_both(layer_claims.test_one_value_a_channel_is_refused_in_training)
integers, twin_integers = of_both(layer_claims.test_integers_are_refused, True)
half, twin_half = of_both(layer_claims.test_half_precision_rounds_only_the_result, True)
half_memory, _ = of_both(layer_claims.test_half_precision_running_variance_keeps_eps)
far = partial(moment_claims.test_float32_output_is_accurate_at_every_mean, "batch_norm", 1e4)
twin_far = partial(far.func, "twin_batch_norm", 1e4)
farther = partial(far.func, "batch_norm", 1e6)
twin_farther = partial(far.func, "twin_batch_norm", 1e6)
sequence = of_module(module_claims.test_training_then_evaluation_is_torchs)
state = of_module(module_claims.test_state_after_training_is_torchs)
cumulative = of_module(module_claims.test_state_after_training_is_torchs, "cumulative")
keys = of_module(module_claims.test_state_has_torchs_keys_shapes_and_dtypes)
fresh = of_module(module_claims.test_fresh_state_is_torchs)
idle = module_claims.test_evaluation_leaves_the_state
ungraphed = module_claims.test_running_statistics_have_no_graph
one_weight = "one weight for all channels"
told = partial(error_claims.test_wrong_call_is_told_what_to_do, error_claims.call_numpy, one_weight)
twin_told = partial(told.func, error_claims.call_twin, one_weight)

AFFINE = "affine_per_channel(x_hat, weight, bias)"
NO_WEIGHT, NO_BIAS = AFFINE.replace("weight", "None"), AFFINE.replace("bias", "None")
AXES, TRAINING = "(0, *range(2, x.ndim))", "    if training:\n"
WIDE = "values.reshape(1, -1, *(1,) * (x.ndim - 2))"
SERVED = "np.sqrt(as_statistics_dtype(var) + eps)"
TWIN_SERVED = "torch.rsqrt(per_channel(as_statistics_dtype(running_var), x) + eps)"
FOLD, TWIN_FOLD = (
    "running += momentum * (new.reshape(-1) - running)",
    "to(running.dtype), momentum)",
)
IN_EVALUATION, TWIN_IN_EVALUATION = f"    y = {AFFINE}", f"    return {AFFINE}"
MOVED = """    _update_running(running_mean, as_statistics_dtype(x).mean(axes), momentum)
"""
TWIN_MOVED = "    _update_running(running_mean, x.mean((0, *range(2, x.ndim))), momentum)\n"
CREATE = "self._create_affine(num_features, affine, affine and bias, **like)"
COUNTED = "return x.shape[0] * math.prod(x.shape[2:])"
COUNT = "1.0 / self.num_batches_tracked.to(self.running_mean.dtype)"
REGISTER_MEAN = 'self.register_buffer("running_mean", zeros if tracked else None'

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    *in_moments((output, twin_output), (constant, twin_constant), twin_slope, (far, twin_far), (half, twin_half), (kept, twin_kept)),
    ("biased running variance", NUMPY, "var * _bessel(x)", "var", variance),
    ("biased running variance", TWIN, "stats.var * (m / (m - 1))", "stats.var", twin_variance),
    ("positions not counted", SHAPES, COUNTED, "return x.shape[0]", variance),
    ("positions not counted", SHAPES, COUNTED, "return x.shape[0]", twin_variance),
    ("eps outside the root in evaluation", NUMPY, SERVED, "(np.sqrt(per_channel(running_var, x)) + eps)", served),
    ("eps missing in evaluation", TWIN, TWIN_SERVED, "torch.rsqrt(per_channel(running_var, x))", twin_served),
    ("gradient without the mean term", NUMPY_MOMENTS, "(g - along_ones - along_x_hat)", "(g - along_x_hat)", gradients),
    ("gradient without the x_hat term", NUMPY_MOMENTS, "(g - along_ones - along_x_hat)", "(g - along_ones)", gradients),
    ("sign of the mean term", NUMPY_MOMENTS, "g - along_ones", "g + along_ones", slope),
    ("sign of the x_hat term", NUMPY_MOMENTS, "- along_x_hat)", "+ along_x_hat)", slope),
    ("sign of the gradient in evaluation", NUMPY, "else g * inv_std", "else -g * inv_std", served_gradients),
    ("sign of the bias gradient", NUMPY, "else wide_dy.sum(axes)", "else -wide_dy.sum(axes)", gradients),
    ("training's gradient in evaluation", NUMPY, "if training else g * inv_std", "", served_gradients),
    ("evaluation's gradient in training", NUMPY, "if training else g * inv_std", "if not training else g * inv_std", slope),
    ("weight left out of the gradient", NUMPY, "wide_dy * per_channel(weight, dy)", "wide_dy", gradients),
    ("weight gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum(axes)", "wide_dy.sum(axes)", gradients),
    ("layer norm's axes", NUMPY, AXES, "tuple(range(1, x.ndim))", bare),
    ("layer norm's axes", TWIN, AXES, "tuple(range(1, x.ndim))", twin_bare),
    ("batch axis alone", NUMPY, AXES, "(0,)", bare),
    ("batch axis alone", TWIN, AXES, "(0,)", twin_bare),
    ("channels last", NUMPY, AXES, "tuple(range(x.ndim - 1))", bare),
    ("channels last", TWIN, AXES, "tuple(range(x.ndim - 1))", twin_bare),
    ("weight ignored", NUMPY, AFFINE, NO_WEIGHT, output),
    ("weight ignored", TWIN, AFFINE, NO_WEIGHT, twin_output),
    ("bias ignored", NUMPY, AFFINE, NO_BIAS, output),
    ("bias ignored", TWIN, AFFINE, NO_BIAS, twin_output),
    ("broadcast that fits squares", SHAPES, WIDE, "values", output),
    ("broadcast that fits squares", SHAPES, WIDE, "values", twin_output),
    ("mean not corrected", NUMPY_MOMENTS, "    centered -= correction\n", "", farther),
    ("mean not corrected", TWIN_MOMENTS, "shifted - correction\n", "x - x.mean(axes, keepdim=True)\n", twin_farther),
    ("memory read in half precision", NUMPY, "as_statistics_dtype(var)", "var", half_memory),
    ("memory missing from the state", TWIN, REGISTER_MEAN, REGISTER_MEAN + ", persistent=False", keys),
    ("memory kept with its graph", TWIN, "@torch.no_grad()\n", "", ungraphed),
    ("memory moved in evaluation", NUMPY, IN_EVALUATION, MOVED + IN_EVALUATION, frozen),
    ("memory moved in evaluation", TWIN, TWIN_IN_EVALUATION, TWIN_MOVED + TWIN_IN_EVALUATION, twin_frozen),
    ("batch counted in evaluation", TWIN, "tracking = self.training and ", "tracking = ", idle),
    ("batch statistics in evaluation", TWIN, "self.training or self.running_mean is None", "True", sequence),
    ("momentum of the other convention", NUMPY, FOLD, FOLD.replace("momentum", "(1 - momentum)"), mean),
    ("momentum of the other convention", TWIN, TWIN_FOLD, "to(running.dtype), 1 - momentum)", twin_mean),
    ("second batch overwrites the first", TWIN, COUNT, "1.0 / max(1.0, float(self.num_batches_tracked) - 1)", cumulative),
    ("the start counts as a batch", TWIN, COUNT, "1.0 / (float(self.num_batches_tracked) + 1)", cumulative),
    ("first batch replaces the memory", TWIN, "return self.momentum", "return self.momentum ** float(self.num_batches_tracked > 1)", state),
    ("memory replaced instead of written", NUMPY, FOLD, FOLD.replace("running +=", "running = running +"), mean),
    ("integers truncated", NUMPY_MOMENTS, "if not np.issubdtype(x.dtype, np.floating)", "if False", integers),
    ("integers truncated", TWIN_MOMENTS, "if not x.is_floating_point()", "if False", twin_integers),
    ("batch of one accepted", SHAPES, COUNTED, "return max(2, x.shape[0] * math.prod(x.shape[2:]))", one),
    ("batch of one accepted", SHAPES, COUNTED, "return max(2, x.shape[0] * math.prod(x.shape[2:]))", twin_one),
    ("gain at random", TWIN, CREATE, CREATE + "\n        if affine: torch.nn.init.uniform_(self.weight)", fresh),
    ("shape of the weight not checked", SHAPES, "tuple(value.shape) != (shape[1],)", "False", told),
    ("shape of the weight not checked", SHAPES, "tuple(value.shape) != (shape[1],)", "False", twin_told),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)


@pytest.mark.parametrize("old", ["no such line", "x"])
def test_stale_variant_is_refused(monkeypatch, old):
    with pytest.raises(ValueError, match="adapt the variant"):
        plant(monkeypatch, NUMPY, old, "1")


def test_stale_variant_of_a_function_is_refused():
    with pytest.raises(ValueError, match="got 0 times; adapt the variant"):
        mutate(numpy_layers.batch_norm, "no such line", "1")


def test_planted_error_is_taken_out_again():
    right = numpy_layers.standardize
    with pytest.MonkeyPatch.context() as monkeypatch:
        plant(monkeypatch, NUMPY_MOMENTS, ROOT, "1")
        assert numpy_layers.standardize is not right
    assert numpy_layers.standardize is right
