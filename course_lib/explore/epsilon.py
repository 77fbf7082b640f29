"""What does ε cost, and whom?"""

from typing import ClassVar

from course_lib.explore.explorable import Explorable


class Epsilon(Explorable):
    """Shrink the spread of a layer norm's inputs until ε, and not they, decide the outputs.

    Parameters
    ----------
    width : int
        How many values share the mean: 2, 3, 4, 8, 16 or 64.
    spread : float
        Standard deviation of the inputs: a power of ten from 1e-4 to 100, or 3 times one.
    eps : float
        0, or a power of ten from 1e-8 to 0.1.
    challenge : str, optional
    """

    name = "epsilon"
    question = "What does ε cost, and whom?"
    challenge = (
        "Halve the outputs without touching ε. Then lower the width to 2: what do the two outputs "
        "still say about the inputs?"
    )
    alt = (
        "Eight outputs of layer norm on a number line, and the spread of the outputs against that "
        "of the inputs: 1 for large inputs, and falling below where the inputs’ spread is √ε."
    )
    controls: ClassVar = {
        "width": (8, [2, 3, 4, 8, 16, 64]),
        "spread": (0.01, [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]),
        "eps": (1e-5, [0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]),
    }
