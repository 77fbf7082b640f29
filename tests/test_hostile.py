"""Hostile submissions: none earns a point, costs another one, outlives its turn or stops the judge.

The submissions are made by the package `hostile`.
"""

import contextlib
import json
import os
import resource
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hostile import ATTACKS
from submissions import SEED, assignment, submission

from course_lib.grading.judge.judge import grade
from course_lib.grading.judge.pool import Limits, Pool
from course_lib.grading.judge.sandbox import NoSandbox

LIMITS = Limits(cell=0.8, notebook=15.0)
GIBIBYTE = 1 << 20  # in the kilobytes of `getrusage`


@pytest.fixture(scope="module")
def pool():
    """Yield warm workers behind a sandbox; without one, skip here and fail in CI."""
    with Pool(limits=LIMITS) as pool:
        try:
            pool.warm(("numpy",))
        except NoSandbox as error:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"no sandbox (see apt.txt): {error}")
        yield pool


@cache
def honest(exercise: str) -> bytes:
    return submission(exercise)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_an_attack_earns_nothing_and_harms_nobody(pool, attack):
    task = assignment(attack.exercise)
    if attack.before is not None:
        grade(task, attack.before(), SEED, pool)
    pool.warm(task.packages)
    held, descriptors = memory_peak(), len(os.listdir("/proc/self/fd"))
    result = grade(task, attack.make(), SEED, pool)
    # The attacked questions earn nothing, all others everything.
    attacked = {f"check_{name}" for name in attack.questions}
    for question in result["questions"]:
        lost = question["id"] in attacked or "check_*" in attacked
        assert question["score"] == (0.0 if lost else question["max_score"]), question
        assert question["status"] == (attack.status if lost else "GRADED"), question
    assert result["status"] == attack.status, result
    # It says why, and holds nothing that steers a reader or that only the judge knew.
    texts = "\n".join(every_text(json.loads(json.dumps(result))))
    assert attack.said in texts
    assert not [text for text in attack.hides() if text in texts], texts
    assert (result["reason"] == "") == (attack.status == "GRADED")
    # The judge is as before, and the worker is gone.
    assert memory_peak() - held < GIBIBYTE
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert result["seconds"] < 3 * LIMITS.notebook
    assert outlived(pool) == []
    fair = grade(task, honest(attack.exercise), SEED, pool)
    assert fair["score"] == task.max_score, fair


@pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if a.real], ids=lambda a: a.name)
def test_without_a_sandbox_the_attack_succeeds(unlocked, attack):
    result = grade(assignment(attack.exercise), attack.make(), SEED, unlocked)
    assert all(question["score"] > 0 for question in result["questions"]), result


@pytest.fixture(scope="module")
def unlocked():
    with Pool(limits=LIMITS, sandbox=False) as pool:
        yield pool


def test_there_are_at_least_forty_attacks():
    assert len(ATTACKS) >= 40


def every_text(value) -> Iterator[str]:
    """Yield every text in a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from every_text(item)


def memory_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def outlived(pool) -> list[int]:
    """Return the processes below the pool's warm ones that do not end within seconds."""
    patience = time.monotonic() + 10
    while (found := below_the_zygotes(pool)) and time.monotonic() < patience:
        time.sleep(0.01)  # the judge knows that the worker is dead before its parent has ended
    return found


def below_the_zygotes(pool) -> list[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
    warm = {zygote.process.pid for zygote in pool.zygotes.values()}
    for _ in range(2):  # bubblewrap, its child, and the zygote
        warm |= {pid for pid, parent in parents.items() if parent in warm}
    return sorted({pid for pid, parent in parents.items() if parent in warm} - warm)
