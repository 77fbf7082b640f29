"""`course report`: tables, plots, feedback and exports of what `course grade` wrote."""

import argparse
import sys

from course_lib.grading.exports import write_canvas, write_gradescope, write_moodle
from course_lib.grading.feedback import write_feedback
from course_lib.grading.report import summary, write_report


def run(options: argparse.Namespace) -> int:
    """Write everything, print the summary; return 0, or 2 for what cannot be done."""
    directory = options.directory
    try:
        report = write_report(directory)
        write_feedback(directory)
        exports = [
            write_canvas(directory, options.canvas),
            write_moodle(directory, options.moodle, options.assignment),
            write_gradescope(directory),
        ]
    except (ValueError, OSError) as error:
        print(f"course report: {error}", file=sys.stderr)
        return 2
    print(summary(report))
    for export in exports:
        for place in export.left_out:
            print(f"course report: {place} found no place in {export.files[0]}", file=sys.stderr)
    return 0
