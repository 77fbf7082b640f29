"""What does weight decay do when the length of w does not matter?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class ScaleFreeWeights(Explorable):
    """Train a weight of which only the direction counts, as before a normalization layer.

    Parameters
    ----------
    rate, decay : float
        Learning rate (0.03, 0.1, 0.3 or 1) and weight decay (0, 0.001, 0.003, … or 0.1) of SGD.
    length : float
        ‖w‖ at the start, 0.5 to 4.
    challenge : str, optional
    """

    name = "scale_free_weights"
    question = "What does weight decay do when ‖w‖ does not matter?"
    challenge = (
        "Make the learning rate ten times as large and end with the same effective rate. Then "
        "change the start: what remembers it?"
    )
    alt = (
        "The path of a weight in the plane, where the loss is the same along each ray; its length "
        "over 1000 steps, which approaches the dashed equilibrium; and the effective rate η/‖w‖², "
        "which approaches its own."
    )
    controls: ClassVar = {
        "rate": (0.1, [0.03, 0.1, 0.3, 1]),
        "decay": (0.03, [0, 0.001, 0.003, 0.01, 0.03, 0.1]),
        "length": (3, span(0.5, 4, 0.1)),
    }
