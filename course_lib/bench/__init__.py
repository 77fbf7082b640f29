"""The benchmark: every implementation of a norm on the same inputs, and its recorded rows."""

from course_lib.bench.figure import share_figure
from course_lib.bench.record import Record, read_record
from course_lib.bench.report import accuracy_table, ratio, speed_table

__all__ = ["Record", "accuracy_table", "ratio", "read_record", "share_figure", "speed_table"]
