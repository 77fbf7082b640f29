"""What mutmut changed in the normalizations of activations without any other test noticing.

Its mutants that no test can tell apart, for they compute the same: `reshape(-2)`, which NumPy
reads as `reshape(-1)` (batch_renorm, instance_norm); an argument or a value that the branch at
hand never reads (instance_norm's momentum in evaluation, the sign of a learned_eps that was not
given); and, in ghost_batch_norm, `strict` for a zip of equal lengths and a slice that ends past
the only example.
"""

import numpy as np
import pytest
from wrong_calls import assert_says

from course_lib import numpy_layers
from course_lib.numpy_layers import batch_renorm, instance_norm

RNG = np.random.default_rng(7)
X = RNG.normal(3, 2, (4, 3, 2))
ZEROS, ONES = np.zeros(3), np.ones(3)

# Each layer's arguments after x, and which of its parameters have one value a channel.
PER_CHANNEL = {
    "batch_renorm": ((), ("running_mean", "running_std", "weight", "bias")),
    "ghost_batch_norm": ((2,), ("running_mean", "running_var", "weight", "bias")),
    "filter_response_norm": ((), ("weight", "bias", "tau", "learned_eps")),
    "group_norm": ((3,), ("weight", "bias")),
    "instance_norm": ((), ("running_mean", "running_var", "weight", "bias")),
}


@pytest.mark.parametrize(
    ("layer", "name"),
    [(layer, name) for layer, (_, names) in PER_CHANNEL.items() for name in names],
)
def test_message_names_the_parameter_of_wrong_shape_and_the_layer(layer, name):
    arguments, names = PER_CHANNEL[layer]
    parameters = {key: np.ones(2 if key == name else 3) for key in names}
    assert_says(
        lambda: getattr(numpy_layers, layer)(X, *arguments, **parameters),
        f"expected {name} of shape (3,) to match dimension 1 of x (4, 3, 2), got (2,); "
        f"{layer} keeps one value a channel",
    )


NO_MEMORY = (
    "expected running_mean and running_std, got None; "
    "batch_renorm corrects towards them also in training: start from zeros and ones"
)
MESSAGES = {
    "batch renorm's missing mean": (lambda: batch_renorm(X, None, ONES, training=True), NO_MEMORY),
    "batch renorm's missing std": (lambda: batch_renorm(X, ZEROS, None, training=True), NO_MEMORY),
    "batch renorm's limit": (
        lambda: batch_renorm(X, ZEROS, ONES, training=True, r_max=0.5),
        "expected r_max of at least 1 and d_max of at least 0, got 0.5 and 5.0; "
        "1 and 0 are batch norm",
    ),
    "filter response norm's positions": (
        lambda: numpy_layers.filter_response_norm(X[:, :, 0]),
        "expected x of shape (n, c, ...) with at least 3 axes, got (4, 3); "
        "add an axis of positions with x[..., None]",
    ),
    "empty virtual batch": (
        lambda: numpy_layers.ghost_batch_norm(X, 0, None, None, training=True),
        "expected virtual_batch_size of at least 1, got 0; a virtual batch holds examples",
    ),
    "virtual batch of one value": (
        lambda: numpy_layers.ghost_batch_norm(X[:, :, 0], 3, None, None, training=True),
        "expected more than one value a channel in every virtual batch, got 4 examples in parts "
        "of 3, one of which has a single value; the variance of one value is 0: choose another "
        "virtual_batch_size, or drop the last example",
    ),
    "groups of no channels": (
        lambda: numpy_layers.group_norm(X[:, :0], 0),
        "expected num_groups to divide the 0 channels, got 0; choose one of []",
    ),
    "half a memory": (
        lambda: instance_norm(X, ZEROS, None),
        "expected running_mean and running_var together, got None for ['running_var']; "
        "pass both, or neither and use_input_stats=True",
    ),
    "one position": (
        lambda: instance_norm(X[:, :, :1]),
        "expected more than one position, got x of shape (4, 3, 1); the variance of one value is "
        "0: normalize before the map has shrunk to a point",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_message_reads_as_written(case):
    assert_says(*MESSAGES[case])


def test_cache_of_instance_norm_says_that_it_evaluated():
    _, cache = instance_norm(X, ZEROS, ONES, use_input_stats=False)
    assert cache.use_input_stats is False


def test_limits_that_open_within_one_batch_are_open_after_it():
    assert numpy_layers.renorm_limits(1, start=0, r_end=1, d_end=1) == (3.0, 5.0)


def test_batch_renorm_is_accurate_in_each_channel_when_their_means_differ():
    # Of channels at 1e6 and at 0, the common mean 5e5 is near neither: float32 has steps of 1/32
    # there. Unclipped, y is (x − μ) / σ; its values below 5 pass some five roundings of 3e-7.
    x = RNG.normal((1e6, 0), 1, (64, 2)).astype(np.float32)
    mean, std = np.array([1e6, 0], np.float32), np.ones(2, np.float32)
    wanted = x.astype(np.float64) - mean
    y, _ = batch_renorm(x, mean, std, training=True, r_max=1e6, d_max=1e6)
    np.testing.assert_allclose(y, wanted, rtol=0, atol=5e-6)


@pytest.mark.parametrize("field", ["r", "d", "inv_std"])
@pytest.mark.parametrize("training", [True, False])
def test_cache_of_batch_renorm_has_the_shapes_it_names(training, field):
    _, cache = batch_renorm(X, np.zeros(3), np.ones(3), training=training)
    value = getattr(cache, field)
    assert (value.shape, value.dtype) == ((1, 3, 1), X.dtype)


def test_cache_of_filter_response_norm_without_threshold_says_that_each_value_passed():
    _, cache = numpy_layers.filter_response_norm(X)
    np.testing.assert_array_equal(cache.passed, np.ones(X.shape), strict=True)


def test_ghost_batch_norm_evaluates_the_batch_as_one():
    # Bit by bit: the same sums in the same order, not sums of the virtual batches' sums.
    x, dy = RNG.normal(size=(2, 50, 3, 4)).astype(np.float32)
    weight, bias = RNG.normal(size=(2, 3)).astype(np.float32)
    _, parts = numpy_layers.ghost_batch_norm(x, 7, ZEROS, ONES, weight, bias)
    _, whole = numpy_layers.batch_norm(x, ZEROS, ONES, weight, bias)
    ours = numpy_layers.ghost_batch_norm_backward(dy, parts)
    wanted = numpy_layers.batch_norm_backward(dy, whole)
    for value, expected in zip(ours, wanted, strict=True):
        np.testing.assert_array_equal(value, expected)
