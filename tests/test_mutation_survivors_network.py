"""What mutmut changed in the NumPy network without any other test noticing.

Mutants that compute the same, so that no test can see them: `reshape(-2)`, which NumPy reads as
`reshape(-1)`; `strict` of a zip of equal lengths; in conv2d_backward, zeros in float64, whose sums
are rounded to the dtype of dy in the end, and a margin of zeros that is wider than the padding;
in sigmoid, which of two equal branches 0 takes.
"""

import re

import numpy as np
import pytest

from course_lib import numpy_layers
from course_lib import numpy_network as network

RNG = np.random.default_rng(7)
IMAGES = RNG.normal(size=(2, 3, 5, 5))
KERNELS = RNG.normal(size=(4, 3, 3, 3))


def test_defaults_of_the_convolution_are_torchs():
    layer = network.Conv2d(3, 4, (3, 3), RNG)
    assert layer.forward(IMAGES, training=True).shape == (2, 4, 3, 3)
    assert network.conv2d(IMAGES, KERNELS)[0].shape == (2, 4, 3, 3)


@pytest.mark.parametrize(("layer", "shape"), [("Conv2d", (3, 4, (3, 3))), ("Linear", (27, 4))])
def test_start_fills_torchs_bounds_on_both_sides(layer, shape):
    bound = 27**-0.5
    for parameter in getattr(network, layer)(*shape, RNG).parameters:
        assert -bound <= parameter.min() < 0 < parameter.max() <= bound


@pytest.mark.parametrize("options", [{}, {"eps": 0.5}])
def test_norms_use_their_eps_and_have_torchs_default(options):
    x = RNG.normal(3, 0.01, (4, 3))
    wanted, _ = numpy_layers.layer_norm(x, (3,), **options)
    np.testing.assert_array_equal(network.LayerNorm((3,), **options).forward(x, True), wanted)
    wanted, _ = numpy_layers.batch_norm(x, None, None, training=True, **options)
    np.testing.assert_array_equal(network.BatchNorm(3, **options).forward(x, True), wanted)


@pytest.mark.parametrize("name", ["lr", "eps", "weight_decay"])
def test_adam_takes_nothing_negative(name):
    with pytest.raises(ValueError, match=f"expected {name} of at least 0, got -0.1"):
        network.Adam([np.ones(2)], **{name: -0.1})


def test_adam_that_remembers_nothing_follows_the_sign():
    parameter = np.array([1.0, 1.0])
    network.Adam([parameter], lr=0.5, betas=(0.0, 0.0)).step([np.array([3.0, -0.1])])
    np.testing.assert_allclose(parameter, [0.5, 1.5], rtol=1e-6)


MESSAGES = {
    "conv2d's bias": (
        lambda: network.conv2d(IMAGES, KERNELS, np.ones(3)),
        "expected bias of shape (4,) to match weight (4, 3, 3, 3), got (3,); "
        "conv2d adds one value an output",
    ),
    "linear's bias": (
        lambda: network.linear(np.ones((2, 3)), np.ones((4, 3)), np.ones(3)),
        "expected bias of shape (4,) to match weight (4, 3), got (3,); "
        "linear adds one value an output",
    ),
    "probabilities for classes": (
        lambda: network.cross_entropy(np.ones((2, 3)), np.ones(2)),
        "expected target of integer dtype, got float64; "
        "give the index of the class, not its probabilities",
    ),
    "classes from 1": (
        lambda: network.cross_entropy(np.ones((2, 3)), np.array([1, 3])),
        "expected classes from 0 to 2, got 1 to 3; number the classes from 0",
    ),
    "backward before forward": (
        lambda: network.Linear(3, 4, RNG).backward(np.ones((2, 4))),
        "expected a forward pass before backward, got none; call Linear"
        ".forward(x, training=True) first",
    ),
    "image without a batch": (
        lambda: network.conv2d(IMAGES[:, :, 0], KERNELS),
        "expected x of shape (n, c, h, w) and weight of shape (o, c, kh, kw) with the same c, "
        "got (2, 3, 5) and (4, 3, 3, 3); channels stand on axis 1 of both",
    ),
    "stride of nothing": (
        lambda: network.conv2d(IMAGES, KERNELS, stride=0),
        "expected stride of at least 1 and padding of at least 0, got (0, 0) and (0, 0); "
        "both count pixels",
    ),
    "window of one pixel more than the padded image": (
        lambda: network.conv2d(IMAGES[:, :, :2, :2], np.ones((4, 3, 5, 5)), padding=1),
        "expected a window no larger than the padded image, got weight (4, 3, 5, 5) "
        "for x (2, 3, 2, 2) with padding (1, 1); pad more or use a smaller kernel",
    ),
}


@pytest.mark.parametrize("wrong", MESSAGES)
def test_wrong_call_hears_all_three_parts(wrong):
    call, words = MESSAGES[wrong]
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(words)}$"):
        call()
