"""Weight normalization as a parametrization; the twin of `numpy_layers.weight_norm`."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from course_lib.numpy_layers.weight_norm import lengthwise_axes, require_lengths
from course_lib.torch_layers.moments import as_statistics_dtype, moments


class _WeightNorm(nn.Module):
    """Compute a weight from its lengths and its directions; named as torch's for the same repr."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Give each slice of `weight_v` along `dim` the length in `weight_g`."""
        axes = require_lengths(weight_v, weight_g, self.dim)
        wide = as_statistics_dtype(weight_v)
        unit = wide / _lengths(wide, axes)
        return (weight_g * unit).to(weight_v.dtype)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Split `weight` into the lengths it has and itself as the directions."""
        axes = lengthwise_axes(weight, self.dim)
        lengths = _lengths(as_statistics_dtype(weight), axes).to(weight.dtype)
        return lengths.reshape(()) if len(axes) == weight.ndim else lengths, weight


def _lengths(v: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the 2-norm over `axes`, kept as length 1; over no axes it is the magnitude."""
    return torch.linalg.vector_norm(v[..., None], 2, (*axes, v.ndim), keepdim=True)[..., 0]


def weight_norm(module: nn.Module, name: str = "weight", dim: int | None = 0) -> nn.Module:
    """Store `module.name` as a length times a direction, as torch's function does.

    Parameters
    ----------
    module : nn.Module
        Gets the parameters ``parametrizations.<name>.original0`` (lengths g) and ``original1``
        (directions v); checkpoints of the old names ``<name>_g`` and ``<name>_v`` load as well.
    name : str
    dim : int or None
        See `course_lib.numpy_layers.weight_norm`.

    Returns
    -------
    nn.Module
        The same module. `torch.nn.utils.parametrize.remove_parametrizations` undoes it.

    References
    ----------
    Salimans & Kingma (2016), "Weight normalization".
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(partial(_rename_old_keys, name))
    return module


def _rename_old_keys(name: str, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Rename the keys that torch.nn.utils.weight_norm wrote."""
    old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
    if all(key in state_dict for key in old):
        for index, key in enumerate(old):
            state_dict[f"{prefix}parametrizations.{name}.original{index}"] = state_dict.pop(key)


@torch.no_grad()
def initialize_weight_norm(module: nn.Module, *batch: Any) -> None:
    """Set lengths and biases so that on `batch` each output has mean 0 and variance 1.

    Parameters
    ----------
    module : nn.Module
        A weight-normalized linear or convolutional layer, or a network that holds some. Each
        layer sees what the layers before it put out after their own initialization. A layer
        without bias keeps its mean.
    *batch
        The arguments of one call of `module`.

    Raises
    ------
    ValueError
        If no layer is weight-normalized, if one has not a length for each output, or if an
        output does not vary over the batch.

    Notes
    -----
    With t the output for g = 1 and b = 0, g becomes 1/σ[t] and b becomes −μ[t]/σ[t]: statistics
    over the batch and all positions, biased variance.

    References
    ----------
    Salimans & Kingma (2016), "Weight normalization", section 3.
    """
    layers = [layer for layer in module.modules() if _is_weight_normalized(layer)]
    if not layers:
        raise ValueError(
            "expected a weight-normalized layer in the module, got none; call weight_norm first"
        )
    handles = [layer.register_forward_hook(_standardize_output) for layer in layers]
    try:
        module(*batch)
    finally:
        for handle in handles:
            handle.remove()


def _is_weight_normalized(layer: nn.Module) -> bool:
    return parametrize.is_parametrized(layer, "weight") and isinstance(
        layer.parametrizations.weight[0], _WeightNorm
    )


def _standardize_output(layer: nn.Module, _: Any, y: Tensor) -> Tensor:
    """Fold the standardization of `y` into the layer's g and b, and return it standardized."""
    g, dim = layer.parametrizations.weight.original0, layer.parametrizations.weight[0].dim
    channels = -1 if isinstance(layer, nn.Linear) else 1
    if dim != output_dim(layer) or g.numel() != y.shape[channels]:
        raise ValueError(
            f"expected weight_norm over dim {output_dim(layer)}, one length for each of the "
            f"{y.shape[channels]} outputs, got dim {dim} and g of shape {tuple(g.shape)}; "
            "normalize over that dim"
        )
    last = y.movedim(channels, -1)
    flat = last.flatten(0, -2)
    mean, var, _ = moments(flat, (0,))
    if (var == 0).any():
        raise ValueError(
            "expected outputs that vary over the batch, got a constant one; use a larger batch"
        )
    std = var.sqrt()
    g.div_(std.reshape(g.shape))
    if layer.bias is None:
        mean = torch.zeros_like(mean)
    else:
        layer.bias.sub_(mean[0]).div_(std[0])
    return ((flat - mean) / std).to(y.dtype).reshape(last.shape).movedim(-1, channels)


def output_dim(layer: nn.Module) -> int:
    """Return the axis of the weight that counts the outputs: 1 in a transposed convolution."""
    transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return 1 if isinstance(layer, transposed) else 0
