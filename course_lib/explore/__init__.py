"""Figures that the reader plays with, on a static page: JavaScript here, its numbers tested there.

Each is one line, the last of a cell: ``BatchSize(challenge="…")``. `python -m course_lib.explore`
writes the fallback pictures again after a figure has changed.
"""

from course_lib.explore.axes import Axes
from course_lib.explore.batch_size import BatchSize
from course_lib.explore.descent import Descent
from course_lib.explore.distribution_shift import DistributionShift
from course_lib.explore.epsilon import Epsilon
from course_lib.explore.gradient_flow import GradientFlow
from course_lib.explore.half_precision import HalfPrecision
from course_lib.explore.one_reduction import OneReduction
from course_lib.explore.photograph import Photograph
from course_lib.explore.projection import Projection
from course_lib.explore.scale_free_weights import ScaleFreeWeights
from course_lib.explore.train_or_eval import TrainOrEval

FIGURES = [
    BatchSize,
    TrainOrEval,
    Projection,
    Photograph,
    ScaleFreeWeights,
    Descent,
    GradientFlow,
    OneReduction,
    Epsilon,
    DistributionShift,
    Axes,
    HalfPrecision,
]
