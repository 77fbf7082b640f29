"""The command `course`."""

import argparse
import sys
from pathlib import Path

from course_lib.grading.text import in_points


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 for success, 1 for work to do, 2 for wrong use."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["bench"]:  # torch takes seconds to import, and its flags name its cases
        from course_lib.bench.bench_command import main as bench

        return bench(arguments[1:])
    options = _parser().parse_args(arguments)
    return options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Work with the course's exercises.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check your own answers, with hints")
    check.add_argument("notebook", type=Path, nargs="+", help="exercises/…/….ipynb")
    check.add_argument(
        "--timeout", type=int, default=60, metavar="S", help="seconds a cell may take (60)"
    )
    check.set_defaults(run=_check)

    release = commands.add_parser("release", help="make exercises/ from solutions/")
    release.add_argument("--root", type=Path, default=Path(), help="the course's folder (here)")
    release.add_argument("--force", action="store_true", help="overwrite answers in exercises/")
    release.add_argument(
        "--check", action="store_true", help="write nothing; fail where exercises/ is out of date"
    )
    release.set_defaults(run=_release)

    grade = commands.add_parser("grade", help="grade submissions that you do not trust")
    add = grade.add_argument
    add(
        "submissions",
        type=Path,
        metavar="SUBMISSIONS",
        help="a folder STUDENT/ASSIGNMENT/, a folder of notebooks, or a zip of Canvas or Moodle",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="where the results go")
    add("--root", type=Path, default=Path(), help="the course's folder (here)")
    add("--assignment", metavar="NAME", help="which exercise the files are, where no name says so")
    add(
        "--due",
        action="append",
        default=[],
        metavar="[NAME=]DATE",
        help="when the exercise was due, with the time zone, such as 2026-12-01T23:59+01:00",
    )
    add("--workers", type=int, default=1, metavar="N", help="processes on this machine (1)")
    add("--scheduler", metavar="tcp://…", help="a dask cluster instead")
    add("--seed-file", type=Path, metavar="F", help="the secret of the hidden inputs (DIR/seed)")
    add("--overlay", type=Path, metavar="DIR", help="a folder with private questions, NAME.py")
    add("--db", metavar="URL", help="the gradebook, such as postgresql://… (DIR/gradebook.db)")
    add("--cell-seconds", type=float, default=10, metavar="S", help="for a cell or a call (10)")
    add("--seconds", type=float, default=60, metavar="S", help="for a whole submission (60)")
    add("--again", action="store_true", help="repeat what the grader itself failed on")
    add("--no-sandbox", action="store_true", help="for submissions that you wrote yourself")
    grade.set_defaults(run=_grade)

    report = commands.add_parser("report", help="tables, plots, feedback and exports of grades")
    report.add_argument("directory", type=Path, metavar="DIR", help="what `course grade` wrote")
    report.add_argument(
        "--canvas", type=Path, metavar="CSV", help="the gradebook that Canvas exported, to fill in"
    )
    report.add_argument(
        "--moodle", type=Path, metavar="CSV", help="Moodle's grading worksheet, to fill in"
    )
    report.add_argument("--assignment", metavar="NAME", help="which exercise that worksheet is of")
    report.add_argument(
        "--db", metavar="URL", help="the gradebook, if not the one that `course grade` wrote to"
    )
    report.set_defaults(run=_report)

    commands.add_parser("bench", help="measure the layers beside their peers")  # see main
    return parser


def _grade(options: argparse.Namespace) -> int:
    """Grade submissions."""
    from course_lib.grading.grade_command import run  # nbgrader takes a second to import

    return run(options)


def _report(options: argparse.Namespace) -> int:
    """Write reports, feedback and exports."""
    from course_lib.grading.report_command import run

    return run(options)


def _check(options: argparse.Namespace) -> int:
    """Check notebooks, print a summary of each."""
    from course_lib.grading.self_check import Unreadable, self_check

    complete = True
    for path in options.notebook:
        try:
            outcomes = self_check(path, timeout=options.timeout)
        except Unreadable as error:
            print(f"course check: {error}", file=sys.stderr)
            return 2
        _print_summary(path, outcomes)
        complete = complete and all(outcome.passed for outcome in outcomes)
    return 0 if complete else 1


def _print_summary(path: Path, outcomes) -> None:
    for outcome in outcomes:
        sign = "✓" if outcome.passed else "✗"
        print(f"{sign} {outcome.question}: {in_points(outcome.earned, outcome.points)}")
        if not outcome.passed:
            print(outcome.report)
    earned = sum(outcome.earned for outcome in outcomes)
    points = sum(outcome.points for outcome in outcomes)
    print(f"{path.stem}: {in_points(earned, points)}")


def _release(options: argparse.Namespace) -> int:
    """Release, or report drift."""
    from course_lib.grading.release import UnfinishedWork, drift, release

    root = options.root.resolve()
    if not (root / "nbgrader_config.py").is_file():
        print(
            f"course release: expected nbgrader_config.py in {root}, got none; "
            "run it in the course's folder or name that with --root",
            file=sys.stderr,
        )
        return 2
    if options.check:
        stale = drift(root)
        for path in stale:
            print(f"out of date: {path.relative_to(root)}; run `make exercises`", file=sys.stderr)
        return 1 if stale else 0
    try:
        changed = release(root, force=options.force)
    except UnfinishedWork as error:
        print(f"course release: {error}", file=sys.stderr)
        return 1
    for path in changed:
        print(f"wrote {path.relative_to(root)}")
    print(f"{len(changed)} exercises changed")
    return 0
