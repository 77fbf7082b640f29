"""Which layer stops learning first?"""

from typing import ClassVar

from course_lib.explore.controls import span
from course_lib.explore.explorable import Explorable


class GradientFlow(Explorable):
    """Send a batch forward and a gradient back through a random net, and compare its layers.

    Parameters
    ----------
    depth : int
        Layers, 2 to 40; each has 32 units.
    scale : float
        Weights have variance scale² / 32; 0.2 to 3.
    activation : str
        "sigmoid", "tanh", "ReLU" or "linear".
    norm : str
        "none", "layer" or "batch", before the activation.
    challenge : str, optional
    """

    name = "gradient_flow"
    question = "Which layer stops learning first?"
    challenge = (
        "Find a net whose first layer stops first, one whose last layer does, and one in which "
        "all of them stop together. Then switch a norm on."
    )
    alt = (
        "A strip of layers, dark where the gradient of the weights is large, and three lines over "
        "the layers on a logarithmic axis: the signal, its gradient, and the gradient of the "
        "weights."
    )
    controls: ClassVar = {
        "depth": (12, span(2, 40, 1)),
        "scale": (1, span(0.2, 3, 0.1)),
        "activation": ("sigmoid", ["sigmoid", "tanh", "ReLU", "linear"]),
        "norm": ("none", ["none", "layer", "batch"]),
    }
