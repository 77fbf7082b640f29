"""What the tests of `collect` share: folders and zips of submissions, and how to read them."""

import zipfile

from course_lib.grading.submissions.collect import collect

KNOWN = ("backward", "batch_norm", "batch_norm_backward", "week-1")
WORK = "{}/batch_norm/batch_norm.ipynb"


def tree(root, files):
    """Write {path: text or bytes} below `root` and return it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def packed(path, files, method=zipfile.ZIP_DEFLATED):
    """Write a zip of {name or ZipInfo: content} and return its path."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files if isinstance(files, list) else files.items():
            archive.writestr(name, content)
    return path


def found(source, **options):
    """Collect from `source`: {(student, assignment): raw or problem}."""
    results = list(collect(source, KNOWN, **options))
    for result in results:
        assert (result.raw is None) == bool(result.problem)
    keys = [result[:2] for result in results]
    assert keys == sorted(keys)
    assert len({(student.casefold(), name) for student, name in keys}) == len(keys)
    return {
        result[:2]: result.raw if result.raw is not None else result.problem for result in results
    }


def only(source, **options):
    """Collect the only submission: (student, assignment, raw or problem)."""
    ((key, value),) = found(source, **options).items()
    return *key, value


def trap(source, **options):
    """Collect what is not ada's: (student, assignment, problem)."""
    results = found(source, **options)
    assert results.pop(("ada", "batch_norm")) == b"fine"
    ((key, problem),) = results.items()
    assert isinstance(problem, str)
    return *key, problem
