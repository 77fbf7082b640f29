"""Submissions in a folder on disk, of which any name may be a trap."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

NOTEBOOK_BYTES = 20 * 2**20  # more is no notebook of this course, outputs included
FOLDER_ENTRIES = 1_000  # in a folder that a student fills
CHUNK = 2**20


class Unusable(Exception):
    """One submission cannot be read, for this reason; the others can."""


class Entry(NamedTuple):
    """One name in a folder."""

    name: str
    kind: str  # "file", "folder", "link", or "other" (FIFO, device, socket)
    key: Any  # where its place finds it again


class Folder:
    """A folder on disk, read without following a symbolic link below it.

    Each read starts from the folder's path and opens part by part with O_NOFOLLOW, so exchanging
    a folder for a link between listing and reading gains nothing.
    """

    root: tuple[str, ...] = ()

    def __init__(self, path: Path):
        self._path = path

    def entries(self, key: tuple[str, ...], most: int = FOLDER_ENTRIES) -> list[Entry]:
        """List a folder, sorted.

        Raises
        ------
        Unusable
            If it cannot be read, or holds more than `most` entries.
        """
        with _reasons(), self._opened(key) as folder, os.scandir(folder) as listing:
            found = [Entry(e.name, _kind(e), (*key, e.name)) for e in islice(listing, most + 1)]
        if len(found) > most:
            raise Unusable(f"expected at most {most} files in a folder, got more")
        return sorted(found)

    def read(self, key: tuple[str, ...]) -> bytes:
        """Return what a regular file holds.

        Raises
        ------
        Unusable
            If it is anything else, cannot be read, or is larger than a notebook may be.
        """
        with _reasons(), self._opened(key[:-1]) as folder:
            # Looked at before it is opened: opening a device may do something already.
            _require_regular(os.stat(key[-1], dir_fd=folder, follow_symlinks=False))
            # O_NONBLOCK: a FIFO put there since must not wait for somebody to write.
            file = os.open(key[-1], _flags() | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
            try:
                _require_regular(os.fstat(file))
                return _read(file)
            finally:
                os.close(file)

    @contextmanager
    def _opened(self, key: tuple[str, ...]) -> Iterator[int]:
        """Open a folder part by part, none of them a link."""
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in key:
                inner = os.open(name, _flags() | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def require_file_kind(kind: str) -> None:
    """Refuse what is no regular file, and say what it is."""
    reasons = {
        "link": "expected a file, got a symbolic link, which is never followed; submit the file",
        "folder": "expected a file, got a folder of that name",
        "other": "expected a regular file, got a pipe, device or socket",
    }
    if kind in reasons:
        raise Unusable(reasons[kind])


def too_large() -> Unusable:
    """Return the refusal of a notebook past its limit."""
    return Unusable(
        f"expected a notebook of at most {NOTEBOOK_BYTES / 2**20:g} MiB, got more; "
        "clear its outputs and submit it again"
    )


def kind_of(mode: int) -> str:
    """Return the kind of entry that a mode of stat tells."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")


def _kind(entry: os.DirEntry) -> str:
    try:
        return kind_of(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return "file"  # vanished: reading it says so


def _require_regular(status: os.stat_result) -> None:
    require_file_kind(kind_of(status.st_mode))


def _read(file: int) -> bytes:
    """Read to the end, not trusting the size: the file may still grow."""
    chunks, left = [], NOTEBOOK_BYTES + 1
    while chunk := os.read(file, min(CHUNK, left)):
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        raise too_large()
    return b"".join(chunks)


def _flags() -> int:
    return os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def _reasons() -> Iterator[None]:
    """Say what an error of the system means for a submission."""
    try:
        yield
    except FileNotFoundError:
        raise Unusable("vanished while it was read; submit it again") from None
    except PermissionError:
        raise Unusable("may not be read; give the grader the right to read it") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Unusable("became a symbolic link or another file while it was read") from None
        raise Unusable(f"cannot be read: {error.strerror or type(error).__name__}") from None
