"""One way to call every implementation: forward gives outputs and state, backward gradients."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.bench.cases import EPS, NUM_GROUPS


class CannotRun(Exception):
    """An implementation does not exist for a case, or not on this machine; says why."""


class Operation(NamedTuple):
    """A layer's two passes.

    `forward` takes the activations (x, or x and the residual) and the parameters by name, and
    returns the outputs (y, or y and the sum) and what backward needs. `backward` takes one
    gradient an output and that state, and returns dx and the parameters' gradients in order.
    """

    forward: Callable[[tuple, Mapping[str, Any]], tuple[tuple, Any]]
    backward: Callable[[tuple, Any], tuple]


def call_layer(op: str, layer: Callable, x: Any, parameters: Mapping[str, Any]) -> Any:
    """Call a layer that has the arguments of torch.nn.functional's, NumPy's or torch's."""
    weight, bias = parameters.get("weight"), parameters.get("bias")
    match op:
        case "layer_norm":
            return layer(x, tuple(x.shape[-1:]), weight, bias, EPS)
        case "rms_norm" | "add_rms_norm":
            return layer(x, tuple(x.shape[-1:]), weight, EPS)
        case "group_norm":
            return layer(x, NUM_GROUPS, weight, bias, EPS)
        case "batch_norm":
            return layer(x, None, None, weight, bias, True, 0.1, EPS)
    return layer(x, parameters["alpha"], weight, bias)


def paired(op: str, layer: Callable, layer_backward: Callable) -> Operation:
    """Wrap two functions: ``layer(...) -> (y, cache)``, ``layer_backward(dy, cache)``.

    Parameters
    ----------
    op : str
        For ``"add_rms_norm"`` the two are those of RMS norm; the additions are done here.
    """

    def forward(activations, parameters):
        if op == "add_rms_norm":
            total = activations[0] + activations[1]
            y, cache = call_layer(op, layer, total, parameters)
            return (y, total), cache
        y, cache = call_layer(op, layer, activations[0], parameters)
        return (y,), cache

    def backward(upstreams, cache):
        dx, *others = layer_backward(upstreams[0], cache)
        if op == "add_rms_norm":
            dx += upstreams[1]
        return (dx, *others)

    return Operation(forward, backward)


def fused_add(layer: Callable, layer_backward: Callable) -> Operation:
    """Wrap an `add_rms_norm` that does the additions itself, and its backward pass."""

    def forward(activations, parameters):
        y, total, cache = layer(*activations, parameters["weight"], EPS)
        return (y, total), cache

    def backward(upstreams, cache):
        gradients = layer_backward(*upstreams, cache)
        return gradients[0], gradients[-1]  # x and the residual have one gradient

    return Operation(forward, backward)


def differentiated(function: Callable[[tuple, Mapping], tuple]) -> Operation:
    """Wrap a function of tensors, from activations and parameters to outputs, with autograd."""

    def forward(activations, parameters):
        outputs = function(activations, parameters)
        return outputs, (outputs, activations, tuple(parameters.values()))

    def backward(upstreams, state):
        outputs, activations, parameters = state
        leaves = (*activations, *parameters)
        # A graph that is replayed reads the states again.
        keep = torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
        gradients = torch.autograd.grad(outputs, leaves, upstreams, retain_graph=keep)
        return (gradients[0], *gradients[len(activations) :])

    return Operation(forward, backward)


def composed(op: str, layer: Callable[..., Tensor]) -> Callable[[tuple, Mapping], tuple]:
    """Return a torch layer as a function from activations and parameters to outputs."""

    def function(activations, parameters):
        x = activations[0] + activations[1] if op == "add_rms_norm" else activations[0]
        y = call_layer(op, layer, x, parameters)
        return (y, x) if op == "add_rms_norm" else (y,)

    return function
