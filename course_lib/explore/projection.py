"""Which part of dy never reaches x?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class Projection(Explorable):
    """Drag an upstream gradient and see what layer norm's backward pass leaves of it.

    Parameters
    ----------
    dy : list of 8 numbers, -3 to 3
        The upstream gradient.
    x : list of 8 numbers, -1000 to 1000
        The layer's input; the reader cannot move it.
    challenge : str, optional
    """

    name = "projection"
    question = "Which part of dy never reaches x?"
    challenge = (
        "Draw an upstream gradient of which nothing reaches x. There are two ways that have "
        "nothing in common."
    )
    alt = (
        "Bars. The upstream gradient dy of eight values, and below it the three parts that it is "
        "the sum of: its mean, its part along x̂, and the remainder, which alone reaches x."
    )
    controls: ClassVar = {
        "dy": ([1.8, 0.9, -0.8, 2.4, 0.7, -0.9, 1.2, -1.1], span(-3, 3, 0.1, (8, 8))),
        "x": ([0.8, -1.2, 0.3, 1.9, -0.4, -1.6, 0.6, -0.1], span(-1000, 1000, 0, (8, 8))),
    }
