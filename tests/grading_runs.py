"""Grading runs in processes that may be killed, and what they left behind."""

import json
import multiprocessing
import signal
import sys
import time
from collections import Counter

from stand_in_judge import ASSIGNMENT, SEED, Pool, grade, tell, told

from course_lib.grading.jobs.jobs import Stopped, run_jobs

# What it has imported once, its children have: a grader starts in milliseconds.
KINDS = multiprocessing.get_all_start_methods()
PROCESSES = multiprocessing.get_context("forkserver" if "forkserver" in KINDS else "spawn")
PROCESSES.set_forkserver_preload(["course_lib.grading.jobs.jobs"])
SECONDS = 60  # until a process that waits for another is given up


def run(found, directory, **settings):
    """Grade, and return the results by student, without what may differ between runs."""
    settings = {"seed": SEED, "grade": grade, "make_pool": Pool} | settings
    results = run_jobs(found, {"layer": ASSIGNMENT}, directory, **settings)
    return {result["student"]: result | {"seconds": 0} for result in results}


def begin(found, directory, **settings):
    """Grade in another process."""
    process = PROCESSES.Process(target=_run, args=(found, directory, settings))
    process.start()
    return process


def _run(found, directory, settings):
    # What is started in a shell's background has Ctrl-C ignored, and the tests inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(found, directory, **settings)
    except Stopped as stop:
        tell(directory, f"stopped: {stop}")
    except BaseException as error:
        tell(directory, f"stopped: otherwise, by {error!r}")  # for whoever reads why a test failed
        raise
    finally:
        tell(directory, f"dask imported {'dask' in sys.modules}")


def await_told(folder, start):
    """Return what was told that begins so, as soon as it is."""
    deadline = time.monotonic() + SECONDS
    while not told(folder, start):
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {start!r} to be told within {SECONDS} s")
        time.sleep(0.01)
    return told(folder, start)


def log(directory):
    """Return the log's entries."""
    lines = (directory / "jobs" / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def graded_again(directory):
    """Return the jobs that were begun although they were done."""
    done, again = set(), set()
    for entry in log(directory):
        if entry["event"] == "done":
            again |= {entry["key"]} & done
            done.add(entry["key"])
        elif entry["event"].startswith("begun"):
            again |= {entry["key"]} & done
    return again


def stored_scores(directory):
    """Return the scores of all jobs that are done."""
    files = directory.glob("jobs/*.json")
    return {json.loads(path.read_text())["result"]["score"] for path in files}


def times_graded(folder):
    """Return how often the judge was called for each score."""
    return Counter(float(score) for score in told(folder, "graded"))


def on_disk(directory):
    """Return the results' files by student, without what may differ between runs."""
    results = [json.loads(path.read_text()) for path in directory.glob("results/*/*.json")]
    return {result["student"]: result | {"seconds": 0} for result in results}
