"""Random inputs of a case, in more buffers than the cache holds, and the answers in float64."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib import numpy_layers, torch_layers
from course_lib.bench.cases import Case, input_bytes
from course_lib.bench.operations import composed, differentiated, paired

LARGEST_ROTATION = 2**28  # bytes: past it, a server's cache would fill the memory with buffers


class Inputs(NamedTuple):
    """What every implementation of a case is given."""

    activations: list[tuple[Tensor, ...]]  # one entry a buffer: x, or x and the residual
    upstreams: list[tuple[Tensor, ...]]  # one gradient an output
    parameters: Mapping[str, Tensor]


def rotation(case: Case, cache_bytes: int) -> int:
    """Return how many buffers together outgrow the cache: none is there when its turn comes."""
    return 2 + min(cache_bytes, LARGEST_ROTATION) // input_bytes(case)


def draw(case: Case, count: int, device: str = "cpu", mean: float = 0.0, seed: int = 0) -> Inputs:
    """Draw standard normal inputs, shifted by `mean`.

    Parameters
    ----------
    case : Case
    count : int
        Buffers; see `rotation`.
    device : ``"cpu"`` or ``"cuda"``
    """
    generator = torch.Generator(device).manual_seed(seed)
    dtype = getattr(torch, case.dtype)
    channels_last = case.layout == "channels last"
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def normal(shape, shift=0.0):
        values = torch.randn(shape, generator=generator, device=device).add_(shift).to(dtype)
        return values.contiguous(memory_format=layout) if len(shape) == 4 else values

    width = 2 if case.op == "add_rms_norm" else 1  # activations, and outputs
    features = case.shape[1:2]
    parameters = {}
    if case.op == "dynamic_tanh":
        parameters["alpha"] = torch.full((1,), 0.5, dtype=dtype, device=device)
    parameters["weight"] = normal(features)
    if case.op not in ("rms_norm", "add_rms_norm"):
        parameters["bias"] = normal(features)
    return Inputs(
        [tuple(normal(case.shape, mean / width) for _ in range(width)) for _ in range(count)],
        [tuple(normal(case.shape) for _ in range(width)) for _ in range(count)],
        parameters,
    )


def right_answers(
    case: Case, inputs: Inputs, buffer: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the outputs and the gradients of one buffer in float64, on the inputs' device.

    They are those of the textbook layers in NumPy; on a GPU, for whose sizes NumPy takes minutes,
    those of the plain torch layers, which tests hold equal to NumPy's.
    """
    activations = inputs.activations[buffer]
    if case.op == "add_rms_norm":  # the sum is an output, and what is normalized is it, rounded
        activations = activations[0] + activations[1], torch.zeros((), device=activations[0].device)
    name = case.op.removeprefix("add_")
    on_gpu = activations[0].is_cuda
    if on_gpu:
        exact = differentiated(composed(case.op, getattr(torch_layers, name)))
    else:
        layer, backward = (getattr(numpy_layers, name + ending) for ending in ("", "_backward"))
        exact = paired(case.op, layer, backward)

    def wide(tensor: Tensor, leaf: bool = True):
        copy = tensor.detach().double()
        return copy.requires_grad_(leaf) if on_gpu else copy.numpy()

    outputs, state = exact.forward(
        tuple(wide(tensor) for tensor in activations),
        {key: wide(tensor) for key, tensor in inputs.parameters.items()},
    )
    upstreams = tuple(wide(tensor, leaf=False) for tensor in inputs.upstreams[buffer])
    gradients = exact.backward(upstreams, state)
    return tuple(map(_detached, outputs)), tuple(map(_detached, gradients))


def _detached(result: Tensor | np.ndarray) -> Tensor:
    return torch.as_tensor(result).detach()
