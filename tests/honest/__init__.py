"""Honest answers that look like nothing the instructor wrote; each must keep every point.

A module holds the answers to one or two tasks: ``ANSWERS[task][name]`` is what a learner typed.
Lines ``# %%`` cut it into cells: the last is the answer cell, those before stand at the top.
"""

from typing import NamedTuple

from honest import (
    channel_statistics,
    closed_form,
    differences,
    evaluation,
    memory,
    node_by_node,
    normalize,
    parts,
    torch_layer,
    verdicts,
    whole_layer,
)


class Answer(NamedTuple):
    """One honest way to answer one task."""

    exercise: str
    task: str
    name: str
    source: str
    extra: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name it in the list of tests."""
        return f"{self.exercise}-{self.task}-{self.name}"


def _answers(exercise: str, *modules) -> list[Answer]:
    found = []
    for module in modules:
        for task, sources in module.ANSWERS.items():
            for name, text in sources.items():
                *extra, source = (cell.strip("\n") for cell in text.split("# %%\n"))
                found.append(Answer(exercise, task, name, source, tuple(extra)))
    return found


EVERY_ANSWER = [
    *_answers(
        "batch_norm", channel_statistics, normalize, memory, evaluation, whole_layer
    ),
    *_answers(
        "batch_norm_backward",
        node_by_node, closed_form, differences, verdicts, parts, torch_layer,
    ),
]  # fmt: skip
