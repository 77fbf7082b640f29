"""Can instance norm tell that you lowered the contrast?"""

import base64
from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import HERE, Explorable


class Photograph(Explorable):
    """Change a photograph and see what instance norm, or layer norm, makes of the change.

    Parameters
    ----------
    contrast : float
        0.01 to 2.
    brightness, warmth : float
        -0.5 to 0.5; warmth raises red and lowers blue.
    clip : bool
        Cut the changed pixels off at 0 and 1, as a camera would.
    over : str
        What shares one mean: "channel" (instance norm), "all" (layer norm) or "nothing".
    challenge : str, optional

    Notes
    -----
    `photograph.jpg` is cut out of scikit-learn's china.jpg, by danielbuechele under CC BY 2.0
    (flickr.com/photos/danielbuechele/6061409035), and made 96 pixels wide.
    """

    name = "photograph"
    question = "Can instance norm tell that you lowered the contrast?"
    challenge = (
        "Find three ways to change the output: with clipping, with warmth, and with neither."
    )
    alt = (
        "A temple at low contrast, and the same after instance norm, which looks as if nobody had "
        "touched the contrast. Below each, the histograms of its three channels. Photograph: "
        "danielbuechele, CC BY 2.0."
    )
    controls: ClassVar = {
        "contrast": (0.4, span(0.01, 2, 0.01)),
        "brightness": (0.1, span(-0.5, 0.5, 0.01)),
        "warmth": (0, span(-0.5, 0.5, 0.01)),
        "clip": (False, [False, True]),
        "over": ("channel", ["nothing", "channel", "all"]),
    }
    constants: ClassVar = {
        "PHOTOGRAPH": "data:image/jpeg;base64,"
        + base64.b64encode((HERE / "photograph.jpg").read_bytes()).decode()
    }
