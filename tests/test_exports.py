"""Exports: what each platform needs, ungraded left out, nobody in another's row."""

import csv
import json

import pytest
from stored_results import HINT, SCRIPT, invalid, question, result, store

from course_lib.grading.report.exports import write_canvas, write_gradescope, write_moodle

CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
MADE_UP = "unnamed-0123abcd"
CLASS = (
    result("101", "batch_norm", question(2.5)),
    result("101", "layer_norm", question(0.0, 3.0)),
    result("ada@uni", "batch_norm", question(4.0)),
    invalid("eve"),
    invalid(MADE_UP),
)


@pytest.fixture
def directory(tmp_path):
    return store(tmp_path, *CLASS)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def sheet(tmp_path, *lines, name="sheet.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text("\n".join(lines), encoding=encoding)
    return path


def test_canvas_has_its_columns_the_points_and_an_id_for_everybody(directory):
    export = write_canvas(directory)
    header, points, first, second = rows(export.files[0])
    assert header == [*CANVAS, "batch_norm", "layer_norm"]
    assert points == ["    Points Possible", "", "", "", "", "4", "3"]
    assert first == ["101", "101", "", "", "", "2.5", "0"]  # digits: Canvas's own id; 0 stays 0
    assert second == ["ada@uni", "", "", "ada@uni", "", "4", ""]
    assert export.left_out == ()


def test_a_score_of_somebody_whom_the_platform_cannot_know_is_reported(directory):
    store(directory, result(MADE_UP))
    for write in (write_canvas, write_moodle):
        export = write(directory)
        assert export.left_out == (f"{MADE_UP}/batch_norm",)
        assert MADE_UP not in export.files[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_canvas_gradebook_is_filled_and_otherwise_kept(mark, directory):
    gradebook = sheet(
        directory,
        mark.join([*CANVAS, "Batch norm (2187)", "Essay (5)", "layer_norm (9)", "Final Score"]),
        mark.join(["    Points Possible", "", "", "", "", "4.0", "10.0", "3.00", "(read only)"]),
        mark.join(['"Lovelace; A, ada"', "7", "", "ada@uni", "S 1", "1", "9", "", "50"]),
        mark.join(["Cem", "101", "c1", "", "S 1", "", "", "2", ""]),
        mark.join(["Eve", "8", "eve", "", "S 1", "3", "", "", ""]),
        encoding="utf-8-sig",
    )
    export = write_canvas(directory, gradebook)
    header, points, ada, cem, eve = rows(export.files[0])
    assert header[5:] == ["Batch norm (2187)", "Essay (5)", "layer_norm (9)", "Final Score"]
    assert points[5:] == ["4.0", "10.0", "3.00", "(read only)"]
    assert ada == ["Lovelace; A, ada", "7", "", "ada@uni", "S 1", "4", "9", "", "50"]
    assert cem[5:] == ["2.5", "", "0", ""]
    assert eve[5:] == ["3", "", "", ""]  # ungraded: what a person wrote stays
    assert export.left_out == ()


def test_an_id_that_fits_two_students_gets_nobody_a_grade(directory):
    gradebook = sheet(
        directory,
        ",".join([*CANVAS, "batch_norm", "layer_norm"]),
        "Cem,101,,,S,,",
        "Dan,9,101,,S,,",
    )
    export = write_canvas(directory, gradebook)
    assert [row[5:] for row in rows(export.files[0])[1:]] == [["", ""], ["", ""]]
    assert export.left_out == ("101/batch_norm", "101/layer_norm", "ada@uni/batch_norm")


@pytest.mark.parametrize(
    ("lines", "repair"),
    [
        (["Name,ID,batch_norm"], "Export Entire Gradebook"),
        ([], "Export Entire Gradebook"),
        (["Student,ID,batch_norm", "Points Possible,,100"], "expected 4 .* got '100'"),
        (["Student,ID,batch_norm (1),batch_norm (2)"], "second one"),
    ],
)
def test_a_gradebook_that_would_go_wrong_is_refused(lines, repair, directory):
    with pytest.raises(ValueError, match=repair):
        write_canvas(directory, sheet(directory, *lines))


def test_a_sheet_in_another_encoding_is_refused(directory):
    with pytest.raises(ValueError, match="UTF-8"):
        write_canvas(directory, sheet(directory, "Student,ID", "Zoë,1", encoding="latin-1"))


def test_moodle_gets_a_file_an_assignment_without_the_ungraded(directory):
    export = write_moodle(directory)
    assert {path.name: rows(path) for path in export.files} == {
        "batch_norm.csv": [["Student", "batch_norm (of 4)"], ["101", "2.5"], ["ada@uni", "4"]],
        "layer_norm.csv": [["Student", "layer_norm (of 3)"], ["101", "0"]],
    }


WORKSHEET = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade",'
    '"Grade can be changed","Last modified (submission)","Last modified (grade)",'
    '"Feedback comments"'
)


def test_a_moodle_worksheet_is_filled_and_otherwise_kept(directory):
    path = sheet(
        directory,
        WORKSHEET,
        'Participant 101,"Cem",c@uni,Submitted,,"4.00",Yes,"Monday","-","well, done"',
        'Participant 7,"Ada",ada@uni,Submitted,,"4.00",Yes,"Monday","Tuesday, 5",""',
        'Participant 8,"Eve",eve,Submitted,3.00,"4.00",Yes,"Monday","-",""',
    )
    export = write_moodle(directory, path, "batch_norm")
    before, after = rows(path), rows(export.files[0])
    assert [row[4] for row in after] == ["Grade", "2.5", "4", "3.00"]
    assert [row[:4] + row[5:] for row in after] == [row[:4] + row[5:] for row in before]
    assert export.left_out == ()


@pytest.mark.parametrize(
    ("lines", "assignment", "repair"),
    [
        ([WORKSHEET], None, "one of the assignments batch_norm, layer_norm"),
        ([WORKSHEET], "essay", "one of the assignments"),
        (["Identifier,Bewertung"], "batch_norm", "Moodle set to English"),
        ([], "batch_norm", "Moodle set to English"),
        ([WORKSHEET, 'Participant 101,,,,,"100.00",,,,'], "batch_norm", "expected 4 .*'100.00'"),
    ],
)
def test_a_worksheet_that_would_go_wrong_is_refused(lines, assignment, repair, directory):
    with pytest.raises(ValueError, match=repair):
        write_moodle(directory, sheet(directory, *lines), assignment)


def gradescope(directory, content, **options):
    export = write_gradescope(store(directory, content), **options)
    path = directory / "exports/gradescope" / content["student"] / content["assignment"]
    return json.loads((path / "results.json").read_text(encoding="utf-8")), export


def test_gradescope_has_a_test_a_question_hidden_until_release(tmp_path):
    content = result("ada", "batch_norm", question(2.0), question(4.0, id="check_update_running"))
    found, _ = gradescope(tmp_path, content)
    assert [(t["name"], t["score"], t["max_score"], t["status"]) for t in found["tests"]] == [
        ("Normalize", 2.0, 4.0, "failed"),
        ("Update running", 4.0, 4.0, "passed"),
    ]
    assert HINT in found["tests"][0]["output"]
    assert {t["visibility"] for t in found["tests"]} == {"after_published"}
    assert (found["visibility"], found["stdout_visibility"]) == ("after_published", "hidden")
    assert found["execution_time"] == 0.21
    assert "score" not in found  # it would override the sum of the tests


@pytest.mark.parametrize("visibility", ["after_due_date", "hidden", "visible"])
def test_gradescope_shows_when_the_instructor_says(visibility, tmp_path):
    found, _ = gradescope(tmp_path, result(), visibility=visibility)
    assert found["visibility"] == found["tests"][0]["visibility"] == visibility


def test_gradescope_knows_four_visibilities(directory):
    with pytest.raises(ValueError, match=r"after_published.*got 'later'"):
        write_gradescope(directory, visibility="later")


def test_gradescope_gets_no_score_for_what_nobody_graded(tmp_path):
    found, export = gradescope(tmp_path, invalid())
    assert "score" not in found
    assert found["tests"] == []
    assert found["output"].startswith("INVALID: expected a notebook, got an empty file")
    assert export.left_out == ("eve/batch_norm",)


def test_gradescope_gets_the_sum_where_one_question_has_no_score(tmp_path):
    lost = question(None, status="CRASH")
    found, _ = gradescope(tmp_path, result("ada", "batch_norm", question(3.0), lost))
    assert found["score"] == 3.0
    assert [test.get("score") for test in found["tests"]] == [3.0, None]
    assert "score" not in found["tests"][1]
    assert found["tests"][1]["status"] == "failed"


def test_gradescope_shows_text_as_text_and_keeps_the_checks_own_mishaps_back(tmp_path):
    mishap = "the check itself failed: ValueError: [0.25]\n0.75"
    lost = question(0.0, id="check_x", status="CRASH", hint=mishap, report=mishap)
    content = result("ada", "batch_norm", question(1.0, hint=SCRIPT), lost, reason=mishap)
    found, _ = gradescope(tmp_path, content)
    assert (found["output_format"], found["test_output_format"]) == ("text", "text")
    assert SCRIPT in found["tests"][0]["output"]
    assert "0.75" not in json.dumps(found)
    assert "0.25" not in json.dumps(found)
