"""A student's page is safe and readable: no script, no test, text stays text, contrast."""

import itertools
import json
import re

import pytest
from feedback_pages import Page, all_questions, with_code, written
from notebooks import ROOT
from stored_results import BIDI, SCRIPT, invalid, question, result, store

from course_lib.grading.report.feedback import feedback, write_feedback
from course_lib.grading.report.feedback_text import capped


def test_no_test_and_no_code_of_the_instructor_is_shown(tmp_path):
    content = result("ada", "batch_norm", *all_questions())
    text = with_code(tmp_path, content).text
    notebook = tmp_path / "autograded/ada/batch_norm/batch_norm.ipynb"
    source = notebook.read_text(encoding="utf-8")
    for secret in ("hidden=True", 'check(\\"batch_norm.normalize', "import numpy as np"):
        assert secret in source  # else the page could not leak it
    for secret in ("hidden=True", "check(", "import numpy", "BEGIN HIDDEN"):
        assert secret not in text


@pytest.mark.parametrize("content", ["", "{}", '{"cells": 1}', '{"cells": [{}]}', "[" * 100_000])
def test_a_broken_notebook_costs_the_code_alone(content, tmp_path):
    path = tmp_path / "autograded/ada/batch_norm/batch_norm.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert "2 of 4 points" in written(tmp_path, result()).text


def test_where_the_check_failed_its_message_stays_with_the_instructor(tmp_path):
    mishap = "the check itself failed: ValueError: hidden input\n[1.5 2.5]"
    lost = question(0.0, status="CRASH", hint=mishap, report=mishap)
    both = {"status": "CRASH", "reason": f"check_normalize: {mishap}"}
    for questions in ([lost], []):
        text = written(tmp_path, result(questions=questions, **both)).text
        assert "the check itself failed" in text
        assert "2.5" not in text
        assert "hidden input" not in text


@pytest.mark.parametrize("field", ["hint", "report", "reason", "student", "code", "status", "id"])
def test_hostile_text_stays_text(field, tmp_path):
    hostile = SCRIPT + BIDI + '" onclick="alert(1)'
    content = result("ada", "batch_norm", *all_questions())
    if field in ("hint", "report", "id"):
        content["questions"] = [question(1.0, **{field: hostile})]
    elif field == "reason":
        content = invalid("ada", reason=hostile)
    elif field == "student":
        page = Page(feedback(content | {"student": hostile}))
    elif field == "status":
        page = Page(feedback(content | {"status": hostile}))
    if field == "code":
        page = with_code(tmp_path, content, {"normalize": f"'''{hostile}'''"})
    elif field not in ("student", "status"):
        page = written(tmp_path, content)
    if field != "status":  # of a status that nobody knows, nothing is shown
        assert "<script>alert(1)</script>" in page.text.replace("_", " ")
    allowed = {"html", "head", "meta", "title", "style", "body", "header", "main", "article"}
    allowed |= {"div", "h1", "h2", "h3", "p", "span", "strong", "b", "bdi", "ul", "li", "pre"}
    allowed |= {"code", "svg", "rect"}
    assert {tag for tag, _ in page.elements} <= allowed
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "href")]
    if field in ("hint", "report", "reason", "code"):
        assert not set(BIDI) & set(page.text)


def test_the_page_forbids_scripts_and_whatever_is_fetched(tmp_path):
    page = written(tmp_path, result())
    policies = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert len(policies) == 1
    assert "default-src 'none'; style-src 'unsafe-inline'" in policies[0]
    assert "script-src" not in policies[0]


def test_a_line_of_a_megabyte_and_a_million_lines_are_cut(tmp_path):
    given = {"normalize": "x = '" + "A" * 900_000 + "'"}
    page = with_code(tmp_path, result("ada", "batch_norm", *all_questions()), given)
    assert max(map(len, page.text.split("\n"))) < 400
    assert "long line, cut" in page.text
    assert len(capped("\n" * 1_000_000)) < 1000
    assert capped("short\ntext") == "short\ntext"


def test_many_large_cells_do_not_make_a_page_of_megabytes(tmp_path):
    ids = [q["id"].removeprefix("check_") for q in all_questions()]
    lines = "\n".join("#" + "x" * 200 for _ in range(700))
    page = with_code(
        tmp_path, result("ada", "batch_norm", *all_questions()), dict.fromkeys(ids, lines)
    )
    assert "too long to show" in page.text
    assert len(page.text) < 110_000


def test_windows_line_ends_do_not_show():
    assert capped("a\r\nb\rc") == "a\nb\nc"


def test_headings_step_down_one_at_a_time_and_name_their_parts(tmp_path):
    page = with_code(tmp_path, result("ada", "batch_norm", *all_questions()))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = {attributes.get("id") for _, attributes in page.elements}
    parts = [article["aria-labelledby"] for article in page.all("article")]
    assert len(set(parts)) == len(parts) == 8
    assert set(parts) <= ids
    assert page.all("html") == [{"lang": "en"}]


def luminance(colour: str) -> float:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_has_contrast_in_light_and_in_dark():
    css = (ROOT / "course_lib/grading/report/pages/page.css").read_text(encoding="utf-8")
    rules = re.findall(r":root\{[^}]+", css)
    palettes = [dict(re.findall(r"--([\w-]+):(#\w{6})", rule)) for rule in rules]
    assert len(palettes) == 2
    for palette in palettes:
        for text in ("ink", "muted", "series-0", "good", "bad"):
            for ground in ("paper", "soft"):
                low, high = sorted(luminance(palette[name]) for name in (text, ground))
                ratio = (high + 0.05) / (low + 0.05)
                assert ratio >= 4.5, f"{text} on {ground} has {ratio:.2f}"


def test_the_bar_shows_what_the_text_says(tmp_path):
    page = written(tmp_path, result("ada", "batch_norm", question(1.0, 4.0)))
    assert [rect["width"] for rect in page.all("rect")] == ["25.0", "25.0"]
    assert all(svg["aria-hidden"] == "true" for svg in page.all("svg"))
    over = Page(feedback(result("ada", "batch_norm", question(5.0, 4.0))))
    assert {rect["width"] for rect in over.all("rect")} == {"100.0"}


def test_a_path_in_a_result_leads_nowhere(tmp_path):
    content = result("ada")
    store(tmp_path / "d", content)
    path = tmp_path / "d/results/ada/batch_norm.json"
    path.write_text(json.dumps(content | {"student": "../../..", "assignment": "/etc/x"}))
    write_feedback(tmp_path / "d")
    assert "../../.." in (tmp_path / "d/feedback/ada/batch_norm.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
