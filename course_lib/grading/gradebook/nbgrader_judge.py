"""Our judge in the place of nbgrader's execute step: for its command, its API and formgrader."""

import atexit
import json
import os
from functools import cache
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Unicode

from course_lib.grading.assignment import load_assignment
from course_lib.grading.gradebook.autograded import autograded_notebook
from course_lib.grading.gradebook.database import open_gradebook
from course_lib.grading.gradebook.deadlines import in_utc, read_deadlines
from course_lib.grading.gradebook.gradebook import import_results
from course_lib.grading.judge.judge import grade
from course_lib.grading.judge.pool import Pool
from course_lib.grading.seed import read_seed


class Ungraded(RuntimeError):
    """A submission that has no score, and why; nbgrader reports it and goes on."""


class Judge(NbGraderPreprocessor):
    """Grade the submitted file; no kernel runs, here or there.

    Put it first in ``c.Autograde.autograde_preprocessors``, before ``SaveAutoGrades``, in the place
    of ``Execute``; `autograded.write_settings` does. The notebook that leaves it is the
    instructor's with the learner's code, and the outputs from which nbgrader reads the score.
    """

    course = Unicode(help="The course's folder, with solutions/").tag(config=True)
    seed_file = Unicode(help="The file with the instructor's secret").tag(config=True)
    overlay = Unicode(help="A private folder with more questions").tag(config=True)
    sandbox = Bool(True, help="False only for one's own work").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict):
        """Judge one submission.

        Raises
        ------
        Ungraded
            If it has no score. The gradebook then holds no score of the judge's for it.
        NoSandbox
            If the learner's code cannot be locked in on this machine.
        """
        names = resources["nbgrader"]
        root = Path(self._coursedir.root)
        overlay = Path(self.overlay) if self.overlay else None
        assignment = load_assignment(Path(self.course), names["assignment"], overlay)
        raw = self._submitted(names).read_bytes()
        result = grade(assignment, raw, read_seed(Path(self.seed_file)), _pool(self.sandbox))
        late = _late(names["db_url"], names["student"], assignment.name)
        result = {"student": names["student"], **result, "late": late}
        _write_result(root, result)
        done = import_results([result], {assignment.name: assignment}, root, names["db_url"])
        for warning in done.warnings:
            self.log.warning(warning)
        if result["score"] is None:
            raise Ungraded(done.left_out[0])
        return autograded_notebook(assignment, raw, result, Path(self.course)), resources

    @property
    def _coursedir(self):
        return self.parent.parent.coursedir  # the exporter's converter's

    def _submitted(self, names: dict) -> Path:
        """Return the file as it was handed in: what nbgrader passes on it has read and changed."""
        folder = self._coursedir.format_path(
            self._coursedir.submitted_directory, names["student"], names["assignment"]
        )
        return Path(folder) / f"{names['notebook']}.ipynb"


@cache
def _pool(sandbox: bool) -> Pool:
    """Return the warm processes; formgrader's server keeps them until it ends."""
    pool = Pool(sandbox=sandbox)
    atexit.register(pool.close)
    return pool


def _late(url: str, student: str, assignment: str) -> bool | None:
    """Return what nbgrader knows; it has written down the time before it calls the judge."""
    with open_gradebook(url) as book:
        time = book.find_submission(assignment, student).timestamp
        return read_deadlines(book.db).late(student, assignment, in_utc(time))


def _write_result(directory: Path, result: dict) -> None:
    """Let the files for machines say the same as the gradebook."""
    path = directory / "results" / result["student"] / f"{result['assignment']}.json"
    if path.exists() and result["late"] is None:  # Canvas may have known more
        result = result | {"late": json.loads(path.read_text(encoding="utf-8"))["late"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(result, indent=1), encoding="utf-8")
    os.replace(temporary, path)
