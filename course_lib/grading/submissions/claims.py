"""What each name in a folder of submissions claims to be: whose work, on which assignment."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from course_lib.grading.submissions.archive import Archive
from course_lib.grading.submissions.folder import (
    FOLDER_ENTRIES,
    Entry,
    Folder,
    Unusable,
    require_file_kind,
)
from course_lib.grading.submissions.names import (
    Named,
    cleaned,
    is_notebook,
    listed,
    read_canvas,
    read_moodle,
    read_title,
    version,
)
from course_lib.grading.submissions.root import STUDENTS, contents, students_folder

MOODLE_DEPTH = 4  # Moodle lets students make folders
TIMESTAMP = "timestamp.txt"  # of nbgrader


class Claim(NamedTuple):
    """One file, or one thing that stands where a file should."""

    student: str  # as it was named, not yet safe
    assignment: str | None  # a known one, or None
    origin: str  # its name, for messages
    kind: str = "file"
    key: Any = None  # where to read it
    problem: str = ""  # why it cannot be read, "" if it perhaps can
    is_notebook: bool = True
    exact: bool = False  # named exactly as the assignment
    base: str = ""  # the name without its version
    version: int = 0  # of files with the same base, the highest counts
    owner: str = ""  # the name beside a student's id
    late: bool | None = None  # where the name says so
    stamp: Any = None  # where to read when it came in


class _Reader(NamedTuple):
    """Where to look, and what the names may mean."""

    place: Folder | Archive
    known: tuple[str, ...]
    default: str | None

    def claims(self, root: Any) -> Iterator[Claim]:
        """Read the folder that holds students, notebooks, or both."""
        entries = contents(self.place, root, STUDENTS)
        for entry in entries:
            moodle = read_moodle(entry.name)
            if moodle:
                yield from self.moodle(entry, moodle)
            elif entry.kind == "folder" and not is_notebook(entry.name):
                yield from self.student(entry)
            else:
                yield from self.loose(entry)

    def student(self, folder: Entry) -> Iterator[Claim]:
        """Read nbgrader's folder of a student."""
        student = folder.name
        try:
            entries = contents(self.place, folder.key)
        except Unusable as error:
            yield Claim(student, self.default, student, problem=f"the student's folder {error}")
            return
        folders = {e.name for e in entries if e.kind == "folder" and e.name in self.known}
        for entry in entries:
            origin = f"{student}/{entry.name}"
            if entry.name in folders:
                yield from self.assignment(student, entry)
            elif entry.kind == "link":
                known = entry.name if entry.name in self.known else None
                yield Claim(student, known, origin, problem=_link(origin))
            elif entry.kind == "folder":
                yield Claim(student, None, entry.name)
            elif is_notebook(entry.name):
                title = read_title(_stem(entry.name), self.known)
                meant = title.assignment if title else None
                if meant not in folders:
                    yield Claim(student, meant, origin, problem=(
                        f"expected {cleaned(f'{student}/ASSIGNMENT/ASSIGNMENT.ipynb')}, got "
                        f"{cleaned(origin)}; move it into a folder named after its assignment"
                    ))  # fmt: skip

    def assignment(self, student: str, folder: Entry) -> Iterator[Claim]:
        """Read nbgrader's folder of a student's assignment."""
        name, origin = folder.name, f"{student}/{folder.name}"
        try:
            entries = contents(self.place, folder.key)
        except Unusable as error:
            yield Claim(student, name, origin, problem=f"the folder {cleaned(origin)} {error}")
            return
        notebooks = [entry for entry in entries if is_notebook(entry.name)]
        # nbgrader writes it over a student's own; in a zip it may be of whoever packed that.
        stamps = [] if isinstance(self.place, Archive) else entries
        stamp = next((entry.key for entry in stamps if entry.name == TIMESTAMP), None)
        for entry in notebooks:
            exact = entry.name == f"{name}.ipynb"
            yield Claim(student, name, entry.name, entry.kind, entry.key, exact=exact, stamp=stamp)
        if not notebooks:
            got = listed(entry.name for entry in entries) or "an empty folder"
            yield Claim(student, name, origin, problem=(
                f"expected {name}.ipynb in {cleaned(origin)}, got no notebook: {got}"
            ))  # fmt: skip

    def loose(self, entry: Entry) -> Iterator[Claim]:
        """Read a file of Canvas or of a flat folder."""
        canvas = read_canvas(entry.name)
        if canvas:
            yield self.uploaded(entry, canvas, numbered=True)
            return
        title = read_title(_stem(entry.name), self.known)
        if title and title.student:
            yield Claim(title.student, title.assignment, entry.name, entry.kind, entry.key,
                        is_notebook=is_notebook(entry.name), exact=True)  # fmt: skip
        elif title and is_notebook(entry.name):
            yield Claim(entry.name, title.assignment, entry.name, problem=(
                f"expected STUDENT_{title.assignment}.ipynb, got {cleaned(entry.name)}, which "
                "names no student"
            ))  # fmt: skip
        elif is_notebook(entry.name):
            student = _stem(entry.name)
            yield Claim(student, self.default, entry.name, entry.kind, entry.key)
        elif entry.kind == "link":
            yield Claim(entry.name, self.default, entry.name, problem=_link(entry.name))

    def moodle(self, entry: Entry, named: Named) -> Iterator[Claim]:
        """Read what Moodle holds of one participant, a file or a folder with folders."""
        if entry.kind != "folder":
            problem = _link(entry.name) if entry.kind == "link" else ""
            yield self.uploaded(entry, named)._replace(problem=problem)
            return
        try:
            files = self.files(entry)
        except Unusable as error:
            problem = f"the folder {cleaned(entry.name)} {error}"
            yield self.uploaded(entry, named)._replace(problem=problem)
            return
        for file in files or [entry]:
            yield self.uploaded(file, named._replace(original=file.name))

    def files(self, folder: Entry) -> list[Entry]:
        """Return all that is no folder in a student's folder, no deeper than Moodle's users go."""
        found, folders = [], [folder]
        for _ in range(MOODLE_DEPTH):
            inner: list[Entry] = []
            for outer in folders:
                inner += contents(self.place, outer.key)
                if len(found) + len(inner) > FOLDER_ENTRIES:
                    raise Unusable(f"expected at most {FOLDER_ENTRIES} files in a folder, got more")
            folders = [entry for entry in inner if entry.kind == "folder"]
            found += [entry for entry in inner if entry.kind != "folder"]
        return found

    def uploaded(self, entry: Entry, named: Named, *, numbered: bool = False) -> Claim:
        """Read the student's own name of a file that Canvas or Moodle ascribes to him."""
        stem = _stem(named.original)
        title = read_title(stem, self.known)
        base, number = stem, 0
        if numbered and stem not in self.known:  # an assignment may itself end in -1
            base, number = version(stem)
        meant = self.default or (title.assignment if title else None)
        return Claim(
            named.student,
            meant,
            entry.name,
            entry.kind,
            entry.key,
            is_notebook=is_notebook(named.original),
            exact=base == meant,
            base=base,
            version=number,
            owner=named.owner,
            late=named.late,
        )


def claims_in(
    place: Folder | Archive, known: tuple[str, ...], default: str | None
) -> Iterator[Claim]:
    """Yield what is claimed in a place, files that are no notebooks only where nothing else is.

    Raises
    ------
    Unusable
        If the place itself cannot be listed.
    """
    reader = _Reader(place, known, default)
    claims = list(reader.claims(students_folder(place, known)))
    for name, reason in getattr(place, "strange", []):
        if is_notebook(name) or f".ipynb{chr(0)}" in name.casefold():
            title = read_title(_stem(name.split("\0")[0]), known)
            claims.append(Claim(name, title.assignment if title else default, name, problem=reason))
    with_work = {claim.student for claim in claims if claim.is_notebook or claim.assignment}
    for claim in claims:
        if claim.is_notebook or claim.assignment or claim.student not in with_work:
            yield claim


def _stem(name: str) -> str:
    """Return a name without its ending, and without the folders of a strange path."""
    last = name.rpartition("/")[2]
    return last.rpartition(".")[0] or last


def _link(origin: str) -> str:
    try:
        require_file_kind("link")
    except Unusable as error:
        return f"{cleaned(origin)}: {error}"
    return ""
