"""A network in NumPy alone: layers, loss and optimizers with hand-derived gradients."""

from course_lib.numpy_network.activations import (
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from course_lib.numpy_network.convolution import conv2d, conv2d_backward
from course_lib.numpy_network.cross_entropy import cross_entropy, cross_entropy_backward
from course_lib.numpy_network.linear import linear, linear_backward
from course_lib.numpy_network.optimizers import SGD, Adam
from course_lib.numpy_network.sequential import (
    Activation,
    BatchNorm,
    Conv2d,
    Flatten,
    LayerNorm,
    Linear,
    Sequential,
)

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "BatchNorm",
    "Conv2d",
    "Flatten",
    "LayerNorm",
    "Linear",
    "Sequential",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "linear",
    "linear_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
]
