"""What a grading run has on disk: what is done, what was begun, and who is at work.

One process writes here. Every file appears whole or not at all, so that a run may be killed at any
moment. Nothing is forced to the disk: a kill loses no written byte, and what a power cut tears
fails its seal and is graded again.
"""

import datetime
import hashlib
import hmac
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

LONGEST_NAME = 240  # bytes; file systems take 255, and the temporary file needs a few
STRETCH = 100_000  # rounds, 30 ms once a run: a seed that somebody thought up is not easily tried
LOCKED_BYTE = (
    1 << 20
)  # Windows keeps others from reading what is locked; the owner stands before it


class Busy(RuntimeError):
    """Another process grades in this folder."""


class JobStore:
    """The folders `jobs` and `results` of one grading run, held by one process at a time.

    Parameters
    ----------
    directory : Path
        The run's folder, ``DIR`` of ``course grade SUBMISSIONS --out DIR``.
    seed : bytes
        The instructor's secret. It names and seals the jobs; neither reveals it.
    conditions : str
        What else a result depends on, such as limits of time.

    Raises
    ------
    Busy
        On entering, if another process is at work in the folder.
    """

    def __init__(self, directory: Path, seed: bytes, conditions: str = ""):
        self.directory, self.jobs = directory, directory / "jobs"
        self._secret = hashlib.pbkdf2_hmac("sha256", seed, b"course_lib.grading.jobs", STRETCH)
        self._conditions, self._written = conditions.encode(), set[Path]()

    def __enter__(self) -> "JobStore":
        for folder in (self.jobs, self.directory / "results"):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.jobs / "lock", self.directory)
        for leftover in [*self.jobs.glob("*.tmp"), *self.directory.glob("results/*/*.tmp")]:
            leftover.unlink()
        self._log = _append_to(self.jobs / "log.jsonl")
        return self

    def __exit__(self, *_) -> None:
        self._log.close()
        self._lock.close()  # the file stays: removing it could let two in at once

    def key(self, assignment_digest: str, raw: bytes) -> str:
        """Return the name of the job: whatever its result depends on changes it."""
        seed = hmac.digest(self._secret, b"name", "sha256")
        digest = hashlib.sha256()
        for part in (raw, assignment_digest.encode(), self._conditions, seed):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return digest.hexdigest()

    def load(self, key: str) -> dict | None:
        """Return the result of a job that is done; None where a file is not what was written."""
        try:
            record = json.loads(self._path(key).read_bytes())
            seal = record.pop("seal")
            if seal == self._seal(record) and record["key"] == key:
                return record
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            pass
        self.note("distrusted", key)
        return None

    def save(self, key: str, result: dict, *, failed: bool = False) -> dict:
        """Keep a job's result and return it as a later run will read it."""
        record = {"key": key, "failed": failed, "result": result}
        _write(self._path(key), json.dumps(record | {"seal": self._seal(record)}))
        self.note("done", key)
        return json.loads(json.dumps(result))

    def park(self, key: str, raw: bytes) -> None:
        """Keep a submission's bytes out of memory until `unpark`."""
        (self.jobs / f"{key}.tmp").write_bytes(raw)

    def unpark(self, key: str) -> bytes:
        """Return them, and forget them."""
        path = self.jobs / f"{key}.tmp"
        raw = path.read_bytes()
        path.unlink()
        return raw

    def write_result(self, result: dict) -> None:
        """Write what one student earned for one assignment; nobody may have two results."""
        for name in (result["student"], result["assignment"]):
            require_plain_name(name)
        path = self.directory / "results" / result["student"] / f"{result['assignment']}.json"
        if path in self._written:
            raise ValueError(
                f"expected one submission of {path.stem} from {path.parent.name}, got two; remove "
                "the one that does not count"
            )
        self._written.add(path)
        path.parent.mkdir(exist_ok=True)
        _write(path, json.dumps(result, indent=1))

    def note(self, event: str, key: str, **more: Any) -> None:
        """Add a line to the log ``jobs/log.jsonl``."""
        now = datetime.datetime.now().isoformat(timespec="milliseconds")
        line = _text({"at": now, "event": event, "key": key, **more}) + "\n"
        self._log.write(line.encode())  # one unbuffered write: a kill leaves it whole or absent

    def left_in_the_middle(self) -> set[str]:
        """Return the jobs during which a grader died that ran them in its own process."""
        open_jobs = set()
        for entry in self._entries():
            if entry["event"] == "begun here":
                open_jobs.add(entry["key"])
            elif entry["event"] in ("done", "stopped"):
                open_jobs.discard(entry["key"])
        return open_jobs

    def _entries(self) -> Iterator[dict]:
        for line in (self.jobs / "log.jsonl").read_bytes().splitlines():
            try:
                entry = json.loads(line)
                entry["event"], entry["key"]
            except (ValueError, LookupError, TypeError, RecursionError):
                continue  # torn by a power cut, or written by somebody else
            yield entry

    def _path(self, key: str) -> Path:
        return self.jobs / f"{key}.json"

    def _seal(self, record: dict) -> str:
        return hmac.digest(self._secret, b"seal" + _text(record).encode(), "sha256").hex()


def require_plain_name(name: str) -> None:
    """Refuse what would be written elsewhere than under its own name.

    Raises
    ------
    ValueError
        If `name` cannot be the name of a file.
    """
    plain = name not in ("", ".", "..") and not set("/\\:\0") & set(name)
    if not plain or len(os.fsencode(name)) > LONGEST_NAME:
        raise ValueError(
            f"expected names of at most {LONGEST_NAME} bytes that can be a file's, got {name!r}; "
            "give such a submission a made-up student before grading it"
        )


def _text(value: Any) -> str:
    """Return JSON that is the same for equal values, on one line."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _write(path: Path, text: str) -> None:
    """Put a whole file in the place of the old one, in one step."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _append_to(path: Path) -> IO[bytes]:
    """Open a file of lines to add some, on a line of their own."""
    file = path.open("ab", buffering=0)
    if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
        file.write(b"\n")
    return file


def _locked(path: Path, directory: Path) -> IO[str]:
    """Lock a file until it is closed or this process dies, however it dies."""
    file = path.open("a+", encoding="utf-8")
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        owner = file.readline().strip() or "another process"
        file.close()
        raise Busy(
            f"expected to grade alone in {directory}, got {owner} at work there; wait until it "
            "is done, stop it, or name another folder with --out"
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {platform.node()}\n")
    file.flush()
    return file


def _lock(file: IO[str]) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
