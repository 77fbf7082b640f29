"""`collect` meets zip files that are traps."""

import hashlib
import stat
import struct
import zipfile

import pytest
from hand_ins import KNOWN, WORK, found, only, packed, trap

from course_lib.grading.submissions import archive as collect_zip
from course_lib.grading.submissions.collect import collect
from course_lib.grading.submissions.folder import NOTEBOOK_BYTES

STRANGE = {
    "parent": "../bob_backward.ipynb",
    "parent inside": "ada/../bob_backward.ipynb",
    "absolute": "/tmp/bob_backward.ipynb",
    "drive": "C:/bob_backward.ipynb",
    "backslash": "..\\bob_backward.ipynb",
    "NUL": "bob_backward.ipynb\0.txt",
    "empty part": "ada//bob_backward.ipynb",
    "long": "b" * 10_000 + "_backward.ipynb",
    "deep": "a/" * 9 + "bob_backward.ipynb",
    "long and deep": "a/" * 4_000 + "bob_backward.ipynb",
    "below a file": WORK.format("ada") + "/bob_backward.ipynb",
}


def zip_with_name(path, name):
    """Write a zip with a name that zipfile itself would not write."""
    stand_in = "?" * len(name)
    packed(path, {WORK.format("ada"): "fine", stand_in: "evil"})
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), name.encode()))
    return path


@pytest.mark.parametrize("name", STRANGE.values(), ids=STRANGE)
def test_strange_path_in_a_zip_is_reported_under_a_safe_id(name, tmp_path):
    student, assignment, problem = trap(zip_with_name(tmp_path / "x.zip", name))
    assert student == f"unnamed-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    assert assignment == "backward"
    assert "expected a path inside the zip" in problem or "expected a folder" in problem
    assert problem.isprintable()
    assert len(problem) < 400
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_file_in_the_place_of_a_folder_is_reported(tmp_path):
    files = {WORK.format("ada"): "fine", "bob_backward.ipynb/x": "", "bob_backward.ipynb": "1"}
    results = found(packed(tmp_path / "x.zip", files))
    assert results["ada", "batch_norm"] == b"fine"
    assert "got a folder of that name beside it" in " ".join(map(str, results.values()))


def test_absolute_path_is_named_as_one(tmp_path):
    assert "an absolute path" in trap(zip_with_name(tmp_path / "x.zip", "/bob_backward.ipynb"))[2]


def test_path_from_the_folder_itself_is_an_honest_one(tmp_path):
    assert only(packed(tmp_path / "x.zip", {"./bob_backward.ipynb": "1"}))[:1] == ("bob",)


def test_zip_without_the_flag_for_utf_8_keeps_its_names(tmp_path):
    path = packed(tmp_path / "x.zip", {"zo??_backward.ipynb": "1"})
    path.write_bytes(path.read_bytes().replace(b"zo??_backward", "zoë_backward".encode()))
    assert only(path) == ("zoë", "backward", b"1")


def lying_zip(path, content):
    """Write a zip whose list says that each member has three bytes."""
    packed(path, content)
    raw = bytearray(path.read_bytes())
    for at in range(len(raw)):
        if raw[at : at + 4] == b"PK\1\2":
            raw[at + 24 : at + 28] = struct.pack("<I", 3)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("lie", [False, True], ids=["said", "hidden"])
def test_zip_bomb_is_stopped_where_it_comes_out(lie, tmp_path, monkeypatch):
    files = {WORK.format("ada"): "fin", WORK.format("bomb"): bytes(200 * 2**20)}
    source = lying_zip(tmp_path / "x.zip", files) if lie else packed(tmp_path / "x.zip", files)
    peak, read = [], zipfile.ZipExtFile.read
    monkeypatch.setattr(
        zipfile.ZipExtFile, "read", lambda *a: [c := read(*a), peak.append(len(c))][0]
    )
    results = found(source)
    assert results["ada", "batch_norm"] == b"fin"
    assert isinstance(results["bomb", "batch_norm"], str)
    assert sum(peak) <= NOTEBOOK_BYTES + 2**20 + 3


def test_member_without_end_is_stopped(tmp_path, monkeypatch):
    source = packed(tmp_path / "x.zip", {WORK.format("bomb"): "1"})
    monkeypatch.setattr(collect_zip, "SUM_BYTES", 2 * NOTEBOOK_BYTES)
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda member, size: bytes(size))
    assert "a notebook of at most 20 MiB" in only(source)[2]


def test_sum_of_a_zip_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(collect_zip, "SUM_BYTES", 2500)
    files = {WORK.format(name): b"x" * 1000 for name in "abcd"}
    results = found(packed(tmp_path / "x.zip", files))
    assert [isinstance(value, bytes) for value in results.values()] == [True, True, False, False]
    assert "the zip unpacks to more than" in results["c", "batch_norm"]


def test_members_of_a_zip_are_limited(tmp_path, monkeypatch):
    source = packed(tmp_path / "x.zip", {WORK.format(name): b"x" for name in "abcd"})
    monkeypatch.setattr(collect_zip, "MEMBERS", 3)
    with pytest.raises(ValueError, match=r"at most 3 files in .*got 4; split it"):
        collect(source, KNOWN)


def test_list_of_members_is_limited_before_it_is_read(tmp_path, monkeypatch):
    source = packed(tmp_path / "x.zip", {WORK.format(name): b"x" for name in "abcd"})
    monkeypatch.setattr(collect_zip, "DIRECTORY_BYTES", 200)
    with pytest.raises(ValueError, match="list of files is larger than 200 bytes"):
        collect(source, KNOWN)


def flagged(path, which=b""):
    """Set the flag of encryption in the headers of the members whose name has `which`."""
    raw = bytearray(path.read_bytes())
    for at in range(len(raw)):
        for mark, flag, name in ((b"PK\1\2", 8, 46), (b"PK\3\4", 6, 30)):
            if raw[at : at + 4] == mark and which in raw[at + name : at + name + 40]:
                raw[at + flag] |= 1
    path.write_bytes(raw)
    return path


def test_encrypted_zip_is_an_error_and_an_encrypted_member_a_problem(tmp_path):
    files = {WORK.format("ada"): "fine", WORK.format("bob"): "1"}
    student, _, problem = trap(flagged(packed(tmp_path / "x.zip", files), b"bob/"))
    assert student == "bob"
    assert "encrypted" in problem
    with pytest.raises(ValueError, match=r"without a password, got .*; unpack it"):
        collect(flagged(packed(tmp_path / "y.zip", files)), KNOWN)


def test_damaged_member_is_a_problem_of_its_own(tmp_path):
    files = {WORK.format("ada"): "fine", WORK.format("bob"): "damaged here"}
    source = packed(tmp_path / "x.zip", files, zipfile.ZIP_STORED)
    source.write_bytes(source.read_bytes().replace(b"damaged here", b"damaged HERE"))
    assert "is damaged in the zip" in trap(source)[2]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_member_packed_by_a_hungry_method_is_refused(method, tmp_path):
    files = {WORK.format("ada"): "fine"}
    source = packed(tmp_path / "x.zip", files, method)
    assert "method other than deflate" in only(source)[2]


@pytest.mark.parametrize("size", [4, 40, 100, 200])
def test_cut_off_zip_is_an_error(size, tmp_path):
    source = packed(tmp_path / "x.zip", {WORK.format(name): b"x" for name in "abcd"})
    source.write_bytes(source.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"which is damaged: .*; download it again"):
        collect(source, KNOWN)


def test_any_flipped_byte_of_a_zip_is_survived(tmp_path):
    source = packed(tmp_path / "x.zip", {WORK.format(name): b"x" * 20 for name in "ab"})
    raw = source.read_bytes()
    for at in range(len(raw)):
        for flip in (0x01, 0x80, 0xFF):
            source.write_bytes(raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :])
            try:
                found(source)
            except ValueError as error:
                assert "expected" in str(error)  # noqa: PT017 (many bytes do no harm)


def test_same_path_twice_in_a_zip_is_reported(tmp_path):
    files = [(WORK.format("ada"), "fine"), (WORK.format("bob"), "1"), (WORK.format("bob"), "2")]
    with pytest.warns(UserWarning, match="Duplicate name"):
        source = packed(tmp_path / "x.zip", files)
    assert "expected one notebook, got 2" in trap(source)[2]


def test_symbolic_link_in_a_zip_is_not_taken_for_a_notebook(tmp_path):
    link = zipfile.ZipInfo(WORK.format("bob"))
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    source = packed(tmp_path / "x.zip", {WORK.format("ada"): "fine", link: "../../ada"})
    assert "symbolic link" in trap(source)[2]
