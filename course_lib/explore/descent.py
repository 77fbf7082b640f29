"""Same rule, same model: why so many more steps?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class Descent(Explorable):
    """Follow gradient descent on raw and on standardized features from one and the same model.

    Parameters
    ----------
    scale : float
        Standard deviation of the second raw feature, 1 to 10; the first has 1.
    correlation : float
        Of the two features, 0 to 0.95.
    step : float
        Learning rate in per cent of the largest that does not diverge, 5 to 105.
    start : list of 2 numbers, -2 to 2
        The weights that both start from, in the units of the standardized features.
    challenge : str, optional
    """

    name = "descent"
    question = "Same rule, same model: why so many more steps?"
    challenge = (
        "Make the raw walk as quick as the standardized one. Then slow the standardized one down "
        "without touching the step."
    )
    alt = (
        "Two contour maps of the same loss. Over the weights of raw features it is a long valley, "
        "and descent bounces from side to side; over those of standardized features it is nearly "
        "round, and descent goes almost straight. Below, the loss over the steps."
    )
    controls: ClassVar = {
        "scale": (5, span(1, 10, 0.5)),
        "correlation": (0.3, span(0, 0.95, 0.05)),
        "step": (80, span(5, 105, 1)),
        "start": ([-1.7, 1.6], span(-2, 2, 0.1, (2, 2))),
    }
