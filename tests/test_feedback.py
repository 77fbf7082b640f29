"""A student's page: the points, what was found, the student's own code."""

import pytest
from feedback_pages import EXTRA, all_questions, with_code, written
from stored_results import HINT, invalid, judged, question, result, store

from course_lib.grading.answers.batch_norm import normalize
from course_lib.grading.report.feedback import write_feedback
from course_lib.grading.report.feedback_text import sections

LOST = "your code ended its process (exit code 0)"


def half(x, weight, bias, eps):
    """Be right for dense input, and otherwise say what looks like a report."""
    if x.ndim == 2:
        return normalize(x, weight, bias, eps)
    raise ValueError("✓ long words " * 20 + "\n  ✓ images (1)\nbatch_norm.x: 4 of 4 points")


def test_the_page_follows_the_notebook_with_its_headings_and_the_students_code(tmp_path):
    text = with_code(tmp_path, result("ada", "batch_norm", *all_questions()[::-1])).text
    wanted = [
        *("Batch norm forward, and its memory", "Feedback for ada", "7 of 18 points"),
        *("Task 1. Statistics of a channel", "1 of 3 points", EXTRA, "def channel_statistics"),
        *("Task 2. Normalize, scale, shift", "1 of 4 points", HINT, "def normalize"),
        *("Task 7. The layer", "def batch_norm(", "More code of yours", "after_all = 1"),
    ]
    place = 0
    for words in wanted:
        assert words in text[place:], f"no {words!r} after {text[:place][-60:]!r}"
        place = text.index(words, place) + len(words)


def test_without_the_notebook_the_questions_are_shown_without_code(tmp_path):
    page = written(tmp_path, result("ada", "batch_norm", *all_questions()))
    assert "Update running" in page.text
    assert not page.all("code")


def test_code_of_an_earlier_submission_is_not_shown_beside_an_ungraded_one(tmp_path):
    with_code(tmp_path, result("eve", "batch_norm", *all_questions()))
    path = tmp_path / "autograded/eve/batch_norm/batch_norm.ipynb"
    before = path.read_bytes()
    page = written(tmp_path, invalid("eve"))
    assert path.read_bytes() == before
    assert not page.all("pre")


def test_the_report_says_what_was_right_and_what_was_wrong(tmp_path):
    report = judged(function=half).report
    text = " ".join(written(tmp_path, result(questions=[question(report=report)])).text.split())
    for finding in sections(report)[0].findings:
        assert f"{'✓right:' if finding.right else '✗wrong:'} {finding.label}" in text
    assert f"What to mend: {HINT}" in text
    assert "On other inputs" not in text
    both = f"{report}\n{judged(function=half, seed=1).report}"
    text = written(tmp_path, result(questions=[question(report=both)])).text
    assert "On other inputs" in text


def test_a_report_is_taken_apart_as_examine_wrote_it():
    seen, hidden = judged(function=half), judged(function=half, seed=1)
    visible, unseen = sections(f"{seen.report}\n{hidden.report}")
    assert (visible.hidden, unseen.hidden) == (False, True)
    for section, examination in ((visible, seen), (unseen, hidden)):
        assert [(f.right, f.label) for f in section.findings] == [
            (r.problem is None, r.criterion.label) for r in examination.results
        ]
    problem, detail = visible.findings[1].text
    assert problem == "your code raised ValueError"
    assert detail.split() == seen.results[1].detail.split()
    assert unseen.findings[1].text[0] == problem
    assert len(unseen.findings[1].text) == 1


def test_another_text_than_a_report_is_shown_as_it_is(tmp_path):
    note = "normalize is not defined\ncode cell 3: NameError: name 'nq' is not defined"
    page = written(tmp_path, result("ada", "batch_norm", question(0.0, report=note)))
    assert note in page.text
    assert sections(f"{judged().report}\nnobody knows this line") == []


def test_a_full_answer_gets_its_tick_and_no_hint(tmp_path):
    text = written(tmp_path, result("ada", "batch_norm", question(4.0))).text
    assert "✓ All points." in text
    assert "What to mend" not in text


@pytest.mark.parametrize("status", ["TIMEOUT", "CRASH"])
def test_a_lost_question_is_explained_once_above_and_where_it_is(status, tmp_path):
    lost = question(0.0, status=status, hint=LOST, report=LOST)
    reason = f"check_normalize: {LOST}"
    page = written(tmp_path, result(questions=[lost], status=status, reason=reason))
    assert page.text.count(LOST) == 1
    assert f"✗ {status}." in page.text
    assert "What to do." in page.text


def test_invalid_says_why_what_to_do_and_that_it_is_not_zero(tmp_path):
    text = written(tmp_path, invalid()).text
    for words in ("Not graded", "not the same as 0", "got an empty file", "What to do."):
        assert words in text
    assert "0 of" not in text


def test_a_question_without_a_score_is_not_zero_points(tmp_path):
    lost = question(None, status="TIMEOUT", hint="too long", report="")
    text = written(tmp_path, result("ada", "batch_norm", lost, question(3.0, id="check_x"))).text
    assert "not graded" in text
    assert "0 of 4" not in text


def test_late_is_said(tmp_path):
    assert "Handed in late" in written(tmp_path, result(late=True)).text
    assert "late" not in written(tmp_path, result(late=False)).text


def test_every_result_gets_its_page(tmp_path):
    store(tmp_path, result("ada"), result("ada", "layer_norm"), result("zoë.ö"), invalid("eve"))
    assert write_feedback(tmp_path) == 4
    names = {p.relative_to(tmp_path).as_posix() for p in (tmp_path / "feedback").rglob("*.*ml")}
    assert names == {
        *("feedback/ada/batch_norm.html", "feedback/ada/layer_norm.html"),
        *("feedback/eve/batch_norm.html", "feedback/zoë.ö/batch_norm.html"),
    }


def test_a_regrade_replaces_the_page(tmp_path):
    assert "2 of 4" in written(tmp_path, result()).text
    assert "3 of 4" in written(tmp_path, result("ada", "batch_norm", question(3.0))).text
