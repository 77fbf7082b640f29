"""`course grade`: submissions in, results, gradebook and grades.csv out."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from course_lib.grading.assignment import Assignment, load_assignment
from course_lib.grading.gradebook.autograded import write_autograded, write_settings
from course_lib.grading.gradebook.database import GradebookError
from course_lib.grading.gradebook.deadlines import set_deadlines
from course_lib.grading.gradebook.gradebook import import_results
from course_lib.grading.gradebook.marks import read_marks
from course_lib.grading.jobs.jobs import Stopped, run_jobs
from course_lib.grading.jobs.process import ClusterError
from course_lib.grading.jobs.store import Busy
from course_lib.grading.judge.pool import Limits
from course_lib.grading.judge.sandbox import NoSandbox
from course_lib.grading.release import assignments
from course_lib.grading.report.report import write_report
from course_lib.grading.seed import read_seed, seed_of
from course_lib.grading.submissions.collect import collect
from course_lib.grading.submissions.lateness import due_dates
from course_lib.lab.progress import progress

UNSAFE = (
    "course grade: WITHOUT A SANDBOX: the code in these submissions can read and change whatever "
    "you can; every result says so"
)


def run(options: argparse.Namespace) -> int:
    """Grade; return 0, or 1 where something needs a person, 2 for what cannot be done."""
    try:
        return _run(options)
    except (ValueError, OSError, NoSandbox, ClusterError, Busy, GradebookError) as error:
        print(f"course grade: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        # Only the grading itself knows how far it came; what follows it is quick to repeat.
        how = str(error) if isinstance(error, Stopped) else "stopped; give the same command again"
        print(f"\ncourse grade: {how}", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    directory, root = options.out, options.root
    if options.no_sandbox:
        print(UNSAFE, file=sys.stderr)
    course = load_course(root, options.overlay)
    seed = read_seed(options.seed_file) if options.seed_file else seed_of(directory)
    found = collect(options.submissions, list(course), assignment=options.assignment)
    due = due_dates(options.due, found.assignments, course)
    found.deadlines = set_deadlines(directory, options.db, due)
    results = list(
        run_jobs(
            found,
            course,
            directory,
            seed=seed,
            sandbox=not options.no_sandbox,
            limits=Limits(options.cell_seconds, options.seconds),
            workers=options.workers,
            scheduler=options.scheduler,
            again=options.again,
        )
    )
    by_name = {(result["student"], result["assignment"]): result for result in results}
    again = collect(options.submissions, list(course), assignment=options.assignment)
    for item in progress(again, "writing the graded notebooks", len(again)):
        result = by_name.get((item.student, item.assignment))
        if result and item.raw is not None and item.assignment in course:
            write_autograded(result, item.raw, course[item.assignment], root, directory)
    imported = import_results(results, course, directory, options.db)
    write_settings(
        directory,
        root,
        db=options.db,
        seed_file=options.seed_file,
        overlay=options.overlay,
        sandbox=not options.no_sandbox,
    )
    write_report(directory, read_marks(directory, options.db))
    for line in [*imported.warnings, *imported.left_out]:
        print(f"course grade: {line}", file=sys.stderr)
    counts = Counter(result["status"] for result in results)
    print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    _print_lateness(results, asked=bool(options.due))
    print(f"results in {directory}: grades.csv, gradebook, report/index.html; next: "
          f"course report {directory}")  # fmt: skip
    return 0 if set(counts) <= {"GRADED"} else 1


def _print_lateness(results: Sequence[dict], *, asked: bool) -> None:
    """Say how many were late, and against whom a due date could not be held."""
    known = [result for result in results if result["late"] is not None]
    if known or asked:
        late = sum(result["late"] for result in known)
        print(f"{late} late, {len(known) - late} in time, {len(results) - len(known)} not known")
    by_canvas = sum(result["submitted"] is None for result in known)
    if asked and by_canvas:
        print(
            f"course grade: expected times to hold --due against, got none of {by_canvas} "
            "submissions from Canvas; its own LATE counts for them, by the due date there",
            file=sys.stderr,
        )


def load_course(root: Path, overlay: Path | None = None) -> Mapping[str, Assignment]:
    """Return every exercise of the course in `root` by name.

    Raises
    ------
    ValueError
        If there is none.
    """
    names = assignments(root)
    if not names:
        raise ValueError(
            f"expected a course with solutions/NAME/NAME.ipynb, got none in {root.resolve()}; run "
            "it in the course's folder or name that with --root"
        )
    if overlay is not None and not overlay.is_dir():
        raise ValueError(f"expected a folder of private questions, got {overlay}")
    return {name: load_assignment(root, name, overlay) for name in names}
