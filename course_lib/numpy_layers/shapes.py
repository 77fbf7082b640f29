"""What the layers ask of their arguments, and γ and β: for arrays and tensors alike."""

import math
from collections.abc import Container, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np


def per_channel(values: Any, x: Any) -> Any:
    """Reshape (c,) to (1, c, *1) so that it broadcasts along channels and never along positions."""
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def affine_per_channel(x_hat: Any, weight: Any, bias: Any) -> Any:
    """Scale and shift each channel of `x_hat` (n, c, *s) by γ and β, each (c,) or None."""
    y = x_hat
    if weight is not None:
        y = y * per_channel(weight, x_hat)
    if bias is not None:
        y = y + per_channel(bias, x_hat)
    return y


def affine_per_feature(x_hat: Any, weight: Any, bias: Any) -> Any:
    """Scale and shift each feature, on the last axes of `x_hat`, by γ and β, which may be None."""
    y = x_hat if weight is None else x_hat * weight
    return y if bias is None else y + bias


def trailing_shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """Return the shape of the features; a number alone is that of one axis."""
    if isinstance(normalized_shape, Integral):
        return (normalized_shape,)
    return tuple(normalized_shape)


def values_per_channel(x: Any) -> int:
    """Return how many values of `x` (n, c, *s) share a channel: n times the positions."""
    return x.shape[0] * math.prod(x.shape[2:])


def require_floats(x: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse what is no array or tensor, and parameters of whole numbers or on another device."""
    for name, value in {"x": x, **parameters}.items():
        if value is None and name != "x":
            continue
        is_array = isinstance(value, np.ndarray)
        if not hasattr(value, "shape"):
            raise TypeError(
                f"expected {name} to be an array or a tensor, got {type(value).__name__}; "
                "convert it with np.asarray or torch.as_tensor"
            )
        if is_array != isinstance(x, np.ndarray):
            raise TypeError(
                f"expected x and {name} to be both arrays or both tensors, got "
                f"{type(x).__name__} and {type(value).__name__}; convert one of them"
            )
        if value is x:
            continue  # its dtype is looked at where it is widened
        if not (value.dtype.kind == "f" if is_array else value.is_floating_point()):
            raise TypeError(
                f"expected a floating-point {name}, got dtype {value.dtype}; convert it first"
            )
        # torch lets a single number come from the CPU.
        if not is_array and value.ndim and value.device != x.device:
            raise RuntimeError(  # torch's kind of error
                f"expected {name} on the device of x, {x.device}, got {value.device}; "
                "move the layer or x with .to(device)"
            )


def require_channels(x: Any, parameters: Mapping[str, Any], layer: str) -> None:
    """Refuse `x` without channels on axis 1, and parameters that have not one value for each."""
    require_floats(x, parameters)
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


def require_layout(
    x: Any, ranks: Container[int], layout: str, num_features: int, layer: str
) -> None:
    """Refuse `x` of a rank that the layer does not take, or with other channels on axis 1."""
    require_floats(x, {})
    if x.ndim not in ranks or x.shape[1] != num_features:
        raise ValueError(
            f"{layer} expected x of shape {layout} with c = {num_features}, got {tuple(x.shape)}; "
            "channels stand on axis 1"
        )


def require_trailing(
    x: Any, normalized_shape: tuple[int, ...], parameters: Mapping[str, Any], layer: str
) -> None:
    """Refuse `x` that does not end in `normalized_shape`, and parameters of another shape."""
    require_floats(x, parameters)
    shape = tuple(x.shape)
    if not normalized_shape or shape[-len(normalized_shape) :] != normalized_shape:
        raise ValueError(
            f"expected x to end in normalized_shape {normalized_shape}, got x of shape {shape}; "
            f"{layer} reduces the trailing axes, so move the features to the end"
        )
    if 0 in normalized_shape:
        raise ValueError(
            f"expected at least one value along normalized_shape, got x of shape {shape}; "
            "drop empty features"
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


def require_eps(eps: float) -> None:
    """Refuse an eps that is negative or not finite; torch's own norms let most of them pass."""
    if not 0 <= eps < math.inf:
        raise ValueError(f"expected a finite eps of at least 0, got {eps}; 1e-5 is usual")


def require_momentum(momentum: Any) -> None:
    """Refuse a weight of the new batch outside [0, 1]; a tensor, a count's inverse, passes."""
    if not hasattr(momentum, "shape") and (momentum is None or not 0 <= momentum <= 1):
        raise ValueError(
            f"expected momentum from 0 to 1, got {momentum}; it is the new batch's share in the "
            "running statistics, where Keras states one minus this"
        )
