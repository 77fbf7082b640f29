"""Which values share a mean, in every norm and layout; measured on the NumPy layers."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from course_lib import numpy_layers as layers
from course_lib.explore import draws
from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable

# The same 32 values in every layout: 4 channels, or features, of 8 examples or of 2 × 4 positions.
LAYOUTS = {"(n, c)": (8, 4), "(n, c, l)": (2, 4, 4), "(n, c, h, w)": (2, 4, 2, 2),
           "(n, t, d)": (2, 4, 4)}  # fmt: skip
TOKENS = "(n, t, d)"


class Norm(NamedTuple):
    """A layer: how NumPy calls it, and torch; {d} is the rank, {shape} that of an example."""

    kind: str  # what it divides by: "std" after the mean is off, "rms" or "length"
    layer: Callable  # course_lib.numpy_layers'; its signature gives eps
    arguments: Callable[[tuple[int, ...], str], dict[str, Any]]  # of the shape of x, the layout
    torch: str  # an expression of x
    home: str = "torch.nn."  # where torch has it, or nothing
    channels_first: bool = True  # tokens are turned before and after
    weights: bool = False  # x is a layer's weight, (out, in, …)


def features(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """Return the shape that layer norm is usually given: that of a token, or of an example."""
    return shape[-1:] if layout == TOKENS else shape[1:]


def _nothing(shape: tuple[int, ...], layout: str) -> dict[str, Any]:
    return {}


def _batch(shape: tuple[int, ...], layout: str) -> dict[str, Any]:
    return {"running_mean": None, "running_var": None, "training": True}


def _virtual(shape: tuple[int, ...], layout: str) -> dict[str, Any]:
    return {**_batch(shape, layout), "virtual_batch_size": 2}


def _features(shape: tuple[int, ...], layout: str) -> dict[str, Any]:
    return {"normalized_shape": features(shape, layout)}


def _lengths(shape: tuple[int, ...], layout: str) -> dict[str, Any]:
    return {"g": np.ones((shape[0], *(1,) * (len(shape) - 1)))}


def _group(count: int) -> Norm:
    return Norm("std", layers.group_norm, lambda *_: {"num_groups": count},
                f"GroupNorm({count}, 4)")  # fmt: skip


NORMS = {
    "batch norm": Norm("std", layers.batch_norm, _batch, "BatchNorm{d}d(4)"),
    "layer norm": Norm("std", layers.layer_norm, _features, "LayerNorm({shape})",
                       channels_first=False),
    "instance norm": Norm("std", layers.instance_norm, _nothing, "InstanceNorm{d}d(4)"),
    "group norm 1": _group(1),
    "group norm 2": _group(2),
    "group norm 4": _group(4),
    "RMS norm": Norm("rms", layers.rms_norm, _features, "RMSNorm({shape})", channels_first=False),
    "ghost batch norm": Norm("std", layers.ghost_batch_norm, _virtual, "GhostBatchNorm(4, 2)", ""),
    "filter response norm": Norm("rms", layers.filter_response_norm, _nothing,
                                 "filter_response_norm(x)", ""),
    "ScaleNorm": Norm("length", layers.scale_norm, _nothing, "scale_norm(x)", "",
                      channels_first=False),
    "unit length": Norm("length", layers.normalize, _nothing, "normalize(x, dim=1)",
                        "torch.nn.functional."),
    "weight norm": Norm("length", layers.weight_norm, _lengths, "weight_norm({module})",
                        "torch.nn.utils.parametrizations.", weights=True),
    "weight standardization": Norm("std", layers.weight_standardization, _nothing,
                                   "weight_standardization(x)", "", weights=True),
}  # fmt: skip


def apply(norm: Norm, x: np.ndarray, layout: str) -> np.ndarray:
    """Return the layer's output, or the layer's own refusal of such an `x` as a ValueError."""
    if layout == TOKENS and norm.weights:
        raise ValueError("weights have no tokens; choose a layout with channels")
    turned = layout == TOKENS and norm.channels_first
    x = x.swapaxes(1, 2) if turned else x
    y, _ = norm.layer(x, **norm.arguments(x.shape, layout))
    return y.swapaxes(1, 2) if turned else y


def spans(norm: Norm, layout: str) -> list[int]:
    """Move the first value of a block; return how far along each axis outputs answer."""
    x = draws.normals(5, 32).reshape(LAYOUTS[layout])
    moved = x.copy()
    moved[(0,) * x.ndim] += 1.0
    answer = np.argwhere(np.abs(apply(norm, moved, layout) - apply(norm, x, layout)) > 1e-9)
    # A value that is alone in its group becomes 0, and none answers.
    return (answer.max(0, initial=0) + 1).tolist()


def call(norm: Norm, layout: str) -> str:
    """Return torch's expression."""
    rank, inner = len(LAYOUTS[layout]), features(LAYOUTS[layout], layout)
    words = {"d": max(1, rank - 2), "module": "conv" if rank > 2 else "linear",
             "shape": inner if len(inner) > 1 else inner[0]}  # fmt: skip
    code = norm.torch.format(**words)
    if layout != TOKENS or not norm.channels_first:
        return code
    if code.endswith("(x, dim=1)"):
        return code.replace("1)", "2)")
    return code.replace("(x)", "(x.mT).mT") if "(x)" in code else f"{code}(x.mT).mT"


def measured(norm: Norm) -> dict[str, Any]:
    """Return what the script needs of a norm; a layout it refuses has the refusal's words."""
    eps = inspect.signature(norm.layer).parameters.get("eps")
    found = {}
    for layout in LAYOUTS:
        try:
            found[layout] = [spans(norm, layout), call(norm, layout)]
        except ValueError as error:
            found[layout] = str(error)
    given = 0.0 if eps is None else np.finfo(float).eps if eps.default is None else eps.default
    return {"kind": norm.kind, "eps": float(given), "home": norm.home, "weights": norm.weights,
            "layouts": found}  # fmt: skip


def _values() -> list[float]:
    """Return 32 values, those of each channel with a mean and a spread of their own."""
    noise = draws.normals(29, 32).reshape(4, 8) * [[0.6], [1.2], [0.8], [0.5]]
    rows = np.round(noise + np.array([[1.2], [-0.9], [0.3], [2.2]]), 1).clip(-4, 4)
    return (rows.ravel() + 0.0).tolist()  # no negative zero


class Axes(Explorable):
    """Pick a norm and a layout, see which values share statistics, and change one.

    Parameters
    ----------
    norm : str
        "batch norm", "layer norm", …: a key of NORMS, group norm without its number.
    layout : str
        A key of LAYOUTS.
    groups : int
        1, 2 or 4, for group norm.
    values : list of 32 numbers, -4 to 4
        Channel by channel; within a channel example by example, then position by position.
    cell : int
        The chosen value, 0 to 31.
    challenge : str, optional
    """

    name = "axes"
    question = "If you change one number, which outputs move?"
    challenge = (
        "Find every norm in which a value of one sample moves outputs of another. Then choose "
        "(n, t, d): which picture stays, and which numbers change in its call?"
    )
    alt = (
        "Thirty-two values as sheets, one a sample, and as a block: rows are channels, columns "
        "positions. Values with one letter share their statistics, and those of the chosen value "
        "are framed. A number line shows them before and after the norm."
    )
    controls: ClassVar = {
        "norm": ("batch norm", list(dict.fromkeys(name.rstrip(" 124") for name in NORMS))),
        "layout": ("(n, c, h, w)", list(LAYOUTS)),
        "groups": (2, [1, 2, 4]),
        "values": (_values(), span(-4, 4, 0.1, (32, 32))),
        "cell": (9, span(0, 31, 1)),
    }
    constants: ClassVar = {"NORMS": {name: measured(norm) for name, norm in NORMS.items()}}
