"""What is measured: operations at the shapes of real models, and the fewest bytes each can move."""

import math
from typing import NamedTuple

DIRECTIONS = ("forward", "backward", "both")
ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
LAYOUTS = ("contiguous", "channels last")
NUM_GROUPS = 32  # what diffusion U-Nets use
EPS = 1e-5
MEANS = (0.0, 1e2, 1e4, 1e6)

# Tensors of the input's size that the forward and the backward pass must read and write. Batch
# norm reads its input twice: a channel's values lie all over the memory, and do not stay in cache.
UNITS = {
    "layer_norm": (2, 3),
    "rms_norm": (2, 3),
    "add_rms_norm": (4, 4),
    "group_norm": (2, 3),
    "batch_norm": (3, 5),
    "dynamic_tanh": (2, 3),
}


class Case(NamedTuple):
    """One operation on one kind of input."""

    op: str
    dtype: str
    layout: str
    shape: tuple[int, ...]  # (rows, features) or (n, c, h, w)
    model: str


# (operation, model, shape for a CPU, shape for a GPU). The first shape of an operation stands for
# it in the quick run and in the half precisions of the CPU.
_SHAPES = [
    ("layer_norm", "BERT base", (4096, 768), (16384, 768)),
    ("layer_norm", "BERT large", (4096, 1024), (16384, 1024)),
    ("layer_norm", "Llama 8B's width", (1024, 4096), (8192, 4096)),
    ("layer_norm", "Llama 70B's width", (512, 8192), (4096, 8192)),
    ("rms_norm", "Llama 8B", (1024, 4096), (8192, 4096)),
    ("rms_norm", "Llama 70B", (512, 8192), (4096, 8192)),
    ("rms_norm", "BERT base's width", (4096, 768), (16384, 768)),
    ("rms_norm", "BERT large's width", (4096, 1024), (16384, 1024)),
    ("add_rms_norm", "Llama 8B", (1024, 4096), (8192, 4096)),
    ("add_rms_norm", "Llama 70B", (512, 8192), (4096, 8192)),
    ("group_norm", "U-Net 64²", (2, 320, 64, 64), (8, 320, 64, 64)),
    ("group_norm", "U-Net 32²", (4, 640, 32, 32), (16, 640, 32, 32)),
    ("group_norm", "U-Net 16²", (8, 1280, 16, 16), (32, 1280, 16, 16)),
    ("batch_norm", "ResNet-50 stage 1", (32, 64, 56, 56), (256, 64, 56, 56)),
    ("batch_norm", "ResNet-50 stage 2", (32, 128, 28, 28), (256, 128, 28, 28)),
    ("batch_norm", "ResNet-50 stage 3", (64, 256, 14, 14), (256, 256, 14, 14)),
    ("batch_norm", "ResNet-50 stage 4", (64, 512, 7, 7), (256, 512, 7, 7)),
    ("batch_norm", "ResNet-50 block", (16, 256, 56, 56), (64, 256, 56, 56)),
    ("dynamic_tanh", "ViT base", (4096, 768), (16384, 768)),
    ("dynamic_tanh", "Llama 8B's width", (1024, 4096), (8192, 4096)),
]
_ACCURACY_SHAPES = {
    **dict.fromkeys(("layer_norm", "rms_norm", "add_rms_norm", "dynamic_tanh"), (64, 1024)),
    "group_norm": (4, 64, 16, 16),
    "batch_norm": (16, 32, 14, 14),
}


def cases(
    device: str,
    *,
    quick: bool = False,
    ops: tuple[str, ...] = (),
    dtypes: tuple[str, ...] = (),
) -> list[Case]:
    """List what a run measures.

    Parameters
    ----------
    device : ``"cpu"`` or ``"cuda"``
        A CPU takes smaller batches, and half precision at each operation's first shape only.
    quick : bool
        The first shape of each operation, in float32.
    ops, dtypes : tuples of str
        Only these; all where none is named.
    """
    listed = []
    for dtype in ITEM_BYTES:
        seen = set()
        for op, model, on_cpu, on_gpu in _SHAPES:
            first = op not in seen
            seen.add(op)
            if first or (not quick and (device == "cuda" or dtype == "float32")):
                shape = on_cpu if device == "cpu" else on_gpu
                layouts = LAYOUTS if len(shape) == 4 else LAYOUTS[:1]
                listed += [Case(op, dtype, layout, shape, model) for layout in layouts]
    wanted_dtypes = dtypes or (("float32",) if quick else tuple(ITEM_BYTES))
    return [case for case in listed if case.op in (ops or UNITS) and case.dtype in wanted_dtypes]


def accuracy_cases(ops: tuple[str, ...] = ()) -> list[Case]:
    """List small inputs for the errors at large means, in float32."""
    return [
        Case(op, "float32", layout, shape, "accuracy")
        for op, shape in _ACCURACY_SHAPES.items()
        for layout in (LAYOUTS if len(shape) == 4 else LAYOUTS[:1])
        if op in (ops or UNITS)
    ]


def input_bytes(case: Case) -> int:
    """Return the bytes of one tensor of the case's shape."""
    return math.prod(case.shape) * ITEM_BYTES[case.dtype]


def ideal_bytes(case: Case, direction: str) -> int:
    """Return the fewest bytes that the pass can move; the parameters are too small to count."""
    forward, backward = UNITS[case.op]
    units = {"forward": forward, "backward": backward, "both": forward + backward}[direction]
    return units * input_bytes(case)
