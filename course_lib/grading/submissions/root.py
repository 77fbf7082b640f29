"""The folder that holds the students, inside of what was wrapped around it."""

from collections.abc import Iterable, Sequence
from typing import Any

from course_lib.grading.submissions.archive import Archive
from course_lib.grading.submissions.folder import FOLDER_ENTRIES, Entry, Folder, Unusable
from course_lib.grading.submissions.names import is_noise, is_notebook, read_moodle

STUDENTS = 100_000  # entries of the folder that holds the students
WRAPPERS = 3  # folders around the submissions: course/submitted/…
SUBMITTED = "submitted"  # nbgrader's name


def contents(place: Folder | Archive, key: Any, most: int = FOLDER_ENTRIES) -> list[Entry]:
    """List a folder without what nobody submitted."""
    entries = place.entries(key, most)
    names = {entry.name for entry in entries}
    return [entry for entry in entries if not is_noise(entry.name, names)]


def students_folder(place: Folder | Archive, known: Sequence[str]) -> Any:
    """Return the key of the folder that holds the students or their notebooks.

    Raises
    ------
    Unusable
        If a folder around it cannot be listed.
    """
    root = place.root
    for _ in range(WRAPPERS):
        entries = contents(place, root, STUDENTS)
        folders = [entry for entry in entries if entry.kind == "folder"]
        submitted = [entry for entry in folders if entry.name == SUBMITTED]
        if submitted and not _holds(place, submitted[0], known):
            root = submitted[0].key  # a student of that name has assignments in his folder
        elif len(folders) == 1 == len(entries) and _is_wrapper(place, folders[0], known):
            root = folders[0].key
        else:
            break
    return root


def _is_wrapper(place: Folder | Archive, folder: Entry, known: Sequence[str]) -> bool:
    """Tell the one folder around everything from that of the only student."""
    if read_moodle(folder.name) or _holds(place, folder, known):
        return False
    return any(
        entry.name == SUBMITTED
        or is_notebook(entry.name)
        or read_moodle(entry.name)
        or (entry.kind == "folder" and _holds(place, entry, known))
        for entry in _inside(place, folder)
    )


def _holds(place: Folder | Archive, folder: Entry, names: Sequence[str]) -> bool:
    return any(entry.name in names for entry in _inside(place, folder))


def _inside(place: Folder | Archive, folder: Entry) -> Iterable[Entry]:
    try:
        return contents(place, folder.key, STUDENTS)
    except Unusable:
        return []
