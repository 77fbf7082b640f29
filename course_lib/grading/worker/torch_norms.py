"""Switch torch's own norms off, so that an exercise cannot be answered by calling them.

Twice: by name, for a clear message, and in torch's dispatcher, which every road into the library
passes. A learner who undoes it has cheated with a right answer, not forged a grade.
"""

import warnings

import torch

NAMES = (
    "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm",
)  # fmt: skip
OPERATORS = (
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit.no_stats",
    "_native_batch_norm_legit_no_training", "native_layer_norm", "native_group_norm",
    "_fused_rms_norm",
)  # fmt: skip
_KEEP = []  # the registrations end when their library is collected


def switch_off() -> None:
    """Replace torch's norms by a refusal."""
    for name in NAMES:
        for module in (torch, torch.nn.functional):
            if hasattr(module, name):
                setattr(module, name, refusal(name))
    library = torch.library.Library("aten", "IMPL")
    _KEEP.append(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of each kernel that is replaced
        for operator in OPERATORS:
            overload = operator.partition(".")
            if hasattr(torch.ops.aten, overload[0]):
                library.impl(operator, refusal(overload[0]), "CPU")


def refusal(name: str):
    """Return a function that says why it does nothing."""

    def refuse(*args, **kwargs):
        raise RuntimeError(
            f"expected the norm in your own code, got torch's {name}; it is switched off here"
        )

    return refuse
