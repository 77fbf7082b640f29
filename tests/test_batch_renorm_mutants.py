"""Each error that people make in batch renorm, planted: the claim that is about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import test_batch_renorm as layer_claims
import test_batch_renorm_modules as module_claims
from mutants import assert_seen, planted
from test_batch_renorm import IMAGES, OPEN, TIGHT, numpy_layer, twin_layer

NUMPY, TWIN = "numpy_layers.batch_renorm", "torch_layers.batch_renorm"


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return (partial(claim, numpy_layer, *args), partial(claim, twin_layer, *args))


plain, twin_plain = of_both(layer_claims.test_limits_of_one_and_zero_are_batch_norm, IMAGES)
served, twin_served = of_both(layer_claims.test_open_limits_compute_what_evaluation_does, IMAGES)
times_r, twin_times_r = of_both(layer_claims.test_gradient_is_batch_norms_times_r, TIGHT)
_, open_times_r = of_both(layer_claims.test_gradient_is_batch_norms_times_r, OPEN)
slope, twin_slope = of_both(layer_claims.test_parameter_gradients_predict_the_slope)
memory, twin_memory = of_both(layer_claims.test_memory_averages_means_and_deviations, 0.3, IMAGES)
far, twin_far = of_both(layer_claims.test_float32_is_accurate_at_every_mean, 1e6, OPEN)
half, twin_half = of_both(layer_claims.test_half_precision_rounds_only_the_result, True)
kept, twin_kept = of_both(layer_claims.test_arguments_keep_their_values, False)
dtypes, _ = of_both(layer_claims.test_everything_has_the_dtype_of_the_input)
served_slope, _ = of_both(layer_claims.test_gradients_in_evaluation_predict_the_slope, IMAGES)
schedule = module_claims.test_module_follows_its_schedule
ungraphed = module_claims.test_running_statistics_have_no_graph
idle = module_claims.test_module_in_evaluation_leaves_its_state

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("r not clipped", NUMPY, "np.clip(1 / (inv_std * std), 1 / r_max, r_max)", "1 / (inv_std * std)", plain),
    ("r not clipped", TWIN, "torch.clamp(batch_std / std, 1 / r_max, r_max)", "batch_std / std", twin_plain),
    ("d not clipped", NUMPY, "np.clip(distance / std, -d_max, d_max)", "distance / std", plain),
    ("d not clipped", TWIN, "torch.clamp(distance / std, -d_max, d_max)", "distance / std", twin_plain),
    ("r clipped from above alone", NUMPY, "std), 1 / r_max", "std), 0", times_r),
    ("r upside down", NUMPY, "1 / (inv_std * std)", "inv_std * std", served),
    ("r upside down", TWIN, "batch_std / std", "std / batch_std", twin_served),
    ("sign of d", NUMPY, "(shift - mean) + rest", "(mean - shift) - rest", served),
    ("d over the batch's deviation", NUMPY, "distance / std", "distance * inv_std", served),
    ("d over the batch's deviation", TWIN, "distance / std", "distance / batch_std", twin_served),
    ("d left out", NUMPY, "(x_hat * r + d, weight", "(x_hat * r, weight", served),
    ("d left out", TWIN, "y = x_hat * r + d", "y = x_hat * r", twin_served),
    ("r left out of the gradient", NUMPY, "g = r * (wide_dy", "g = (wide_dy", times_r),
    ("r differentiated", TWIN, "torch.clamp(batch_std / std", "torch.clamp(torch.sqrt(batch.var + eps) / std.clone()", open_times_r),
    ("d differentiated", TWIN, "torch.clamp(distance / std", "torch.clamp(((shift - mean) + batch.mean) / std.clone()", open_times_r),
    ("weight gradient from batch norm's x_hat", NUMPY, "(x_hat * r + d)).sum(axes)", "x_hat).sum(axes)", slope),
    ("weight left out of the gradient", NUMPY, "wide_dy * per_channel(weight, dy)", "wide_dy", times_r),
    ("sign of the bias gradient", NUMPY, "else wide_dy.sum(axes)", "else -wide_dy.sum(axes)", slope),
    ("training's gradient in evaluation", NUMPY, "if training else g * inv_std", "", served_slope),
    ("variance averaged", NUMPY, "(1 / inv_std - std)", "(1 / inv_std**2 - std)", memory),
    ("variance averaged", TWIN, "momentum * (batch_std - std)", "momentum * (batch_std**2 - std)", twin_memory),
    ("momentum of the other convention", NUMPY, "running_mean += momentum * distance", "running_mean += (1 - momentum) * distance", memory),
    ("momentum of the other convention", TWIN, "_move(running_mean, momentum * distance)", "_move(running_mean, (1 - momentum) * distance)", twin_memory),
    ("memory replaced instead of written", NUMPY, "running_std += momentum", "running_std = running_std + momentum", memory),
    ("memory kept with its graph", TWIN, "batch.mean.detach()", "batch.mean; running_mean += momentum * distance.reshape(-1)", ungraphed),
    ("root in evaluation", NUMPY, "(wide - mean) / std, 1 / std", "(wide - mean) / np.sqrt(std), 1 / std", served),
    ("distance of rounded means", NUMPY, "(shift - mean) + rest", "(shift + rest) - mean", far),
    ("distance of rounded means", TWIN, "(shift - mean) + batch.mean.detach()", "(shift + batch.mean.detach()) - mean", twin_far),
    ("statistics in half precision", "numpy_layers.moments", "np.promote_types(x.dtype, np.float32)", "x.dtype", half),
    ("result left in float32", NUMPY, "return y.astype(x.dtype)", "return y", dtypes),
    ("weight ignored", NUMPY, "d, weight, bias)", "d, None, bias)", plain),
    ("bias ignored", TWIN, "(y, weight, bias)", "(y, weight, None)", twin_plain),
    ("argument changed in place", NUMPY, "(wide - mean) / std, 1 / std", "np.subtract(wide, mean, out=wide) / std, 1 / std", kept),
    ("first batch counted as step one", TWIN, "limits = self.limits(self.num_batches_tracked)", "limits = self.limits(self.num_batches_tracked + 1)", schedule),
    ("batch counted in evaluation", TWIN, "        if self.training:\n", "        if True:\n", idle),
    ("schedule ignored", TWIN, "limits = self.limits(self.num_batches_tracked)", "pass", schedule),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
