"""Each error that people make in synchronized batch norm, planted in the NumPy layer and module."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import test_sync_batch_norm as claims
from mutants import assert_seen, planted
from torch import nn

NUMPY, TWIN = "numpy_layers.sync_batch_norm", "torch_layers.sync_batch_norm"
whole, merged = (
    partial(claims.test_these_shards_together_are_one_batch, (2, 6)),
    claims.test_merged_moments_are_those_of_the_whole,
)
twice = claims.test_merging_in_two_steps_is_merging_at_once
far, half = (
    partial(f, a)
    for f, a in (
        (claims.test_float32_is_accurate_at_every_mean, 1e6),
        (claims.test_everything_has_the_dtype_of_the_input, np.float16),
    )
)
kept, bare = (
    claims.test_arguments_keep_their_values,
    claims.test_parameters_that_were_not_given_have_no_gradient,
)
conversion = partial(claims.test_conversion_keeps_the_very_tensors, options={}, package=nn)

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("mean of the means", NUMPY, "weight / count * means", "means / len(means)", merged),
    ("spread between the groups left out", NUMPY, "(M2s + weight * np.square(means - mean)).sum(0)", "M2s.sum(0)", merged),
    ("between not weighted", NUMPY, "weight * np.square", "np.square", twice),
    ("each shard by its own statistics", NUMPY, "centered + per_channel(own_mean - mean, x).astype(centered.dtype)", "centered", whole),
    ("biased running variance", NUMPY, "(running_var, M2 / (count - 1))", "(running_var, M2 / count)", whole),
    ("unbiased variance normalizes", NUMPY, "np.sqrt(M2 / count + eps)", "np.sqrt(M2 / (count - 1) + eps)", whole),
    ("eps outside the root", NUMPY, "np.sqrt(M2 / count + eps)", "(np.sqrt(M2 / count) + eps)", whole),
    ("divided by the variance", NUMPY, "np.sqrt(M2 / count + eps)", "(M2 / count + eps)", whole),
    ("momentum of the other convention", NUMPY, "running += momentum * (new - running)", "running += (1 - momentum) * (new - running)", whole),
    ("memory replaced instead of written", NUMPY, "running += momentum * (new - running)", "running = running + momentum * (new - running)", whole),
    ("sums of the last shard alone", NUMPY, "sums += np.stack", "sums = np.stack", whole),
    ("gradient without the mean term", NUMPY, "shard - along_ones - shard_hat", "shard - shard_hat", whole),
    ("gradient without the x_hat term", NUMPY, " - shard_hat * along_x_hat", "", whole),
    ("sums over the shard's own count", NUMPY, "(*sums / count, gain)", "(*sums / (shard.size / len(inv_std)), gain)", whole),
    ("weight left out of the gradient", NUMPY, "inv_std if weight is None else inv_std * weight", "inv_std", whole),
    ("weight and bias gradients exchanged", NUMPY, "dbias, dweight = sums", "dweight, dbias = sums", whole),
    ("weight ignored", NUMPY, "(x_hat[-1], weight, bias)", "(x_hat[-1], None, bias)", whole),
    ("mean kept in float32", NUMPY, "exact_mean = shift.astype(np.float64) + mean", "exact_mean = (shift + mean).astype(np.float64)", far),
    ("result left in float32", NUMPY, "weight, bias).astype(x.dtype)", "weight, bias)", half),
    ("argument changed in place", NUMPY, "moments(wide - shift, axes)", "moments(np.subtract(wide, shift, out=wide), axes)", kept),
    ("gradient of a weight that was not given", NUMPY, "None if weight is None else dweight.astype(weight.dtype)", "dweight", bare),
    ("training mode lost in conversion", TWIN, "            converted.train(module.training)\n", "", conversion),
    ("group lost in conversion", TWIN, "                process_group,\n                bias", "                None,\n                bias", conversion),
    ("torch's own layers not recognized", TWIN, "return any(base", "return isinstance(module, _BatchNorm) and any(base", conversion),
    ("ghost batch norm converted", TWIN, 'names = {"BatchNorm1d"', 'names = {"_BatchNorm"', claims.test_conversion_leaves_other_layers),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
