"""`collect` meets folders that are traps: nothing hangs, leaks, or spoils the others."""

import gc
import os
import socket
import stat
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hand_ins import KNOWN, WORK, found, only, packed, trap, tree

from course_lib.grading.submissions import archive as collect_zip
from course_lib.grading.submissions import folder as collect_folder
from course_lib.grading.submissions import root as collect_root
from course_lib.grading.submissions.collect import collect
from course_lib.grading.submissions.folder import NOTEBOOK_BYTES


@pytest.fixture
def honest(tmp_path):
    """A folder with one honest submission, to put a trap beside."""
    return tree(tmp_path / "hand-ins", {WORK.format("ada"): "fine"})


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_notebook_past_its_limit_is_reported(zipped, honest, tmp_path, monkeypatch):
    monkeypatch.setattr(collect_folder, "NOTEBOOK_BYTES", 1000)
    monkeypatch.setattr(collect_zip, "NOTEBOOK_BYTES", 1000)
    files = {
        WORK.format("ada"): "fine",
        WORK.format("b"): b"x" * 1001,
        WORK.format("c"): b"x" * 1000,
    }
    source = packed(tmp_path / "x.zip", files) if zipped else tree(honest, files)
    results = found(source)
    assert results["c", "batch_norm"] == b"x" * 1000
    assert "expected a notebook of at most" in results["b", "batch_norm"]


def test_limit_of_a_notebook_is_twenty_mebibytes():
    assert NOTEBOOK_BYTES == 20 * 1024**2


def test_file_that_grows_while_it_is_read_is_cut_off(honest, monkeypatch):
    monkeypatch.setattr(collect_folder, "NOTEBOOK_BYTES", 1000)
    tree(honest, {WORK.format("b"): b"x" * 10})
    monkeypatch.setattr(os, "read", lambda file, size: b"fine" if size == 1 else b"x" * size)
    with pytest.raises(collect_folder.Unusable, match="at most"):
        collect_folder.Folder(honest).read(("b", "batch_norm", "batch_norm.ipynb"))


LINKS = {
    "notebook": ("bob/batch_norm/batch_norm.ipynb", "batch_norm/batch_norm.ipynb"),
    "assignment": ("bob/batch_norm", "batch_norm"),
    "student": ("bob", ""),
    "flat": ("bob_batch_norm.ipynb", "batch_norm/batch_norm.ipynb"),
    "canvas": ("bob_101_5_batch_norm.ipynb", "batch_norm/batch_norm.ipynb"),
    "moodle": ("B_101_assignsubmission_file_", "batch_norm"),
    "moodle's": ("B_101_assignsubmission_file_/x.ipynb", "batch_norm/batch_norm.ipynb"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "target"), LINKS.values(), ids=LINKS)
def test_symbolic_link_is_never_followed(name, target, honest):
    link = honest / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(honest / "ada" / target)
    student, assignment, problem = trap(honest, assignment="batch_norm")
    assert (student, assignment) == ("101" if "101" in name else "bob", "batch_norm")
    assert "symbolic link, which is never followed" in problem


@pytest.mark.parametrize("part", ["bob", "bob/batch_norm", "bob/batch_norm/batch_norm.ipynb"])
def test_link_put_in_place_after_the_listing_is_not_followed(part, honest):
    tree(honest, {WORK.format("bob"): "1"})
    results = collect(honest, KNOWN)
    (honest / part).rename(honest.parent / "away")
    (honest / part).symlink_to(honest / part.replace("bob", "ada"))
    assert next(results).raw == b"fine"
    assert "symbolic link" in next(results).problem


def fifo(path):
    os.mkfifo(path)


def bound_socket(path):
    with socket.socket(socket.AF_UNIX) as server, chdir(path.parent):
        server.bind(path.name)  # the whole path may be longer than a socket's can be


def device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero never ends
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.parametrize("make", [fifo, bound_socket, device, os.mkdir])
def test_what_is_no_regular_file_is_not_waited_for(make, honest):
    (honest / "bob/batch_norm").mkdir(parents=True)
    make(honest / WORK.format("bob"))
    problem = trap(honest)[2]
    assert "expected a" in problem
    assert "got a" in problem


def test_fifo_put_in_place_after_the_listing_is_not_waited_for(honest, monkeypatch):
    tree(honest, {WORK.format("bob"): "1"})
    path, status = honest / WORK.format("bob"), os.stat(honest / WORK.format("bob"))
    results = collect(honest, KNOWN)
    assert next(results).raw == b"fine"
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *args, **options: status)  # and after that look, too
    assert "pipe" in next(results).problem


def test_folder_named_as_a_notebook_is_reported(honest):
    (honest / "bob_backward.ipynb").mkdir()
    student, assignment, problem = trap(honest)
    assert (student, assignment) == ("bob", "backward")
    assert "got a folder of that name" in problem


def test_device_is_not_even_opened(honest, monkeypatch):
    os.mkfifo(honest / "x.ipynb")
    opened, really_open = [], os.open
    monkeypatch.setattr(os, "open", lambda *a, **k: [opened.append(a[0]), really_open(*a, **k)][1])
    with pytest.raises(collect_folder.Unusable, match="regular file"):
        collect_folder.Folder(honest).read(("x.ipynb",))
    assert opened == [honest]


def test_source_that_is_no_file_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(ValueError, match="no regular file"):
        collect(tmp_path / "x.zip", KNOWN)


def test_overfull_folder_costs_its_student_alone(honest, monkeypatch):
    names = [f"bob/batch_norm/{n}.txt" for n in range(100)]
    tree(honest, dict.fromkeys([WORK.format("bob"), *names], "1"))
    monkeypatch.setattr(collect_folder.Folder.entries, "__defaults__", (20,))
    monkeypatch.setattr(collect_root.contents, "__defaults__", (20,))
    looked_at, kind = [], collect_folder._kind
    monkeypatch.setattr(collect_folder, "_kind", lambda e: [looked_at.append(e), kind(e)][1])
    student, assignment, problem = trap(honest)
    assert (student, assignment) == ("bob", "batch_norm")
    assert len(looked_at) < 60
    assert "at most 20 files in a folder" in problem


def test_overfull_folders_inside_of_moodles_are_not_walked(tmp_path):
    folder = tmp_path / "B_101_assignsubmission_file_"
    for n in range(40):
        tree(folder / str(n), {f"{m}.txt": "" for m in range(30)})
    assert "at most 1000 files" in only(tmp_path, assignment="batch_norm")[2]


def test_overfull_folder_alone_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(collect_root, "STUDENTS", 5)
    monkeypatch.setattr(collect_root.contents, "__defaults__", (5,))
    source = tree(tmp_path, {f"bob/{n}.txt": "" for n in range(9)})
    assert "the student's folder expected at most 5 files" in only(source)[2]


def test_overfull_source_is_an_error(honest, monkeypatch):
    tree(honest, {f"{n}.txt": "" for n in range(10)})
    monkeypatch.setattr("course_lib.grading.submissions.root.STUDENTS", 10)
    with pytest.raises(ValueError, match="at most 10 files in a folder"):
        collect(honest, KNOWN)


@contextmanager
def nobody():
    """Read as a user without rights: root may read everything."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("part", ["bob", "bob/batch_norm", "bob/batch_norm/batch_norm.ipynb"])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop its rights for a test")
def test_what_may_not_be_read_is_reported(part):
    with TemporaryDirectory() as folder:  # pytest's own is closed to others
        source = tree(Path(folder), {WORK.format("ada"): "fine", WORK.format("bob"): "1"})
        source.chmod(0o755)
        (source / part).chmod(0)
        with nobody():
            student, _, problem = trap(source)
    assert student == "bob"
    assert "may not be read" in problem


def test_no_file_stays_open(honest, tmp_path):
    link = honest / "bob/batch_norm/batch_norm.ipynb"
    tree(honest, {WORK.format("cy"): b"x" * (NOTEBOOK_BYTES + 1)})
    link.parent.mkdir(parents=True)
    link.symlink_to(honest)
    source = packed(tmp_path / "x.zip", {WORK.format("ada"): "fine"})
    before = len(os.listdir("/proc/self/fd"))
    assert len(found(honest)) == 3
    assert len(found(source)) == 1
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
