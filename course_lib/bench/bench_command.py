"""The command `course bench`: choose, run, print, record."""

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from course_lib.bench import machine, report
from course_lib.bench.cases import DIRECTIONS, ITEM_BYTES, UNITS, accuracy_cases, cases
from course_lib.bench.cuda_timing import EagerClock, GraphClock
from course_lib.bench.harness import Plan, run
from course_lib.bench.implementations import IMPLEMENTATIONS
from course_lib.bench.large_means import measure_accuracy
from course_lib.bench.record import Record, write_record
from course_lib.bench.timing import WallClock

HEAP_MEGABYTES = 3072
FULL_MINUTES, QUICK_MINUTES = 8.0, 0.75  # longer only where five samples each take longer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="course bench", description="Measure the layers beside their peers."
    )
    add = parser.add_argument
    names = [one.name for one in IMPLEMENTATIONS]
    add("--op", action="append", choices=list(UNITS), help="only this one; may be repeated")
    add("--implementation", action="append", choices=names, metavar="NAME",
        help=f"only this one; may be repeated: {', '.join(names)}")  # fmt: skip
    add("--dtype", action="append", choices=list(ITEM_BYTES), help="only this one")
    add("--direction", action="append", choices=list(DIRECTIONS), help="only this one")
    add("--device", choices=["cpu", "cuda"], help="cuda where there is one, else cpu")
    add("--quick", action="store_true", help="one shape of each operation, in float32")
    add("--minutes", type=float, metavar="M", help="about how long to measure (8; quick: 0.75)")
    add("--allocator", choices=["kept", "system"], default="kept",
        help="one heap for NumPy and torch, or the system's policy (kept)")  # fmt: skip
    add("--out", type=Path, metavar="FILE",
        help="where the rows go (book/data/bench-DEVICE.json; of a part: in _build)")  # fmt: skip
    add("--root", type=Path, default=Path(), help="the course's folder (here)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Measure, print and record; return 1 if something was wrong, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        print("course bench: expected a GPU for --device cuda, got none that torch sees; "
              "leave the flag out", file=sys.stderr)  # fmt: skip
        return 2
    allocator = machine.SYSTEM
    if device == "cpu" and options.allocator == "kept":
        allocator = machine.keep_memory(HEAP_MEGABYTES)
    plan = planned(options, device)
    header = machine.describe(device, plan.threads, allocator) | {"quick": options.quick}
    record = Record(header, [], [])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers warn of what they will be one day
            collect(plan, accuracy_cases(tuple(options.op or ())), record)
    except KeyboardInterrupt:
        path = options.root / "_build" / f"bench-{device}.partial.json"
        write_record(path, record)
        print(f"\nstopped: {len(record.rows)} rows are in {path}", file=sys.stderr)
        return 130
    path = options.out or _default_path(options, device)
    write_record(path, record)
    for line in (*report.lines(record), "", *report.accuracy_lines(record)):
        print(line)
    print(f"\n{len(record.rows)} rows and {len(record.accuracy)} accuracy rows in {path}")
    return int(any(row["status"] == "wrong" for row in record.rows))


def planned(options: argparse.Namespace, device: str) -> Plan:
    """Return what the flags ask for."""
    chosen = [
        one
        for one in IMPLEMENTATIONS
        if device in one.devices and one.name in (options.implementation or [one.name])
    ]
    threads = (1,) if device == "cuda" else tuple(dict.fromkeys((1, torch.get_num_threads())))
    minutes = options.minutes or (QUICK_MINUTES if options.quick else FULL_MINUTES)
    dtypes, ops = tuple(options.dtype or ()), tuple(options.op or ())
    return Plan(
        cases(device, quick=options.quick, ops=ops, dtypes=dtypes),
        chosen,
        device,
        threads,
        60 * minutes,
        GraphClock() if device == "cuda" else WallClock(),
        EagerClock() if device == "cuda" else None,
        machine.cache_bytes(device),
        tuple(options.direction or DIRECTIONS),
    )


def collect(plan: Plan, checks: list, record: Record) -> None:
    """Fill the record group by group, so that an interrupted run keeps what it has."""
    groups = len(plan.cases) * len(plan.threads) * len(plan.directions)
    bar = tqdm(total=groups, leave=False, disable=not sys.stderr.isatty(), unit="group")
    with bar:
        started = time.monotonic()
        for rows in measure_accuracy(checks, plan.implementations, plan.device):
            record.accuracy.extend(rows)
        left = plan.seconds - (time.monotonic() - started)
        for rows in run(plan._replace(seconds=left), bar.set_description):
            record.rows.extend(rows)
            bar.update()
    record.header["copy_bandwidth"] = _copy_bandwidth(record, plan.threads)


def _copy_bandwidth(record: Record, threads: tuple[int, ...]) -> dict[str, int]:
    """Return the median of the groups', in bytes a second, for each number of threads."""
    return {
        str(count): round(statistics.median(found))
        for count in threads
        if (found := [row["copy_bandwidth"] for row in record.rows if row["threads"] == count])
    }


def _default_path(options: argparse.Namespace, device: str) -> Path:
    """Return the committed record's place for a whole run, another for a part of one."""
    part = options.quick or any(
        (options.op, options.implementation, options.dtype, options.direction)
    )
    folder = options.root / ("_build" if part else "book/data")
    return folder / f"bench-{device}.json"
