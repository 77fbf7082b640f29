"""What of a shift does a norm take out?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class DistributionShift(Explorable):
    """Move the distribution of one unit, and see how much of it is left behind a batch norm.

    Parameters
    ----------
    push : float
        Added to every value, in standard deviations; -2 to 2.
    stretch : float
        Times the distance from the mean, 0.3 to 3.
    bend : float
        How skewed the shape becomes, 0 to 1; mean and standard deviation stay.
    challenge : str, optional
    """

    name = "distribution_shift"
    question = "How much of a shift does batch norm take out?"
    challenge = (
        "Move the unit so that nothing of it is left behind the norm. Then find a change that "
        "the norm lets through, and one that it makes larger."
    )
    alt = (
        "Two histograms of one unit, each before an update and after. On the left without a norm, "
        "where the unit has moved; on the right behind a batch norm, where push and stretch are "
        "gone."
    )
    controls: ClassVar = {
        "push": (1, span(-2, 2, 0.1)),
        "stretch": (1.6, span(0.3, 3, 0.1)),
        "bend": (0, span(0, 1, 0.1)),
    }
