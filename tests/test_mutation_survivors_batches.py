"""What mutmut changed in synchronized, switchable and conditional norm without any test noticing.

Mutants that compute the same, so that no test can see them: `strict` of a zip of equal lengths;
`reshape(-2)`, which NumPy reads as `reshape(-1)`; and `astype(None)`, `np.zeros(shape, None)` and
x.size / c, float64 in place of float32 or of an integer on the way to a result that is float64 or
rounded.
"""

import numpy as np
import pytest
from outcomes import assert_near, draw
from wrong_calls import assert_says

from course_lib import numpy_layers

X = np.random.default_rng(7).normal(3, 0.01, (4, 3, 2))  # so little spread that eps matters


def test_default_eps_of_sync_batch_norm_is_batch_norms():
    y, _ = numpy_layers.batch_norm(X, None, None, training=True)
    parts, _ = numpy_layers.sync_batch_norm([X[:1], X[1:]])
    assert_near(np.concatenate(parts), y, 1e-9)


def test_default_eps_of_conditional_instance_norm_is_instance_norms():
    table = np.ones((1, 3)), np.zeros((1, 3))  # also: one style for all
    y, _ = numpy_layers.conditional_instance_norm(X, np.zeros(4, int), *table)
    assert_near(y, numpy_layers.instance_norm(X)[0], 1e-12)


LOGITS = np.zeros(3)
PER_CHANNEL = ("running_mean", "running_var", "weight", "bias")


@pytest.mark.parametrize("name", PER_CHANNEL)
@pytest.mark.parametrize("layer", ["sync_batch_norm", "switchable_norm"])
def test_message_names_the_parameter_of_wrong_shape_and_the_layer(layer, name):
    parameters = {key: np.ones(3) for key in PER_CHANNEL} | {name: np.ones(2)}
    x = X[..., None] if layer == "switchable_norm" else [X]
    shares = {"mean_weight": LOGITS, "var_weight": LOGITS} if layer == "switchable_norm" else {}
    shape = "(4, 3, 2, 1)" if layer == "switchable_norm" else "(4, 3, 2)"
    assert_says(
        lambda: getattr(numpy_layers, layer)(x, **parameters, **shares),
        f"expected {name} of shape (3,) to match dimension 1 of x {shape}, got (2,); "
        f"{layer} keeps one value a channel",
    )


def test_large_logits_have_finite_shares():
    shares = np.array([1000.0, 0.0, 0.0])  # the first, instance norm, gets all
    y, _ = numpy_layers.switchable_norm(X[..., None], None, None, shares, shares, training=True)
    assert_near(y, numpy_layers.instance_norm(X[..., None])[0], 1e-12)


MESSAGES = {
    "one value in all shards": (
        lambda: numpy_layers.sync_batch_norm([np.zeros((1, 3)), np.zeros((0, 3))]),
        "expected more than one value a channel in all shards together, got 1; "
        "the variance of one value is 0: use a larger batch, or batch_norm in evaluation mode",
    ),
    "style of no position": (
        lambda: numpy_layers.adaptive_instance_norm(X, X[:, :, :0]),
        "expected at least one value in each style, got shape (4, 3, 0); "
        "leave the content as it is where there is no style",
    ),
    "vectors": (
        lambda: numpy_layers.switchable_norm(X[..., 0], None, None, LOGITS, LOGITS, training=True),
        "expected x of shape (n, c, h, w), got (4, 3); "
        "add axes of length 1 for the positions that are missing",
    ),
    "two shares": (
        lambda: numpy_layers.switchable_norm(X[..., None], None, None, LOGITS[:2], LOGITS),
        "expected mean_weight of shape (3,), got (2,); "
        "one value each for instance, layer and batch",
    ),
}


@pytest.mark.parametrize("wrong", MESSAGES)
def test_message_reads_as_written(wrong):
    assert_says(*MESSAGES[wrong])


def test_merged_moments_are_float64_whatever_came():
    merged = numpy_layers.merge_moments([2, 3], np.ones((2, 1), np.float32), np.ones((2, 1), int))
    assert {value.dtype for value in merged} == {np.dtype(np.float64)}


def test_channels_far_apart_keep_their_digits():
    case = draw((16, 3, 4), (3,), spread=(1.0, 1.0))
    x = (case.x + np.array([0.0, 1e3, 1e6])[:, None]).astype(np.float32)
    parts, cache = numpy_layers.sync_batch_norm([x[:5], x[5:]])
    wanted, _ = numpy_layers.batch_norm(x.astype(np.float64), None, None, training=True)
    assert_near(np.concatenate(parts), wanted, 1e-6)
    assert {part.dtype for part in cache.x_hat} == {np.dtype(np.float32)}
