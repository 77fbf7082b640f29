"""What `collect` cannot be sure of it reports: nobody is lost, nobody stands for another."""

import hashlib
import os
import unicodedata

import pytest
from hand_ins import KNOWN, WORK, found, only, packed, trap, tree

from course_lib.grading.submissions.collect import collect
from course_lib.grading.submissions.names import made_up

UNSAFE = {
    "dot first": ".ada",
    "hyphen first": "-rf",
    "space": "ada lovelace",
    "control character": "ada\x1b[31m",
    "line feed": "ada\nbob",
    "right to left": "ada\u202ebob",
    "zero width": "ada\u200d",
    "invisible letter": "ada\u3164",
    "variation selector": "ada\ufe0f",
    "mark first": "\u0301ada",
    "markup": "<b>ada",
    "quote": 'ada"',
    "shell": "$(ada)",
    "semicolon": "ada;",
    "one hundred and one": "a" * 101,
    "more bytes than a name has": "字" * 80,
    "reserved": "unnamed-00000000",
}


@pytest.mark.parametrize(
    "names",
    [
        ["lovelaceada_101_1_batch_norm.ipynb", "mallory_101_2_batch_norm-1.ipynb"],
        [f"{n}_101_assignsubmission_file_/batch_norm.ipynb" for n in ("Ada", "Mallory")],
    ],
    ids=["canvas", "moodle"],
)
def test_two_names_beside_one_id_are_reported(names, tmp_path):
    student, _, problem = only(tree(tmp_path, dict.fromkeys(names, "1")))
    assert student == "101"
    assert "one name beside the id '101'" in problem
    assert "allory'" in problem


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["ada/batch_norm/a.ipynb", "ada/batch_norm/b.ipynb"], ["'a.ipynb', 'b.ipynb'"]),
        (["ada/batch_norm/a.py"], ["expected batch_norm.ipynb", "'a.py'"]),
        (["ada_batch_norm.ipynb", "ada-batch_norm.ipynb"],
         ["'ada-batch_norm.ipynb', 'ada_batch_norm.ipynb'"]),
        (["ada_batch_norm.py"], ["expected a notebook", "'ada_batch_norm.py'"]),
        (["ada/batch_norm.ipynb", "bob/x"], ["'ada/batch_norm.ipynb'", "move it"]),
    ],
)  # fmt: skip
def test_unclear_submission_is_reported_with_its_names(names, said, tmp_path):
    *key, problem = only(tree(tmp_path, dict.fromkeys(names, "1")))
    assert key == ["ada", "batch_norm"]
    for text in said:
        assert text in problem


@pytest.mark.parametrize("form", ["x_101_{}_{}.ipynb", "X_101_assignsubmission_file_/{}{}.ipynb"])
def test_two_uploads_none_named_as_the_assignment_are_reported(form, tmp_path):
    files = {form.format(1, "mine"): "1", form.format(2, "other-1"): "2"}
    student, _, problem = only(tree(tmp_path, files), assignment="batch_norm")
    assert student == "101"
    assert "expected one notebook, got 2" in problem


def test_notebook_that_names_no_student_is_reported(tmp_path):
    student, assignment, problem = only(tree(tmp_path, {"batch_norm.ipynb": "1"}))
    assert student.startswith("unnamed-")
    assert assignment == "batch_norm"
    assert "expected STUDENT_batch_norm.ipynb" in problem


def test_stray_copy_beside_the_folder_of_its_assignment_does_no_harm(tmp_path):
    files = {WORK.format("ada"): "fine", "ada/batch_norm.ipynb": "no"}
    assert only(tree(tmp_path, files)) == ("ada", "batch_norm", b"fine")


@pytest.mark.parametrize("folder", ["", "hand-ins/"])
def test_empty_folder_of_moodle_is_reported(folder, tmp_path):
    (tmp_path / folder / "A B_101_assignsubmission_file_").mkdir(parents=True)
    student, _, problem = only(tmp_path, assignment="batch_norm")
    assert student == "101"
    assert "expected a notebook" in problem


def test_upload_named_as_the_assignment_counts_though_the_name_ends_in_a_number(tmp_path):
    names = ["x_101_1_week-1.ipynb", "x_101_2_other.ipynb"]
    source = tree(tmp_path, {name: name for name in names})
    assert only(source, assignment="week-1")[2] == names[0].encode()


def test_empty_assignment_folder_is_reported(tmp_path):
    (tmp_path / "ada/batch_norm").mkdir(parents=True)
    assert "an empty folder" in only(tmp_path)[2]


@pytest.mark.parametrize(
    "name",
    ["ada/homework/x.ipynb", "ada_homework.ipynb", "x_101_5_homework.ipynb",
     "A B_101_assignsubmission_file_/homework.ipynb"],
)  # fmt: skip
def test_unknown_assignment_is_reported_with_those_known(name, tmp_path):
    files = {name: "1", "zoe/batch_norm/batch_norm.ipynb": "2"}
    first, second = collect(tree(tmp_path, files), KNOWN)
    assert first.assignment == "unknown"
    assert "'backward', 'batch_norm', 'batch_norm_backward', 'week-1'" in first.problem
    assert "homework" in first.problem
    assert second[:4] == ("zoe", "batch_norm", b"2", "")


def test_unknown_assignments_of_a_student_are_one_report(tmp_path):
    names = [f"ada/homework{n}/x.ipynb" for n in range(9)]
    problem = only(tree(tmp_path, dict.fromkeys([*names, "bob/x"], "1")))[2]
    assert "'homework4' and 4 more" in problem


@pytest.mark.parametrize(
    "name",
    ["x_101_5_work.pdf", "A B_101_assignsubmission_file_/work.pdf"],
    ids=["canvas", "moodle"],
)
@pytest.mark.parametrize("assignment", [None, "batch_norm"])
def test_upload_of_another_type_is_not_lost(name, assignment, tmp_path):
    student, _, problem = only(tree(tmp_path, {name: "1"}), assignment=assignment)
    assert student == "101"
    assert "expected a notebook (.ipynb)" in problem
    assert "work.pdf" in problem


@pytest.mark.parametrize(
    ("first", "second"),
    [("Ada", "ada"), (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"))],
    ids=["case", "composition"],
)
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_two_ids_that_a_file_system_may_confuse_are_both_reported(first, second, zipped, tmp_path):
    files = {f"{name}/batch_norm/batch_norm.ipynb": "1" for name in (first, second)}
    files |= {"cy/batch_norm/batch_norm.ipynb": "2"}
    source = packed(tmp_path / "x.zip", files) if zipped else tree(tmp_path, files)
    results = found(source)
    assert results.pop(("cy", "batch_norm")) == b"2"
    assert len(results) == 2
    for (student, _), problem in results.items():
        assert student.startswith("unnamed-")
        assert "differ in more than case" in problem


@pytest.mark.parametrize("name", UNSAFE.values(), ids=UNSAFE)
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_unsafe_id_is_replaced_and_reported(name, zipped, tmp_path):
    files = {WORK.format("ada"): "fine", WORK.format(name): "1"}
    source = packed(tmp_path / "x.zip", files) if zipped else tree(tmp_path, files)
    student, assignment, problem = trap(source)
    assert student == f"unnamed-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    assert assignment == "batch_norm"
    assert "expected a student's id" in problem
    assert problem.isprintable()
    assert len(problem) < 400


def test_name_that_is_no_text_is_replaced_and_reported(tmp_path):
    files = {WORK.format("ada"): "fine", WORK.format(os.fsdecode(b"ad\xff")): "1"}
    student, _, problem = trap(tree(tmp_path, files))
    assert student == f"unnamed-{hashlib.sha256(b'ad' + bytes([255])).hexdigest()[:8]}"
    assert problem.encode("utf-8")


def test_made_up_ids_never_meet():
    # Two names whose digests begin with the same eight digits, found by trying.
    ids = made_up(["name 70532", "name 88534"])
    first, second = ids.values()
    assert first[:16] == second[:16]
    assert first != second
