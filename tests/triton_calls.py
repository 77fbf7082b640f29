"""A call of a kernel's launch functions, forward and back, and the NumPy layer's answer to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from course_lib import numpy_layers

# Tiles so small that few values already take several programs, rounds and chunks.
SMALL = {"FORWARD_VALUES": 16, "BACKWARD_VALUES": 16, "VALUES": 32, "CHANNELS": 4, "PARTS": 4}
# No row and no group fits into a program, and no image into a tile.
CHUNKED = {**SMALL, "WIDEST_FORWARD": 4, "WIDEST_BACKWARD": 4, "CHUNK": 4, "VALUES": 8}
DATA = ("x", "residual")
MEMORY = ("running_mean", "running_var")


@dataclass(frozen=True)
class Call:
    """What to run, on arrays of float64 that become tensors of the named dtypes."""

    layer: str  # the launch function
    arguments: Mapping[str, Any]
    upstream: tuple[np.ndarray | None, ...]  # one gradient for each output
    dtype: str = "float32"
    parameter_dtype: str = "float32"
    layout: str = "contiguous"  # of x: or channels_last, gaps
    upstream_layout: str = "contiguous"
    sizes: Mapping[str, int] = field(default_factory=lambda: SMALL)
    multiprocessors: int = 2  # of what the interpreter stands in for
    device: str = "cpu"
    bug: tuple[str, str, str] | None = None  # module, right, wrong

    def dtype_of(self, name: str) -> str:
        """Return the dtype of an argument."""
        if name in MEMORY:
            return "float32"
        return self.dtype if name in DATA else self.parameter_dtype


@dataclass
class Answer:
    """What came out, as arrays of float64."""

    outputs: list[np.ndarray]
    gradients: list[np.ndarray | None]
    memory: list[np.ndarray]  # running statistics afterwards
    dtypes: list[str | None] = field(default_factory=list)  # of the outputs and gradients
    strides: list[tuple[int, ...]] = field(default_factory=list)  # of the first output and of dx
    overrun: list[str] = field(default_factory=list)  # tensors written beyond their ends


def draw(layer: str, shape: tuple[int, ...], *, offset: float = 0.0, seed: int = 0, **more) -> Call:
    """Draw the arguments of a layer for `x` of the shape, with random upstream gradients."""
    rng = np.random.default_rng(seed)
    features = shape[1:2] if layer in ("batch_norm", "group_norm") else shape[-1:]
    spread = rng.uniform(0.5, 2.0, (shape[0], *(1,) * (len(shape) - 1)))
    x = offset + spread * rng.normal(size=shape)
    arguments = {"x": x, "weight": rng.normal(size=features), "bias": rng.normal(size=features)}
    upstream = [rng.normal(size=shape)]
    if layer == "batch_norm":
        memory = {
            "running_mean": rng.normal(size=features),
            "running_var": rng.uniform(1, 2, features),
        }
        arguments |= memory
    if layer in ("layer_norm", "rms_norm"):
        arguments["normalized_shape"] = features
    if layer in ("rms_norm", "add_rms_norm"):
        del arguments["bias"]
    if layer != "dynamic_tanh":
        arguments["eps"] = 0.1  # its place must show, and two values in a group keep a gradient
    if layer == "add_rms_norm":
        arguments["residual"] = rng.normal(size=shape)
        upstream.append(rng.normal(size=shape))
    if layer == "dynamic_tanh":
        arguments["alpha"] = np.asarray([0.7])
    arguments |= {name: more.pop(name) for name in list(more) if name in (*arguments, "num_groups")}
    return Call(layer, arguments, tuple(upstream), **more)


def rounded(array: np.ndarray, dtype: str) -> np.ndarray:
    """Return the values that a tensor of the dtype holds."""
    return torch.as_tensor(array).to(getattr(torch, dtype)).double().numpy()


def exact(call: Call) -> Answer:
    """Answer a call by the NumPy layer in float64, on what the tensors hold."""
    arguments = {
        name: rounded(value, call.dtype_of(name)) if isinstance(value, np.ndarray) else value
        for name, value in call.arguments.items()
    }
    dy, *rest = (None if dy is None else rounded(dy, call.dtype) for dy in call.upstream)
    layer, outputs = call.layer, []
    if layer == "add_rms_norm":
        layer, x = "rms_norm", arguments.pop("residual") + arguments["x"]
        arguments |= {"x": rounded(x, call.dtype), "normalized_shape": x.shape[-1:]}
        outputs = [arguments["x"]]
    training = {"training": True} if layer == "batch_norm" else {}
    y, cache = _named(layer)(**arguments, **training)
    gradients = list(_named(f"{layer}_backward")(dy, cache))
    if rest and rest[0] is not None:
        gradients[0] = gradients[0] + rest[0]
    memory = [arguments[name] for name in MEMORY if arguments.get(name) is not None]
    return Answer([y, *outputs], gradients, memory)


def _named(name: str) -> Callable:
    return getattr(numpy_layers, name)
