"""Normalization layers from scratch, and the laboratory and graders of the course built on them.

Import the part you need: ``course_lib.numpy_layers``, ``course_lib.torch_layers``,
``course_lib.lab``, ``course_lib.grading``. This module itself loads nothing heavy.
"""

__version__ = "0.1.0"
