"""Layer objects and their composition: parameters, gradients, and running statistics."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_lib import numpy_layers
from course_lib.numpy_layers.moments import Array
from course_lib.numpy_network.convolution import Pair, conv2d, conv2d_backward
from course_lib.numpy_network.linear import linear, linear_backward


class Layer:
    """A function that owns its parameters and remembers its last forward pass."""

    cache: Any = None
    gradients: Sequence[Array] = ()

    def __init__(self, *parameters: Array) -> None:
        self.parameters = list(parameters)

    def forward(self, x: Array, training: bool) -> Array:
        """Return the output; the mode matters to layers with running statistics."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the last input; leave `gradients`, one a parameter."""
        if self.cache is None:
            raise ValueError(
                f"expected a forward pass before backward, got none; call {type(self).__name__}"
                ".forward(x, training=True) first"
            )
        dx, *self.gradients = self.pull_back(dy)
        return dx

    def pull_back(self, dy: Array) -> Sequence[Array]:
        """Return the gradients of the input and of the parameters."""
        raise NotImplementedError


class Linear(Layer):
    """An affine map (*b, in) to (*b, out), started within torch's bounds, ±1 / √in."""

    def __init__(self, in_features: int, out_features: int, rng: np.random.Generator) -> None:
        bound = 1 / math.sqrt(in_features)
        shapes = ((out_features, in_features), (out_features,))
        super().__init__(*(rng.uniform(-bound, bound, shape) for shape in shapes))

    def forward(self, x: Array, training: bool) -> Array:
        y, self.cache = linear(x, *self.parameters)
        return y

    def pull_back(self, dy: Array) -> Sequence[Array]:
        return linear_backward(dy, self.cache)


class Conv2d(Layer):
    """A convolution of (n, c, h, w), started within torch's bounds, ±1 / √(c kh kw)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        rng: np.random.Generator,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
    ) -> None:
        bound = 1 / math.sqrt(in_channels * math.prod(kernel_size))
        shapes = ((out_channels, in_channels, *kernel_size), (out_channels,))
        super().__init__(*(rng.uniform(-bound, bound, shape) for shape in shapes))
        self.stride, self.padding = stride, padding

    def forward(self, x: Array, training: bool) -> Array:
        y, self.cache = conv2d(x, *self.parameters, self.stride, self.padding)
        return y

    def pull_back(self, dy: Array) -> Sequence[Array]:
        return conv2d_backward(dy, self.cache)


class Activation(Layer):
    """An elementwise function and its backward, for example ``Activation(relu, relu_backward)``."""

    def __init__(self, function: Callable, function_backward: Callable) -> None:
        super().__init__()
        self.function, self.function_backward = function, function_backward

    def forward(self, x: Array, training: bool) -> Array:
        y, self.cache = self.function(x)
        return y

    def pull_back(self, dy: Array) -> Sequence[Array]:
        return [self.function_backward(dy, self.cache)]


class Flatten(Layer):
    """Lay (n, *s) out as (n, features), for a linear map after a convolution."""

    def forward(self, x: Array, training: bool) -> Array:
        self.cache = x.shape
        return x.reshape(len(x), -1)

    def pull_back(self, dy: Array) -> Sequence[Array]:
        return [dy.reshape(self.cache)]


class BatchNorm(Layer):
    """Batch norm over (n, c, *s) with running statistics, which training moves."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(np.ones(num_features), np.zeros(num_features))
        self.eps, self.momentum = eps, momentum
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x: Array, training: bool) -> Array:
        memory = (self.running_mean, self.running_var)
        y, self.cache = numpy_layers.batch_norm(
            x, *memory, *self.parameters, training, self.momentum, self.eps
        )
        return y

    def pull_back(self, dy: Array) -> Sequence[Array]:
        return numpy_layers.batch_norm_backward(dy, self.cache)


class LayerNorm(Layer):
    """Layer norm over the trailing `normalized_shape`, the same in training and evaluation."""

    def __init__(self, normalized_shape: Sequence[int], eps: float = 1e-5) -> None:
        self.normalized_shape, self.eps = tuple(normalized_shape), eps
        super().__init__(np.ones(self.normalized_shape), np.zeros(self.normalized_shape))

    def forward(self, x: Array, training: bool) -> Array:
        y, self.cache = numpy_layers.layer_norm(
            x, self.normalized_shape, *self.parameters, self.eps
        )
        return y

    def pull_back(self, dy: Array) -> Sequence[Array]:
        return numpy_layers.layer_norm_backward(dy, self.cache)


class Sequential:
    """Layers one after the other; parameters and gradients as one list, in their order."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    @property
    def parameters(self) -> list[Array]:
        """The arrays that an optimizer changes in place."""
        return [parameter for layer in self.layers for parameter in layer.parameters]

    @property
    def gradients(self) -> list[Array]:
        """What the last backward pass left, one a parameter."""
        return [gradient for layer in self.layers for gradient in layer.gradients]

    def forward(self, x: Array, training: bool) -> Array:
        """Return the output of the last layer."""
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the last input, and leave the gradients of the parameters."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy
