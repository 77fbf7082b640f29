"""Gradients across the pipe: a call of the worker as one node of the judge's autograd graph."""

from typing import Any

import torch

from course_lib.grading.worker.loop import arrays


def call_with_gradient(session, target: Any, args: tuple, kwargs: dict) -> Any:
    """Call `target` in the worker so that `backward` through its tensors runs there.

    Parameters
    ----------
    session : course_lib.grading.judge.remote.Session
    target, args, kwargs
        As for its `call`; at least one tensor in them requires a gradient.
    """
    given = [a for a in arrays([args, kwargs]) if isinstance(a, torch.Tensor)]
    shell: dict[str, Any] = {}
    results = _Call.apply(session, target, args, kwargs, shell, *given)
    return _refill(shell["value"], iter(results))


class _Call(torch.autograd.Function):
    @staticmethod
    def forward(ctx, session, target, args, kwargs, shell, *given):
        shell["value"], ctx.number = session.plain_call(target, args, kwargs)
        ctx.session = session
        ctx.given = list(map(_is_tensor, arrays([args, kwargs])))
        found = list(arrays(shell["value"]))
        ctx.found = list(map(_is_tensor, found))
        results = [array for array in found if _is_tensor(array)]
        ctx.mark_non_differentiable(*(result for result in results if not result.requires_grad))
        return tuple(result.requires_grad_(False) for result in results)

    @staticmethod
    def backward(ctx, *upstream):
        tensors = iter(upstream)
        dys = [next(tensors) if is_tensor else None for is_tensor in ctx.found]
        gradients, _ = ctx.session.request("pull", [ctx.number, dys])
        taken = [d for d, is_tensor in zip(gradients, ctx.given, strict=True) if is_tensor]
        return None, None, None, None, None, *taken


def _is_tensor(array: Any) -> bool:
    return isinstance(array, torch.Tensor)


def _refill(value: Any, results) -> Any:
    """Return the value with its tensors replaced by those that carry the gradient, in order."""
    if isinstance(value, torch.Tensor):
        return next(results)
    if type(value) in (list, tuple):
        return type(value)(_refill(item, results) for item in value)
    if type(value) is dict:
        return {key: _refill(item, results) for key, item in value.items()}
    return value
