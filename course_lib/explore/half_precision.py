"""When does a variance go wrong?"""

from typing import ClassVar

from course_lib.explore.explorable import Explorable


class HalfPrecision(Explorable):
    """Normalize 32 values with every operation rounded to a format.

    Parameters
    ----------
    offset : float
        Mean of the values: 0, 1.3, 3.7, 11.3, 33.7, 113.3, 337 or 1130.
    spread : float
        Their standard deviation: a power of ten from 1e-4 to 1000.
    eps : float
        0, 1e-8, 1e-7, 1e-5 or 1e-3.
    precision : str
        "float16", "bfloat16" or "float32".
    method : str
        Of the variance: "one pass", "two passes" or "corrected".
    challenge : str, optional
    """

    name = "half_precision"
    question = "When does a variance go wrong?"
    challenge = (
        "Break the layer in six ways: by cancellation, a rounded mean, overflow, underflow, ε, and "
        "storing alone. Which of them does bfloat16 avoid, and which does the way of computing?"
    )
    alt = (
        "Values as asked for and as stored in a half-precision format, the outputs of the layer "
        "as they should be and as they are computed, and the relative error of the variance, "
        "which rises with the square of the mean in one pass."
    )
    controls: ClassVar = {
        "offset": (33.7, [0, 1.3, 3.7, 11.3, 33.7, 113.3, 337, 1130]),
        "spread": (1, [1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000]),
        "eps": (1e-5, [0, 1e-8, 1e-7, 1e-5, 1e-3]),
        "precision": ("bfloat16", ["float16", "bfloat16", "float32"]),
        "method": ("one pass", ["one pass", "two passes", "corrected"]),
    }
