"""Hostile submissions, made by code: each forges a grade, breaks out, spends, or misleads.

Every module registers its attacks under a name, with what they do and what must hold; the test
`test_hostile` grades them all.
"""

from hostile import (  # noqa: F401 (each registers its attacks)
    callbacks,
    escapes,
    files,
    forged_notebooks,
    forged_points,
    leaks,
    loops,
    memory,
    system_calls,
    texts,
    torch_attacks,
    traces,
    values,
    wire_frames,
)
from hostile.registry import ATTACKS, Attack

__all__ = ["ATTACKS", "Attack"]
