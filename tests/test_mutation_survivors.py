"""What mutmut changed in the NumPy layers without any other test noticing.

Its mutants of moments, shapes, batch_norm and layer_norm that no test here can tell apart, for
they compute the same: `reshape(-2)`, which NumPy reads as `reshape(-1)`, and `copy=None` for
`copy=False` in `astype`.
"""

import inspect

import conformance
import numpy as np
import pytest
import torch
from torch.nn import functional as F
from wrong_calls import assert_says

from course_lib import numpy_layers, torch_layers
from course_lib.numpy_layers.moments import as_statistics_dtype

RNG = np.random.default_rng(7)
X = RNG.normal(3, 0.01, (4, 3))  # so little spread that eps and its default matter


def test_default_momentum_and_eps_of_batch_norm_are_torchs():
    ours, torchs = (np.zeros(3), np.ones(3)), (torch.zeros(3).double(), torch.ones(3).double())
    y, _ = numpy_layers.batch_norm(X, *ours, training=True)
    wanted = F.batch_norm(torch.from_numpy(X), *torchs, training=True)
    np.testing.assert_allclose(y, wanted, rtol=1e-12)
    np.testing.assert_allclose(ours, [value.numpy() for value in torchs], rtol=1e-12)


def test_default_eps_of_layer_norm_is_torchs():
    y, _ = numpy_layers.layer_norm(X, (3,))
    np.testing.assert_allclose(y, F.layer_norm(torch.from_numpy(X), (3,)), rtol=1e-9)


def test_mean_gains_from_the_correction():
    # NumPy adds a column value by value: the rounding of so many additions shows in the mean.
    x = RNG.normal(1e6, 1.0, (20_000, 2)).astype(np.float32)
    exact, unit = x.astype(np.float64).mean(0), np.spacing(np.float32(1e6))
    assert (np.abs(x.mean(0) - exact) > 100 * unit).all(), "no error to repair"
    assert (np.abs(numpy_layers.moments(x, (0,)).mean[0] - exact) <= unit).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wide_enough_input_is_not_copied(dtype):
    x = X.astype(dtype)
    assert as_statistics_dtype(x) is x


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 2, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_cache_of_batch_norm_has_the_shapes_it_names(shape, training):
    x = RNG.normal(size=shape)
    _, cache = numpy_layers.batch_norm(x, np.zeros(3), np.ones(3), training=training)
    assert cache.inv_std.shape == (1, 3, *(1,) * (len(shape) - 2))


MESSAGES = {
    "batch norm's weight": (
        lambda: numpy_layers.batch_norm(X, None, None, np.ones(2), training=True),
        "expected weight of shape (3,) to match dimension 1 of x (4, 3), got (2,); "
        "batch_norm keeps one value a channel",
    ),
    "layer norm's weight": (
        lambda: numpy_layers.layer_norm(X, (3,), np.ones(2)),
        "expected weight of shape (3,) to match normalized_shape, got (2,); "
        "layer_norm keeps one value a feature",
    ),
    "layer norm's shape": (
        lambda: numpy_layers.layer_norm(X, (4,)),
        "expected x to end in normalized_shape (4,), got x of shape (4, 3); "
        "layer_norm reduces the trailing axes, so move the features to the end",
    ),
    "no batch axis": (
        lambda: numpy_layers.batch_norm(X[0], None, None, training=True),
        "expected x of shape (n, c, ...) with channels on axis 1, got (3,); "
        "add a batch axis with x[None]",
    ),
    "one value": (
        lambda: numpy_layers.batch_norm(X[:1], None, None, training=True),
        "expected more than one value a channel in training, got x of shape (1, 3); "
        "the variance of one value is 0: use a larger batch, or evaluation mode",
    ),
    "no memory": (
        lambda: numpy_layers.batch_norm(X, None, None),
        "expected running_mean and running_var in evaluation, got None; "
        "pass the statistics that training collected, or training=True",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_message_reads_as_written(case):
    assert_says(*MESSAGES[case])


TWINS = {  # a function that changes a module of torch's has the arguments of torch's function
    name: function
    for name, function in conformance.functions(torch_layers).items()
    if "module" not in inspect.signature(function).parameters
}


@pytest.mark.parametrize("name", sorted({*TWINS} & {*conformance.functions(numpy_layers)}))
def test_default_arguments_are_the_twins(name):
    def defaults(function):
        arguments = inspect.signature(function).parameters.items()
        return {key: value.default for key, value in arguments if value.default is not value.empty}

    ours, twins = defaults(conformance.functions(numpy_layers)[name]), defaults(TWINS[name])
    both = ours.keys() & twins.keys()
    assert {key: ours[key] for key in both} == {key: twins[key] for key in both}
