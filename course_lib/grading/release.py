"""Make the exercises from the solutions, by nbgrader's own release step."""

import logging
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import compute_checksum, is_grade, is_solution
from traitlets.config import Config, PyFileConfigLoader


class MakeExercise(NbGraderPreprocessor):
    """Title the notebook as an exercise, and tag each check as one that may raise.

    JupyterLab's Run All goes on past cells with this tag, so an unsolved exercise runs to its
    end. That a check does fail until its task is solved is proven by the tests (`conftest.py`).
    """

    def preprocess_cell(self, cell, resources, cell_index):
        """Turn one cell of the solution into that of the exercise."""
        if cell_index == 0:
            cell.source = cell.source.replace("# Solution:", "# Exercise:", 1)
        if is_grade(cell):
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "raises-exception"})
        return cell, resources


class UnfinishedWork(RuntimeError):
    """Releasing would overwrite a learner's answers."""


def assignments(root: Path) -> list[str]:
    """Return the names of the exercises that have a solution."""
    return sorted(path.parent.name for path in (root / "solutions").glob("*/*.ipynb"))


def release(root: Path, *, force: bool = False) -> list[Path]:
    """Write `exercises/` from `solutions/`, and return the files that changed.

    Parameters
    ----------
    root : Path
        The folder with `nbgrader_config.py`.
    force : bool
        Overwrite exercises in which somebody has written answers.

    Raises
    ------
    UnfinishedWork
        If an exercise holds answers and `force` is false; nothing is written then.
    """
    wanted = _released(root)
    changed = _differing(wanted)
    worked_on = [str(path.relative_to(root)) for path in changed if has_answers(path)]
    if worked_on and not force:
        raise UnfinishedWork(
            f"expected unsolved exercises, got answers in {', '.join(worked_on)}; "
            "copy your work elsewhere, or overwrite it with --force"
        )
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    return changed


def drift(root: Path) -> list[Path]:
    """Return the exercises that differ from what `solutions/` gives now, or are missing."""
    return _differing(_released(root))


def _differing(wanted: dict[Path, bytes]) -> list[Path]:
    """Return the files that are missing or hold something else."""
    return [p for p, content in wanted.items() if not p.exists() or p.read_bytes() != content]


def has_answers(path: Path) -> bool:
    """Tell whether a solution cell of the notebook differs from the released one."""
    if not path.exists():
        return False
    cells: list[NotebookNode] = nbformat.read(path, as_version=4).cells
    return any(
        is_solution(cell) and compute_checksum(cell) != cell.metadata.nbgrader.get("checksum")
        for cell in cells
    )


def _released(root: Path) -> dict[Path, bytes]:
    """Return what each exercise should hold, by its path."""
    with tempfile.TemporaryDirectory() as folder:
        for name in assignments(root):
            _generate(root, name, Path(folder))
        return {
            root / "exercises" / path.relative_to(folder): path.read_bytes()
            for path in sorted(Path(folder).glob("*/*.ipynb"))
        }


def _generate(root: Path, name: str, target: Path) -> None:
    """Run nbgrader's release of one assignment into `target`, without a gradebook."""
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.update(root=str(root), assignment_id=name, release_directory=str(target))
    config.GenerateAssignment.no_database = True
    # nbgrader needs the gradebook's cell records only where it grades.
    config.GenerateAssignment.preprocessors = [
        step
        for step in config.GenerateAssignment.preprocessors
        if getattr(step, "__name__", "") != "SaveCells"
    ]
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.log = logging.getLogger("course.release")
    converter.log.setLevel(logging.ERROR)
    converter.start()
