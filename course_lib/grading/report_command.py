"""`course report`: tables, plots, feedback and exports of what `course grade` wrote."""

import argparse
import sys

from course_lib.grading.gradebook.database import GradebookError
from course_lib.grading.gradebook.marks import read_marks
from course_lib.grading.report.exports import write_canvas, write_gradescope, write_moodle
from course_lib.grading.report.feedback import write_feedback
from course_lib.grading.report.report import summary, write_report


def run(options: argparse.Namespace) -> int:
    """Write everything, print the summary; return 0, or 2 for what cannot be done."""
    directory = options.directory
    try:
        marks = read_marks(directory, options.db)
        report = write_report(directory, marks)
        write_feedback(directory, marks)
        exports = {
            "Canvas": write_canvas(directory, options.canvas, marks),
            "Moodle": write_moodle(directory, options.moodle, options.assignment, marks),
            "Gradescope": write_gradescope(directory, marks=marks),
        }
    except (ValueError, OSError, GradebookError) as error:
        print(f"course report: {error}", file=sys.stderr)
        return 2
    print(summary(report))
    for name, export in exports.items():
        for place in export.left_out:
            print(f"course report: no score of {place} for {name}", file=sys.stderr)
    return 0
