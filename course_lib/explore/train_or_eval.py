"""Why does a trained net fail in evaluation?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class TrainOrEval(Explorable):
    """Follow one channel of batch norm in training, and normalize one example both ways.

    Parameters
    ----------
    momentum : float
        Weight of the new batch in the memory, as in torch: 0.01, 0.03, 0.1, 0.3 or 1.
    steps : int
        Training steps so far, 0 to 200.
    drift : float
        By how much 200 steps move the channel's mean, 0 to 4.
    batch : int
        2, 4, 8, 16, 32 or 64.
    stored : str
        The variance that the memory averages: "unbiased" or "biased".
    challenge : str, optional
    """

    name = "train_or_eval"
    question = "Why does a trained net fail in evaluation?"
    challenge = (
        "Exact statistics would put the example at x̂ = 1. Find three different reasons why the "
        "memory puts it elsewhere, and one why the batch does."
    )
    alt = (
        "Mean and variance of one channel over 200 training steps. Dots, the batches, scatter "
        "around the channel’s own statistics; a line, the memory, starts at mean 0 and variance 1 "
        "and approaches them slowly. Below, one example normalized with the batch and with the "
        "memory."
    )
    controls: ClassVar = {
        "momentum": (0.01, [0.01, 0.03, 0.1, 0.3, 1]),
        "steps": (40, span(0, 200, 1)),
        "drift": (0, span(0, 4, 0.1)),
        "batch": (32, [2, 4, 8, 16, 32, 64]),
        "stored": ("unbiased", ["unbiased", "biased"]),
    }
