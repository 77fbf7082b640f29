"""How far does a batch's mean wander?"""

from typing import Any, ClassVar

import numpy as np

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class BatchSize(Explorable):
    """Draw 1000 batches of each size and compare the spread of their means with σ/√B.

    Parameters
    ----------
    batch : int
        1, 2, 4, … or 256.
    draw : int
        Which batches, from 1 to 999.
    values : sequence of 2 to 2000 numbers, optional
        The values that batches are drawn from, for example one channel of the chapter's own run;
        by default 400 quantiles of the exponential distribution.
    challenge : str, optional
    """

    name = "batch_size"
    question = "How far does a batch’s mean wander?"
    challenge = (
        "Halve the spread of the means. Guess first: how many times as many examples does it take?"
    )
    alt = (
        "Three charts. One batch and its mean on the histogram of all values; the means of 1000 "
        "batches below it, much closer together; and their spread against the batch size on "
        "logarithmic axes, which follows the line σ/√B."
    )
    controls: ClassVar = {
        "batch": (16, [2**power for power in range(9)]),
        "draw": (1, span(1, 999, 1)),
        "values": ([], span(-1e6, 1e6, 0, (0, 2000))),
    }

    def __init__(self, *, challenge: str | None = None, **state: Any) -> None:
        if "values" in state:
            values = np.asarray(state["values"], float).ravel()
            if np.unique(values.round(4)).size < 2:
                raise ValueError(
                    f"expected values that differ, got {values!r}; their means would not wander"
                )
            state["values"] = values.round(4).tolist()
        super().__init__(challenge=challenge, **state)
