"""Checks (the one definition of "correct"), the release of exercises, and the command line."""

from course_lib.grading.check import CheckFailed, check

__all__ = ["CheckFailed", "check"]
