"""What a layer says to a wrong call: what it expected, what it got, and the repair."""

import re

import numpy as np
import pytest
import torch
from wrong_calls import zeros

from course_lib import numpy_layers, torch_layers


def call_numpy(norm, x, *args, **options):
    return getattr(numpy_layers, norm)(x, *args, **options)


def call_twin(norm, x, *args, **options):
    """Call the torch twin with the same arrays as tensors."""

    def tensor(value):
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    options = {name: tensor(value) for name, value in options.items()}
    return getattr(torch_layers, norm)(tensor(x), *map(tensor, args), **options)


# (norm, positional arguments, keyword arguments, error, words that must stand in it in this order)
WRONG_CALLS = {
    "batch norm without a batch axis": (
        "batch_norm", [zeros(3), None, None], {"training": True}, ValueError,
        ["(n, c, ...)", "got (3,)", "x[None]"],
    ),
    "batch norm of a number": (
        "batch_norm", [zeros(), None, None], {"training": True}, ValueError,
        ["(n, c, ...)", "got ()", "x[None]"],
    ),
    "running mean of other channels": (
        "batch_norm", [zeros(2, 3), zeros(4), zeros(3)], {}, ValueError,
        ["running_mean of shape (3,)", "x (2, 3)", "got (4,)", "one value a channel"],
    ),
    "running variance of other channels": (
        "batch_norm", [zeros(2, 3), zeros(3), zeros(4)], {}, ValueError,
        ["running_var of shape (3,)", "x (2, 3)", "got (4,)", "one value a channel"],
    ),
    "one weight for all channels": (
        "batch_norm", [zeros(2, 3), None, None], {"training": True, "weight": zeros(1)},
        ValueError, ["weight of shape (3,)", "x (2, 3)", "got (1,)", "one value a channel"],
    ),
    "bias of the shape of x": (
        "batch_norm", [zeros(2, 3), None, None], {"training": True, "bias": zeros(2, 3)},
        ValueError, ["bias of shape (3,)", "x (2, 3)", "got (2, 3)", "one value a channel"],
    ),
    "channels last": (
        "batch_norm", [zeros(2, 8, 8, 3), None, None], {"training": True, "weight": zeros(3)},
        ValueError, ["weight of shape (8,)", "dimension 1 of x (2, 8, 8, 3)", "got (3,)"],
    ),
    "integers in training": (
        "batch_norm", [zeros(2, 3, dtype=np.int64), None, None], {"training": True}, TypeError,
        ["floating-point", "int64", "convert it"],
    ),
    "integers in evaluation": (
        "batch_norm", [zeros(2, 3, dtype=np.int32), zeros(3), zeros(3)], {}, TypeError,
        ["floating-point", "int32", "convert it"],
    ),
    "one example in training": (
        "batch_norm", [zeros(1, 3), None, None], {"training": True}, ValueError,
        ["more than one value a channel", "(1, 3)", "larger batch, or evaluation mode"],
    ),
    "one pixel in training": (
        "batch_norm", [zeros(1, 3, 1, 1), None, None], {"training": True}, ValueError,
        ["more than one value a channel", "(1, 3, 1, 1)", "larger batch, or evaluation mode"],
    ),
    "evaluation without a mean": (
        "batch_norm", [zeros(2, 3), None, zeros(3)], {}, ValueError,
        ["running_mean and running_var", "got None", "training=True"],
    ),
    "evaluation without a variance": (
        "batch_norm", [zeros(2, 3), zeros(3), None], {}, ValueError,
        ["running_mean and running_var", "got None", "training=True"],
    ),
    "layer norm over other features": (
        "layer_norm", [zeros(2, 3), (4,)], {}, ValueError,
        ["normalized_shape (4,)", "got x of shape (2, 3)", "features to the end"],
    ),
    "layer norm over more axes than there are": (
        "layer_norm", [zeros(3), (2, 3)], {}, ValueError,
        ["normalized_shape (2, 3)", "got x of shape (3,)", "features to the end"],
    ),
    "layer norm over no axis": (
        "layer_norm", [zeros(2, 3), ()], {}, ValueError,
        ["normalized_shape ()", "got x of shape (2, 3)", "features to the end"],
    ),
    "layer norm over no feature": (
        "layer_norm", [zeros(2, 0), (0,)], {}, ValueError,
        ["at least one value", "(2, 0)", "drop empty"],
    ),
    "one weight for all features": (
        "layer_norm", [zeros(2, 3), (3,)], {"weight": zeros(1)}, ValueError,
        ["weight of shape (3,)", "got (1,)", "one value a feature"],
    ),
    "a bias for each example": (
        "layer_norm", [zeros(2, 3), (3,)], {"bias": zeros(2, 3)}, ValueError,
        ["bias of shape (3,)", "got (2, 3)", "one value a feature"],
    ),
    "integers in layer norm": (
        "layer_norm", [zeros(2, 3, dtype=np.int64), (3,)], {}, TypeError,
        ["floating-point", "int64", "convert it"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", [call_numpy, call_twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_call_is_told_what_to_do(call, wrong):
    norm, args, options, error, words = WRONG_CALLS[wrong]
    in_order = ".*".join(map(re.escape, words))
    with pytest.raises(error, match=in_order):
        call(norm, *args, **options)


@pytest.mark.parametrize("call", [call_numpy, call_twin])
@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_every_message_has_expected_got_and_repair(call, wrong):
    norm, args, options, error, _ = WRONG_CALLS[wrong]
    with pytest.raises(error, match=r"^expected .+, got .+; \w.+"):
        call(norm, *args, **options)


@pytest.mark.parametrize("call", [call_numpy, call_twin])
def test_refused_call_leaves_the_running_statistics(call):
    mean, var = np.zeros(3), np.ones(3)
    with pytest.raises(ValueError, match="weight"):
        call("batch_norm", np.ones((2, 3)), mean, var, weight=zeros(1), training=True)
    np.testing.assert_array_equal([mean, var], [np.zeros(3), np.ones(3)])


MODULES = {
    "BatchNorm1d": ((3, 4), (3, 4, 5)),
    "BatchNorm2d": ((3, 4, 5, 2),),
    "BatchNorm3d": ((3, 4, 5, 2, 2),),
}
ALL_RANKS = [(3, 4, 5, 2, 2)[:rank] for rank in range(1, 6)] + [(3, 4, 5, 2, 2, 2)]


@pytest.mark.parametrize("name", MODULES)
def test_module_takes_the_ranks_of_its_name_and_no_others(name):
    module = getattr(torch_layers, name)(4).eval()
    for shape in ALL_RANKS:
        if shape in MODULES[name]:
            assert module(torch.zeros(shape)).shape == shape
        else:
            with pytest.raises(ValueError, match=rf"^{name} expected .+, got .+; channels .+"):
                module(torch.zeros(shape))


@pytest.mark.parametrize("name", MODULES)
def test_module_refuses_other_channels(name):
    module = getattr(torch_layers, name)(7)
    with pytest.raises(ValueError, match=r"c = 7, got .+; channels stand on axis 1"):
        module(torch.zeros(MODULES[name][0]))
