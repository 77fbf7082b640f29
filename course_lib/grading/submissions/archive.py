"""Submissions in a zip file, read as a stream and never unpacked to disk."""

import io
import os
import stat
import weakref
import zipfile
import zlib
from pathlib import Path

from course_lib.grading.submissions.folder import (
    CHUNK,
    FOLDER_ENTRIES,
    NOTEBOOK_BYTES,
    Entry,
    Unusable,
    kind_of,
    too_large,
)
from course_lib.grading.submissions.names import cleaned

MEMBERS = 50_000
DIRECTORY_BYTES = 16 * 2**20  # the list of members, which zipfile reads as a whole
SUM_BYTES = 4 * 2**30  # what all notebooks of one zip may unpack to
DEEPEST, LONGEST_PATH = 8, 1_000
UTF_8, ENCRYPTED = 0x800, 0x1  # flags of a member
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to start with
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    IndexError,
    OverflowError,
)  # fmt: skip (what zipfile lets out)

Tree = dict[str, "Tree | list[zipfile.ZipInfo]"]


class Archive:
    """A zip file with the interface of `Folder`.

    Attributes
    ----------
    strange : list of (name, reason)
        Members whose path no honest tool writes; they are in no folder.

    Raises
    ------
    ValueError
        If the file is no zip, is damaged or encrypted, or has too many members.
    """

    def __init__(self, path: Path):
        self._zip, file = _opened(path)
        weakref.finalize(self, file.close)
        members = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(self._zip.infolist()) > MEMBERS:
            raise ValueError(
                f"expected at most {MEMBERS} files in {path}, got {len(self._zip.infolist())}; "
                "split it into several zips"
            )
        if members and all(info.flag_bits & ENCRYPTED for info in members):
            raise ValueError(
                f"expected a zip without a password, got {path}, which is encrypted; "
                "unpack it with its password and name the folder instead"
            )
        self.root: Tree = {}
        self.strange: list[tuple[str, str]] = []
        self._left = SUM_BYTES
        for info in self._zip.infolist():
            self._place(info)

    def entries(self, key: Tree, most: int = FOLDER_ENTRIES) -> list[Entry]:
        """List a folder, sorted; a name that the zip holds twice is listed twice."""
        found = []
        for name, inside in key.items():
            if isinstance(inside, dict):
                found.append(Entry(name, "folder", inside))
            else:
                found += [Entry(name, _kind(info), info) for info in inside]
        if len(found) > most:
            raise Unusable(f"expected at most {most} files in a folder, got more")
        return sorted(found, key=lambda entry: entry[:2])

    def read(self, key: zipfile.ZipInfo) -> bytes:
        """Unpack one member in memory, no further than a notebook may reach.

        Raises
        ------
        Unusable
            If it is larger, encrypted or damaged.
        """
        if key.flag_bits & ENCRYPTED:
            raise Unusable("is encrypted in the zip; submit it without a password")
        if key.compress_type not in METHODS:
            raise Unusable("is packed by a method other than deflate; zip it the usual way")
        if key.file_size > NOTEBOOK_BYTES:
            raise too_large()
        try:
            return self._unpack(key)
        except BROKEN as error:
            reason = cleaned(str(error) or type(error).__name__)
            raise Unusable(f"is damaged in the zip: {reason}; submit it again") from None

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        """Count what really comes out: the sizes written in a zip may lie."""
        chunks, size = [], 0
        with self._zip.open(info) as member:
            while chunk := member.read(CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                self._left -= len(chunk)
                if size > NOTEBOOK_BYTES:
                    raise too_large()
                if self._left < 0:
                    raise Unusable(
                        f"the zip unpacks to more than {SUM_BYTES / 2**30:g} GiB before this file; "
                        "split it into several zips"
                    )
        return b"".join(chunks)

    def _place(self, info: zipfile.ZipInfo) -> None:
        """Put a member into its folder, or among the strange ones."""
        name = _name(info)
        reason = _strange(name)
        *folders, last = [part for part in name.split("/") if part != "."] or [""]
        tree = self.root
        for folder in [] if reason else folders:
            inner = tree.setdefault(folder, {})
            if not isinstance(inner, dict):
                reason = "expected a folder, got a file of that name beside it"
                break
            tree = inner
        if reason:
            self.strange.append((name, reason))
        elif last and isinstance(tree.setdefault(last, []), dict):
            self.strange.append((name, "expected a file, got a folder of that name beside it"))
        elif last:
            tree[last].append(info)


def _opened(path: Path) -> tuple[zipfile.ZipFile, "_Bounded"]:
    """Open a zip file, with errors that say what to do."""
    expected = f"expected a folder or a zip file of submissions, got {path}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ValueError(f"{expected}, which cannot be read: {error.strerror}") from None
    file = _Bounded(descriptor)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{expected}, which is no regular file; name the zip itself")
        if file.read(2) != b"PK":
            raise ValueError(f"{expected}, which is neither; name the folder that it lies in")
        return zipfile.ZipFile(file), file
    except BROKEN as error:
        file.close()
        if str(error).startswith("expected"):
            raise
        raise ValueError(
            f"{expected}, which is damaged: {cleaned(str(error))}; download it again"
        ) from None


class _Bounded(io.BufferedReader):
    """A file that refuses to be read in one piece larger than a list of members may be."""

    def __init__(self, descriptor: int):
        super().__init__(io.FileIO(descriptor))

    def read(self, size: int | None = -1) -> bytes:
        """Read; zipfile asks for the whole list at once, and believes the size written there."""
        if size is not None and size > DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of files is larger than {DIRECTORY_BYTES} bytes")
        return super().read(size)


def _name(info: zipfile.ZipInfo) -> str:
    """Return the name as it was written: zipfile cuts `filename` at a NUL.

    Without the flag for UTF-8 zipfile takes the bytes for an old code page; some tools forget it.
    """
    name = info.orig_filename
    if not info.flag_bits & UTF_8:
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name


def _strange(name: str) -> str:
    """Return why a path cannot be an honest one, "" if it can."""
    parts = name.removesuffix("/").split("/")
    reasons = {
        "a path that is too long": len(name) > LONGEST_PATH or len(parts) > DEEPEST,
        "an absolute path": name.startswith("/") or name[1:2] == ":",
        "a path with ..": ".." in parts,
        "a path with a backslash": "\\" in name,
        "a path with a NUL": "\0" in name,
        "a path with an empty part": "" in parts,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    return f"expected a path inside the zip, got {', '.join(found)}" if found else ""


def _kind(info: zipfile.ZipInfo) -> str:
    """Return the kind that a Unix tool wrote down, a file where none did."""
    mode = info.external_attr >> 16
    return kind_of(mode) if stat.S_IFMT(mode) else "file"
