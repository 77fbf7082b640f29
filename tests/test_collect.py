"""`collect` recognizes each form of submissions, and whose they are."""

import unicodedata

import pytest
from hand_ins import KNOWN, found, only, packed, tree

from course_lib.grading.submissions.collect import collect

TREE = {
    "ada/batch_norm/batch_norm.ipynb": "1",
    "ada/batch_norm/timestamp.txt": "2015-02-02 15:58:23 UTC",
    "ada/batch_norm/scratch.ipynb": "no",
    "ada/backward/my work.ipynb": "2",
    "bob/batch_norm/batch_norm.ipynb": "3",
    "__MACOSX/bob/batch_norm/._batch_norm.ipynb": "no",
    "bob/batch_norm/.ipynb_checkpoints/batch_norm-checkpoint.ipynb": "no",
}
IN_TREE = {
    ("ada", "backward"): b"2",
    ("ada", "batch_norm"): b"1",
    ("bob", "batch_norm"): b"3",
}
FLAT = {"ada_batch_norm.ipynb": "1", "bob-backward.ipynb": "2", "notes.txt": "no",
        "._ada_batch_norm.ipynb": "no"}  # fmt: skip
IN_FLAT = {("ada", "batch_norm"): b"1", ("bob", "backward"): b"2"}
CANVAS = {
    "lovelaceada_101_5001_batch_norm.ipynb": "old",
    "lovelaceada_101_5009_batch_norm-2.ipynb": "new",
    "lovelaceada_LATE_101_5010_batch_norm-10.ipynb": "newest",
    "lovelaceada_101_5004_notes.pdf": "no",
    "babbagecharles_LATE_102_5002_batch_norm.ipynb": "late",
    "anon_Xy3Z9_5003_batch_norm (1).ipynb": "hidden",
}
IN_CANVAS = {
    ("101", "batch_norm"): b"newest",
    ("102", "batch_norm"): b"late",
    ("anon_Xy3Z9", "batch_norm"): b"hidden",
}
MOODLE = {
    "Ada Lovelace_201_assignsubmission_file_/batch_norm.ipynb": "1",
    "Ada Lovelace_201_assignsubmission_onlinetext_/onlinetext.html": "no",
    "Zoë Ölçer_202_assignsubmission_file/file/my batch_norm-Copy1.ipynb": "no",
    "Zoë Ölçer_202_assignsubmission_file/file/batch_norm.ipynb": "2",
    "Bob_203_assignsubmission_file_batch_norm.ipynb": "3",
}
IN_MOODLE = {(f"20{n}", "batch_norm"): str(n).encode() for n in (1, 2, 3)}
FORMS = {
    "nbgrader": (TREE, IN_TREE),
    "flat": (FLAT, IN_FLAT),
    "canvas": (CANVAS, IN_CANVAS),
    "moodle": (MOODLE, IN_MOODLE),
}


@pytest.mark.parametrize("folder", ["", "submitted/", "hand-ins/", "course/submitted/"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_each_form_is_recognized(form, folder, zipped, tmp_path):
    files, expected = FORMS[form]
    files = {folder + name: content for name, content in files.items()}
    if zipped:
        assert found(packed(tmp_path / "hand-ins.zip", files)) == expected
    else:
        assert found(tree(tmp_path / "hand-ins", files)) == expected


def test_submitted_is_found_beside_the_other_folders_of_a_course(tmp_path):
    others = {"source/batch_norm/batch_norm.ipynb": "solution", "header.ipynb": "x"}
    files = {f"submitted/{name}": content for name, content in TREE.items()}
    assert found(tree(tmp_path, files | others)) == IN_TREE


def test_student_called_submitted_is_a_student(tmp_path):
    files = TREE | {"submitted/batch_norm/batch_norm.ipynb": "4"}
    assert found(tree(tmp_path, files)) == IN_TREE | {("submitted", "batch_norm"): b"4"}


def test_folder_of_the_only_student_is_no_wrapper(tmp_path):
    source = tree(tmp_path, {"ada/batch_norm/batch_norm.ipynb": "1"})
    assert only(source) == ("ada", "batch_norm", b"1")


def test_folder_beside_notebooks_is_no_wrapper(tmp_path):
    source = tree(tmp_path, FLAT | {"old/ada_batch_norm.ipynb": "no"})
    problem = found(source).pop(("old", "batch_norm"))
    assert "move it into a folder" in problem


@pytest.mark.parametrize(
    ("name", "student", "assignment"),
    [
        ("ada_batch_norm_backward.ipynb", "ada", "batch_norm_backward"),
        ("ada_lovelace-backward.ipynb", "ada_lovelace", "backward"),
        ("ada-Batch_Norm.IPYNB", "ada", "batch_norm"),
        ("ada_batch_norm (2).ipynb", "ada", "batch_norm"),
        ("ada_week-1.ipynb", "ada", "week-1"),
        ("ada_week-1-1.ipynb", "ada", "week-1"),
        ("अनीता_batch_norm.ipynb", "अनीता", "batch_norm"),
    ],
)
def test_longest_assignment_ends_the_name_in_a_flat_folder(name, student, assignment, tmp_path):
    assert only(tree(tmp_path, {name: "1"})) == (student, assignment, b"1")


def test_named_assignment_holds_where_the_file_names_none(tmp_path):
    source = tree(tmp_path, {"ada.ipynb": "1", "bob_backward.ipynb": "2"})
    expected = {("ada", "batch_norm"): b"1", ("bob", "backward"): b"2"}
    assert found(source, assignment="batch_norm") == expected


@pytest.mark.parametrize(
    "name", ["x_101_1_{}.ipynb", "X_101_assignsubmission_file_/{}.ipynb"], ids=["canvas", "moodle"]
)
@pytest.mark.parametrize("title", ["my work", "backward"])
def test_named_assignment_holds_for_all_files_of_a_download(name, title, tmp_path):
    source = tree(tmp_path, {name.format(title): "1"})
    assert only(source, assignment="batch_norm") == ("101", "batch_norm", b"1")


def test_canvas_version_is_part_of_a_name_that_is_an_assignment(tmp_path):
    names = ["x_101_1_week-1.ipynb", "x_101_2_week-1-1.ipynb", "y_102_3_week-1.ipynb"]
    source = tree(tmp_path, {name: name[:9] for name in names})
    expected = {("101", "week-1"): b"x_101_2_w", ("102", "week-1"): b"y_102_3_w"}
    assert found(source) == expected


def test_original_name_cannot_forge_another_students_id(tmp_path):
    source = tree(tmp_path / "c", {"mallory_666_5_\nada_101_4_batch_norm.ipynb": "1"})
    assert only(source)[0] == "666"
    source = tree(
        tmp_path / "m", {"M_6_assignsubmission_file_A_1_assignsubmission_file_x.ipynb": ""}
    )
    assert only(source, assignment="batch_norm")[0] == "6"


def test_decomposed_name_alone_becomes_the_composed_id(tmp_path):
    source = tree(tmp_path, {unicodedata.normalize("NFD", "zoë_batch_norm.ipynb"): "1"})
    assert only(source) == (unicodedata.normalize("NFC", "zoë"), "batch_norm", b"1")


def test_nobody_is_read_before_his_turn(tmp_path):
    source = tree(tmp_path, {"ada_backward.ipynb": "1", "bob_backward.ipynb": "2"})
    results = collect(source, KNOWN)
    assert len(results) == 2
    assert next(results).raw == b"1"
    assert len(results) == 1
    (source / "bob_backward.ipynb").unlink()
    assert "vanished" in next(results).problem


def test_order_is_that_of_names_whatever_the_order_on_disk(tmp_path):
    names = ["bob-backward", "ada_batch_norm", "Zed_backward", "ada_backward"]
    forward = packed(tmp_path / "a.zip", {f"{name}.ipynb": "" for name in names})
    back = packed(tmp_path / "b.zip", {f"{name}.ipynb": "" for name in names[::-1]})
    expected = [
        ("Zed", "backward"),
        ("ada", "backward"),
        ("ada", "batch_norm"),
        ("bob", "backward"),
    ]
    assert list(found(forward)) == list(found(back)) == expected


def test_wrong_use_is_an_error_with_its_repair(tmp_path):
    tree(tmp_path, {"empty/readme.txt": "x", "x.zip": "no zip"})
    with pytest.raises(ValueError, match=r"none.*does not exist; correct the path"):
        collect(tmp_path / "none", KNOWN)
    with pytest.raises(ValueError, match="got nothing that looks like one; name a folder or zip"):
        collect(tmp_path / "empty", KNOWN)
    with pytest.raises(ValueError, match="neither; name the folder"):
        collect(tmp_path / "x.zip", KNOWN)
    with pytest.raises(ValueError, match="one of the assignments 'a', 'b', got 'c'"):
        collect(tmp_path, ["a", "b"], assignment="c")
