"""Which values share one mean?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class OneReduction(Explorable):
    """Change one of 64 values and see which outputs move, in group norm and its relatives.

    Parameters
    ----------
    groups : int
        1, 2, 4 or 8 groups of the 8 channels.
    batch : bool
        Take the mean over both samples, too.
    cell : int
        The value to change, 0 to 63: sample, channel, position.
    change : float
        What is added to it, -5 to 5.
    challenge : str, optional
    """

    name = "one_reduction"
    question = "Which values share one mean?"
    challenge = (
        "Reach layer norm, instance norm and batch norm by the first two controls. Which of their "
        "settings has no name?"
    )
    alt = (
        "Two samples of eight channels and four positions as two tables of outputs. Rows with "
        "the same letter share one mean; those that share it with the changed value are shaded."
    )
    controls: ClassVar = {
        "groups": (4, [1, 2, 4, 8]),
        "batch": (False, [False, True]),
        "cell": (9, span(0, 63, 1)),
        "change": (3, span(-5, 5, 0.5)),
    }
