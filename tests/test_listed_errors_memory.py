"""The list's errors of running statistics and of a fresh layer, in every module that has them."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial

import numpy as np
import pytest
import test_batch_renorm as renorm
import test_batch_renorm_modules as renorm_modules
import test_filter_response_norm as filters
import test_ghost_batch_norm as ghost
import test_switchable_norm as switchable
import test_switchable_norm_modules as switchable_modules
import test_sync_batch_norm as sync
import torch
from mutants import assert_seen, planted

from course_lib import numpy_layers, torch_layers

WITH_MEMORY = {
    "batch_norm": lambda: torch_layers.BatchNorm2d(3),
    "batch_renorm": lambda: torch_layers.BatchRenorm2d(3, momentum=0.1),
    "ghost_batch_norm": lambda: torch_layers.GhostBatchNorm(3, 4),
    "instance_norm": lambda: torch_layers.InstanceNorm2d(3, affine=True, track_running_stats=True),
    "switchable_norm": lambda: torch_layers.SwitchableNorm2d(3),
    "sync_batch_norm": lambda: torch_layers.SyncBatchNorm(3),
}
every = pytest.mark.parametrize("name", WITH_MEMORY)


def trained(name):
    """Return a module after one batch with mean 10."""
    module = WITH_MEMORY[name]()
    x = 10 + torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    module(x.requires_grad_())
    return module, x.detach()


@every
def test_all_statistics_are_in_the_state(name):
    module = WITH_MEMORY[name]()
    assert set(dict(module.named_buffers())) <= set(module.state_dict())


@every
def test_statistics_have_no_graph(name):
    module, _ = trained(name)
    assert not any(buffer.requires_grad for buffer in module.buffers())


@every
def test_evaluation_leaves_the_statistics(name):
    module, x = trained(name)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    module.eval()(2 * x)
    torch.testing.assert_close(dict(module.state_dict()), before, rtol=0, atol=0)


@every
def test_batch_moves_the_mean_by_its_momentum(name):
    module, x = trained(name)
    steps = 2 if name == "ghost_batch_norm" else 1
    wanted = x.mean((0, 2, 3)) * (1 - (1 - module.momentum) ** steps)
    torch.testing.assert_close(module.running_mean, wanted, rtol=0.02, atol=0)  # near either part's


@every
def test_fresh_module_has_gain_one_and_bias_zero(name):
    module = WITH_MEMORY[name]()
    assert (module.weight == 1).all()
    assert (module.bias == 0).all()


def test_constant_shards_give_no_nan():
    y, _ = numpy_layers.sync_batch_norm([np.full((2, 3), 3.0)] * 2)
    assert np.isfinite(y).all()


state, ungraphed, idle, moved, fresh = (
    test_all_statistics_are_in_the_state,
    test_statistics_have_no_graph,
    test_evaluation_leaves_the_statistics,
    test_batch_moves_the_mean_by_its_momentum,
    test_fresh_module_has_gain_one_and_bias_zero,
)
LERP = "torch.lerp(running, new.reshape(-1).to(running.dtype), momentum)"
MEAN, STD, VAR = (
    f'("running_{name}", {start}'
    for name, start in (
        ("mean", "zeros if tracked else None"),
        ("std", "torch.ones(num_features, **like)"),
        ("var", "torch.ones(num_features, **like)"),
    )
)
INHERIT = ("batch_norm", "ghost_batch_norm", "instance_norm", "sync_batch_norm")
CALL = [*INHERIT, "switchable_norm"]
# (name, module, right, wrong, claim, the norms that must see it)
MODULES = [
    ("memory missing from the state", "batch_norm", MEAN, MEAN + ", persistent=False", state, INHERIT),
    ("memory missing from the state", "batch_renorm", STD, STD + ", persistent=False", state, ["batch_renorm"]),
    ("memory missing from the state", "switchable_norm", VAR, VAR + ", persistent=False", state, ["switchable_norm"]),
    ("memory kept with its graph", "batch_norm", "@torch.no_grad()\ndef _update_running", "def _update_running", ungraphed, CALL),
    ("count of the memory moved in evaluation", "batch_norm", "tracking = self.training and ", "tracking = ", idle, ["ghost_batch_norm", "sync_batch_norm"]),
    ("memory moved in evaluation", "batch_renorm", "options = (self.training, ", "options = (True, ", idle, ["batch_renorm"]),
    ("memory moved in evaluation", "switchable_norm", "self.bias, self.training, ", "self.bias, True, ", idle, ["switchable_norm"]),
    ("momentum of the other convention", "batch_norm", LERP, LERP.replace("momentum", "1 - momentum"), moved, CALL),
    ("first batch replaces the memory", "batch_norm", LERP, LERP.replace("momentum", "1.0"), moved, CALL),
    ("first batch replaces the memory", "batch_renorm", "_move(running_mean, momentum * distance)", "_move(running_mean, distance)", moved, ["batch_renorm"]),
    ("gain at random", "affine", '("weight", torch.ones, weight)', '("weight", torch.rand, weight)', fresh, [*INHERIT, "batch_renorm", "switchable_norm"]),
]  # fmt: skip


@planted(
    (name, f"torch_layers.{where}", right, wrong, partial(claim, norm))
    for name, where, right, wrong, claim, norms in MODULES
    for norm in norms
)
def test_planted_error_in_a_module_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)


def numpy_claims(module, claim, *args):
    return partial(getattr(module, claim), module.numpy_layer, *args)


GHOST, IMAGES = ghost.SHAPES[1], renorm.IMAGES
ghosts, served = (numpy_claims(ghost, "test_virtual_batches_come_one_after_another", GHOST, training, 3, True) for training in (True, False))  # fmt: skip
twin_ghosts = partial(ghosts.func, ghost.twin_layer, *ghosts.args[1:])
renormed = numpy_claims(renorm, "test_limits_of_one_and_zero_are_batch_norm", IMAGES)
remembered = numpy_claims(renorm, "test_memory_averages_means_and_deviations", 0.3, IMAGES)
renorm_kept = numpy_claims(renorm, "test_arguments_keep_their_values", False)
switched = numpy_claims(switchable, "test_third_share_is_batch_norm_and_its_memory", switchable.SQUARE, True)  # fmt: skip
switch_kept = numpy_claims(switchable, "test_arguments_keep_their_values", False)
formula = numpy_claims(switchable, "test_output_is_the_formula", switchable.SQUARE)
filtered = numpy_claims(filters, "test_output_is_the_formula", filters.IMAGES)
synced = partial(sync.test_these_shards_together_are_one_batch, (2, 6))
sync_call, renorm_call, switch_call = (
    sync.test_wrong_call_is_told_what_to_do,
    partial(renorm_modules.test_wrong_call_is_told_what_to_do, renorm.NUMPY),
    partial(switchable_modules.test_wrong_call_is_told_what_to_do, switchable.NUMPY),
)
FOLD = "running += momentum * (new.reshape(-1) - running)"
SYNC_FOLD = "running += momentum * (new - running)"
SCALED, SHIFTED = "y = y * per_channel(weight, x_hat)", "y = y + per_channel(bias, x_hat)"
CHANNELS = "values.reshape(1, -1, *(1,) * (x.ndim - 2))"
SERVED = "        inv_std = 1 / np.sqrt(as_statistics_dtype(var) + eps)\n"
MOVED = "        _update_running(running_mean, as_statistics_dtype(x).mean(axes), momentum)\n"
COUNTED = "return x.shape[0] * math.prod(x.shape[2:])"
# (name, module, right, wrong, the claim that must see it)
FUNCTIONS = [
    ("biased running variance", "batch_norm", "var * _bessel(x)", "var", ghosts),
    ("momentum of the other convention", "batch_norm", FOLD, FOLD.replace("momentum", "(1 - momentum)"), ghosts),
    ("first batch replaces the memory", "batch_norm", FOLD, "running[:] = new.reshape(-1)", ghosts),
    ("memory moved in evaluation", "batch_norm", SERVED, SERVED + MOVED, served),
    ("weight left out of the gradient", "batch_norm", "wide_dy * per_channel(weight, dy)", "wide_dy", ghosts),
    ("integers truncated", "moments", "if not np.issubdtype(x.dtype, np.floating)", "if False", partial(sync_call, "integers")),
    *((f"{what} ignored", "shapes", line, "pass", claim) for what, line in (("weight", SCALED), ("bias", SHIFTED)) for claim in (ghosts, twin_ghosts, renormed, filtered, formula, synced)),
    *(("broadcast that fits squares", "shapes", CHANNELS, "values", claim) for claim in (ghosts, filtered, formula, synced)),
    ("broadcast that fits squares", "shapes", SCALED, "y = y * weight", renormed),
    *(("one value accepted", "shapes", COUNTED, COUNTED.replace("return ", "return 2 * "), partial(claim, "one value")) for claim in (renorm_call, switch_call)),
    ("first batch replaces the memory", "batch_renorm", "running_mean += momentum * distance.reshape(-1)", "running_mean += distance.reshape(-1)", remembered),
    ("first batch replaces the memory", "batch_norm", FOLD, "running[:] = new.reshape(-1)", switched),
    ("first batch replaces the memory", "sync_batch_norm", SYNC_FOLD, "running[:] = new", synced),
    ("memory moved in evaluation", "batch_renorm", "        r, d = np.ones_like(std), np.zeros_like(std)\n", "        r, d = np.ones_like(std), np.zeros_like(std)\n        running_mean *= 0.9\n", renorm_kept),
    ("memory moved in evaluation", "switchable_norm", "        centered.append(as_statistics_dtype(x) - per_channel(running_mean, x))\n", "        centered.append(as_statistics_dtype(x) - per_channel(running_mean, x))\n        running_var *= 0.9\n", switch_kept),
    ("eps missing", "sync_batch_norm", "np.sqrt(M2 / count + eps)", "np.sqrt(M2 / count)", synced),
    ("constant channel gives NaN", "sync_batch_norm", "np.sqrt(M2 / count + eps)", "np.sqrt(M2 / count)", test_constant_shards_give_no_nan),
    ("batch axis alone", "sync_batch_norm", "axes = (0, *range(2, shard.ndim))", "axes = (0, *range(1, shard.ndim - 1))", synced),
    ("statistics in half precision", "moments", "np.promote_types(x.dtype, np.float32)", "x.dtype", sync.test_half_precision_rounds_only_the_result),
]  # fmt: skip


@planted(
    (name, f"numpy_layers.{where}", right, wrong, claim)
    for name, where, right, wrong, claim in FUNCTIONS
)
def test_planted_error_in_a_function_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
