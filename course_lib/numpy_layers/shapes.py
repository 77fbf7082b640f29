"""What the layers ask of their arguments' shapes, for arrays and tensors alike."""

import math
from collections.abc import Mapping
from typing import Any


def per_channel(values: Any, x: Any) -> Any:
    """Reshape (c,) to (1, c, *1) so that it broadcasts along channels and never along positions."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def values_per_channel(x: Any) -> int:
    """Return how many values of `x` (n, c, *s) share a channel: n times the positions."""
    return x.shape[0] * math.prod(x.shape[2:])


def require_channels(x: Any, parameters: Mapping[str, Any], layer: str) -> None:
    """Refuse `x` without channels on axis 1, and parameters that have not one value for each."""
    shape = tuple(x.shape)
    if len(shape) < 2:
        raise ValueError(
            f"expected x of shape (n, c, ...) with channels on axis 1, got {shape}; "
            "add a batch axis with x[None]"
        )
    for name, value in parameters.items():
        if value is not None and tuple(value.shape) != (shape[1],):
            raise ValueError(
                f"expected {name} of shape ({shape[1]},) to match dimension 1 of x {shape}, "
                f"got {tuple(value.shape)}; {layer} keeps one value a channel"
            )


def require_trailing(
    x: Any, normalized_shape: tuple[int, ...], parameters: Mapping[str, Any], layer: str
) -> None:
    """Refuse `x` that does not end in `normalized_shape`, and parameters of another shape."""
    shape = tuple(x.shape)
    if not normalized_shape or shape[-len(normalized_shape) :] != normalized_shape:
        raise ValueError(
            f"expected x to end in normalized_shape {normalized_shape}, got x of shape {shape}; "
            f"{layer} reduces the trailing axes, so move the features to the end"
        )
    for name, value in parameters.items():
        if value is not None and tuple(value.shape) != normalized_shape:
            raise ValueError(
                f"expected {name} of shape {normalized_shape} to match normalized_shape, "
                f"got {tuple(value.shape)}; {layer} keeps one value a feature"
            )


def require_statistics(x: Any, running_mean: Any, running_var: Any, training: bool) -> None:
    """Refuse a training batch without a variance, and evaluation without a memory."""
    if training and values_per_channel(x) == 1:
        raise ValueError(
            f"expected more than one value a channel in training, got x of shape {tuple(x.shape)}; "
            "the variance of one value is 0: use a larger batch, or evaluation mode"
        )
    if not training and (running_mean is None or running_var is None):
        raise ValueError(
            "expected running_mean and running_var in evaluation, got None; "
            "pass the statistics that training collected, or training=True"
        )
