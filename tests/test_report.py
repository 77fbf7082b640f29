"""The instructor's report: nobody is lost, nothing ungraded is 0, no cell is a formula."""

import csv
import html
import json
import re

import numpy as np
import pytest
from stored_results import HINT, SCRIPT, invalid, question, result, store

from course_lib.grading.report.item_statistics import Answer, correlation, question_statistics
from course_lib.grading.report.report import summary, write_report
from course_lib.grading.results import safe

CRASH = "your code ended its process"
CLASS = (
    result("ada", "batch_norm", question(4.0)),
    result("bob", "batch_norm", question(2.0), late=True),
    result("bob", "layer_norm", question(1.0, 3.0)),
    result("cem", "batch_norm", question(0.0, status="CRASH", hint=CRASH, report=CRASH))
    | {"status": "CRASH", "reason": f"check_normalize: {CRASH}"},
    result("dan", "batch_norm", question(None, status="TIMEOUT", hint="too long", report=""))
    | {"status": "TIMEOUT", "reason": "check_normalize: too long"},
    invalid("eve"),
)


@pytest.fixture
def report(tmp_path):
    return write_report(store(tmp_path, *CLASS))


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page(report):
    return (report.directory / "report" / "index.html").read_text(encoding="utf-8")


def test_every_result_has_a_row_whatever_its_status(report):
    found = rows(report.directory / "grades.csv")
    assert [(r["student"], r["assignment"], r["status"]) for r in found] == [
        (r["student"], r["assignment"], r["status"]) for r in CLASS
    ]
    bob = {name: found[1][name] for name in ("score", "max_score", "percent", "late", "sandbox")}
    assert list(bob.values()) == ["2", "4", "50", "true", "true"]


def test_ungraded_is_empty_and_never_zero(report):
    for row in rows(report.directory / "grades.csv")[-2:]:
        assert (row["score"], row["percent"]) == ("", "")
    by_student = {row["student"]: row for row in rows(report.directory / "report/questions.csv")}
    assert (by_student["dan"]["score"], by_student["dan"]["percent"]) == ("", "")
    assert by_student["cem"]["score"] == "0"  # 0 stays 0
    batch_norm = report.assignments[0]
    assert batch_norm.percents == (100, 50, 0)
    assert batch_norm.mean == 50


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n =", "＝", "   @"])
def test_no_cell_is_a_formula(start, tmp_path):
    text = f"{start}HYPERLINK(1)"
    hostile = result("+ada", "batch_norm", question(1.0, hint=text), reason=text)
    directory = write_report(store(tmp_path, hostile)).directory
    for path in ("grades.csv", "report/questions.csv", "report/statistics.csv"):
        with (directory / path).open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert any("HYPERLINK(1)" in cell for cell in cells)
        assert not [cell for cell in cells if re.match(r"[\s]*[=+\-@＝＋－＠]|[\t\r]", cell)]


@pytest.mark.parametrize("text", [" =1", "\t1", "\r1", "\n+1", "-1", "@x"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert safe(text) == f"'{text}"
    assert safe(f"x{text}") == f"x{text}"


def test_a_negative_number_stays_a_number(tmp_path):
    classes = [
        result(s, "batch_norm", question(a), question(b, id="check_evaluate"))
        for s, a, b in (("a", 4.0, 0.0), ("b", 0.0, 4.0))
    ]
    directory = write_report(store(tmp_path, *classes)).directory
    assert rows(directory / "report/statistics.csv")[0]["discrimination"] == "-1"


def test_texts_of_any_script_come_back_as_they_were(tmp_path):
    directory = store(tmp_path, result("zoë.ölçer", reason='a "quoted", ε\nsecond line'))
    row = rows(write_report(directory).directory / "grades.csv")[0]
    assert (row["student"], row["reason"]) == ("zoë.ölçer", 'a "quoted", ε second line')


def test_what_needs_a_person_is_listed(report):
    assert [grade.student for grade in report.attention] == ["cem", "dan", "eve"]
    shown = re.search(r'id="attention".*?</section>', page(report), re.DOTALL)[0]
    for name in ("cem", "dan", "eve", "CRASH", "TIMEOUT", "INVALID", "got an empty file"):
        assert name in shown
        assert name in summary(report)
    assert "ada" not in shown


def test_an_unknown_status_needs_a_person_too(tmp_path):
    found = write_report(store(tmp_path, result(status="ODD")))
    assert len(found.attention) == 1
    assert page(found).count("ODD") >= 3
    assert "ODD" in summary(found).splitlines()[0]


@pytest.mark.parametrize("sandbox", [True, False])
def test_grades_without_a_sandbox_are_warned_of(sandbox, tmp_path):
    found = write_report(store(tmp_path, result(sandbox=sandbox), result("bob")))
    assert found.unlocked == (not sandbox)
    assert ("Not sandboxed" in page(found)) is not sandbox
    assert ("WARNING: 1 of 2" in summary(found)) is not sandbox


def test_statistics_are_those_of_the_graded_answers():
    scores = np.array([[4, 3, 0], [2, 3, 1], [0, 1, 1], [3, 2, 0], [1, 0, 1]], float)
    lost = [Answer("z", "a", f"q{i}", "TIMEOUT", 0.0, 4.0, "too long") for i in range(3)]
    submissions = [
        [Answer(str(s), "a", f"q{i}", "GRADED", v, 4.0, HINT) for i, v in enumerate(row)]
        for s, row in enumerate(scores)
    ]
    for i, found in enumerate(question_statistics([*submissions, lost])):
        column, rest = scores[:, i], scores.sum(1) - scores[:, i]
        wanted = (len(scores), 1, column.mean() / 4, (column == 4).mean(), (column == 0).mean())
        assert found[3:8] == pytest.approx(wanted)
        # Corrected: with itself in the total, even a question of pure chance would correlate.
        assert found.discrimination == pytest.approx(np.corrcoef(column, rest)[0, 1])


def test_where_nothing_varies_there_is_no_correlation():
    assert correlation(np.array([[0.1, 1], [0.1, 2], [0.1, 3]])) is None
    assert correlation(np.array([[0.1, 1.0]])) is None
    assert correlation(np.array([[0.1, 1], [0.2, 3]])) == pytest.approx(1)


def test_a_submission_that_is_not_graded_in_full_is_out_of_the_correlation():
    def answers(*scores):
        return [
            Answer("s", "a", f"q{i}", "GRADED" if v is not None else "CRASH", v, 4.0, "")
            for i, v in enumerate(scores)
        ]

    full = [answers(4, 3), answers(1, 2), answers(2, 1)]
    alone = question_statistics(full)[0].discrimination
    assert question_statistics([*full, answers(4, None)])[0].discrimination == alone


def test_hints_are_counted_where_points_were_lost(tmp_path):
    hints = ["first", "second", "second", "third", "fourth", "fourth", "fourth"]
    classes = [result(f"s{i}", "a", question(1.0, hint=hint)) for i, hint in enumerate(hints)]
    full = result("full", "a", question(4.0) | {"hint": "first"})
    (statistics,) = write_report(store(tmp_path, *classes, full)).questions
    assert statistics.hints == (("fourth", 3), ("second", 2), ("first", 1))
    row = rows(tmp_path / "report/statistics.csv")[0]
    assert (row["hint_1"], row["count_1"]) == ("fourth", "3")


def test_the_page_escapes_what_others_wrote_and_fetches_nothing(tmp_path):
    hostile = result("ada", "batch_norm", question(1.0, hint=SCRIPT), status="CRASH", reason=SCRIPT)
    text = page(write_report(store(tmp_path, hostile)))
    assert SCRIPT in html.unescape(text)
    assert not re.search(r"<(script|img|link|iframe|object)\b", text)
    assert not re.search(r"(src|href)=\"(?!#|\.\./|[a-z]+\.csv)", text)
    assert "default-src 'none'" in text


def test_plots_have_words_and_follow_light_and_dark(report):
    text = page(report)
    labels = [html.unescape(label) for label in re.findall(r'aria-label="([^"]+)"', text)]
    for start in ("Histogram of the scores of batch_norm", "Bars: mean share of the points"):
        assert [label for label in labels if label.startswith(start)]
    histogram = next(label for label in labels if label.startswith("Histogram"))
    assert "0 to 10 %: 1, 50 to 60 %: 1, 90 to 100 %: 1" in histogram
    assert text.count("<svg") == 2 * len(report.assignments)
    assert "prefers-color-scheme:dark" in text


def test_the_summary_counts_each_status(report):
    header, _, batch_norm, layer_norm, *_ = summary(report).splitlines()
    assert header.split() == [
        *("assignment", "handed", "in", "GRADED", "INVALID", "TIMEOUT", "CRASH"),
        *("mean", "%", "median", "%"),
    ]
    assert batch_norm.split() == ["batch_norm", "5", "2", "1", "1", "1", "50.0", "50.0"]
    assert layer_norm.split()[:3] == ["layer_norm", "1", "1"]


def test_the_same_results_give_the_same_files(report):
    before = {path: path.read_bytes() for path in report.files}
    write_report(report.directory)
    assert {path: path.read_bytes() for path in report.files} == before


def test_no_results_are_an_error_with_its_repair(tmp_path):
    with pytest.raises(ValueError, match="run `course grade"):
        write_report(tmp_path)


BROKEN = json.dumps(result() | {"questions": [question() | {"score": "4"}]})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"student": "ada"}', "[" * 100_000, BROKEN])
def test_a_file_that_is_no_result_is_named(content, report):
    (report.directory / "results" / "ada" / "batch_norm.json").write_text(content)
    with pytest.raises(ValueError, match=r"ada.batch_norm\.json.*delete it"):
        write_report(report.directory)
