"""What the name of a submitted file says: who, which assignment, which version.

Whoever submits chooses some of these names, so they are hostile. Canvas and Moodle put their own
ids before the part that a student chooses: read from the left, that part cannot forge them.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

NOTEBOOK = ".ipynb"
LONGEST_ID, LONGEST_ID_BYTES = 100, 200  # 255 bytes are a file system's limit for a name
MADE_UP = "unnamed-"
# Letters to Unicode, nothing to the eye: two ids that look the same must be the same.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# canvas-lms, lib/content_zipper.rb: [NAME_][LATE_]USER_FILE_ORIGINAL; NAME holds no _digits_
CANVAS = re.compile(
    r"(?:(?P<owner>\w+?)_)??(?P<late>LATE_)?(?P<student>\d+|anon_[0-9A-Za-z]+)_\d+_(?P<original>.+)",
    re.DOTALL,
)
# moodle, mod/assign/classes/downloader.php: no _ in NAME; up to 4.0 a _ ended the folder's name,
# and with "download in folders" switched off the original name follows it.
MOODLE = re.compile(
    r"(?P<owner>[^_]*)_(?P<student>\d+)_assignsubmission_file(?:_(?P<original>.*))?", re.DOTALL
)
VERSION = re.compile(r"-(\d{1,4})$")  # Canvas: batch_norm-1.ipynb is newer than batch_norm.ipynb
COPY = re.compile(r"(?: ?\(\d{1,4}\)|-Copy\d{1,4}|-\d{1,4})$")  # browsers, Jupyter, Canvas
COPIES = 3  # of a copy, at most


class Named(NamedTuple):
    """What a file's name says."""

    student: str
    original: str  # the file's name as the student gave it
    owner: str = ""  # the name that Canvas or Moodle puts beside the id
    late: bool | None = None  # what Canvas says; Moodle says nothing


class Title(NamedTuple):
    """What a student's own name for a file says."""

    student: str  # what stands before the assignment, "" if nothing does
    assignment: str


def read_canvas(name: str) -> Named | None:
    """Read a file's name in a Canvas download; None if it is no such name."""
    match = CANVAS.fullmatch(name)
    if match is None:
        return None
    owner = match["owner"] or ""
    # A name is in small letters and so cannot say LATE; years ago Canvas wrote late.
    late = None if re.search("(^|_)late$", owner) else bool(match["late"])
    return Named(match["student"], match["original"], owner, late)


def read_moodle(name: str) -> Named | None:
    """Read a folder's or a file's name at the top of a Moodle download."""
    match = MOODLE.fullmatch(name)
    return match and Named(match["student"], match["original"] or "", match["owner"])


def read_title(stem: str, known: Sequence[str]) -> Title | None:
    """Find the longest known assignment that ends `stem`, alone or after a separator."""
    for _ in range(1 + COPIES):
        for assignment in sorted(known, key=len, reverse=True):
            start = len(stem) - len(assignment)
            if stem[max(start, 0) :].casefold() != assignment.casefold():
                continue
            if start == 0 or stem[start - 1] in "_- ":
                return Title(stem[: max(start - 1, 0)], assignment)
        stem = COPY.sub("", stem)
    return None


def version(stem: str) -> tuple[str, int]:
    """Split Canvas's number off a name: `batch_norm-2` is version 2 of `batch_norm`."""
    match = VERSION.search(stem)
    return (stem[: match.start()], int(match[1])) if match else (stem, 0)


def is_notebook(name: str) -> bool:
    """Tell by its ending whether a file should be a notebook."""
    return name.casefold().endswith(NOTEBOOK)


def is_noise(name: str, siblings: Iterable[str]) -> bool:
    """Tell what an operating system or Jupyter leaves behind from what somebody submitted."""
    left = {".ipynb_checkpoints", "__MACOSX", ".DS_Store", ".git", "__pycache__"}
    return name in left or (name.startswith("._") and name[2:] in siblings)


def is_safe(student: str) -> bool:
    """Tell whether an id may name a folder and stand in a table.

    Letters of any script with their marks, decimal digits and `_ . @ + -`; a letter, a digit or
    one of `_ @ +` first; what `made_up` returns is reserved, and a file's name is nobody's.
    """
    return (
        0 < len(student) <= LONGEST_ID
        and len(student.encode("utf-8", "replace")) <= LONGEST_ID_BYTES
        and all(c in "_.@+-" or _is_word(c) for c in student)
        and student[0] not in ".-"
        and not unicodedata.category(student[0]).startswith("M")
        and not INVISIBLE.search(student)
        and not student.casefold().startswith(MADE_UP)
        and not is_notebook(student)
    )


def _is_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category in ("Mn", "Mc", "Nd")


def folded(name: str) -> str:
    """Return what a file system that ignores case and composition takes the name for."""
    return composed(composed(name).casefold())


def composed(name: str) -> str:
    """Return the name as nearly everybody types it: é as one character."""
    return unicodedata.normalize("NFC", name)


def made_up(names: Iterable[str]) -> dict[str, str]:
    """Return a safe id for each of the names, made from its digest, no two alike."""
    ids: dict[str, str] = {}
    for name in sorted(set(names)):
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        taken = set(ids.values())
        sizes = range(8, len(digest) + 1, 8)  # eight digits collide for who wants them to
        ids[name] = next(i for n in sizes if (i := MADE_UP + digest[:n]) not in taken)
    return ids


def cleaned(name: str, longest: int = 80) -> str:
    """Return the name in quotes for a message: nothing unprintable, not too long."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:longest])
    return f"'{text}{'…' if len(name) > longest else ''}'"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first names, cleaned, and how many more there are."""
    unique = sorted(set(names))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(cleaned(name) for name in unique[:most]) + more
