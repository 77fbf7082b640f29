"""The page "Run it on your machine" names commands and messages that exist; openers of chapters."""

import json
import re

import pytest
import yaml
from layout import toc
from notebooks import ROOT

RUN = (ROOT / "book/run.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
CODE = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("tools", "course_lib/lab", "course_lib/grading")
    for path in sorted((ROOT / folder).glob("*.py"))
)
OPENER = re.compile(
    r"^\*After this chapter\* you can [^\n]+ \*You need\* [^\n]+ "
    r"\*Time:\* \d+ minutes, the exercise not counted\.$", re.M,
)  # fmt: skip
CHAPTERS = [page.rpartition("/")[2] for page in toc(ROOT) if page.startswith("exercises/")]


@pytest.mark.parametrize("page", ["book/run.md", "book/intro.md", "README.md"])
def test_every_make_command_of_the_page_exists(page):
    named = re.findall(r"[`\n]make ([a-z]+)\b(?!=)", (ROOT / page).read_text(encoding="utf-8"))
    assert {"book", "test"} <= set(named)
    assert set(named) <= TARGETS


def test_run_page_lists_every_command_for_readers():
    listed = set(re.findall(r"^\| `make (\w+)` ", RUN, re.M))
    assert listed == {"lab", "book", "serve", "test", "pdf", "epub"}


@pytest.mark.parametrize("kind", ["expected", "without", "book:", "CheckFailed", "ClaimFailed"])
def test_messages_of_our_own_tools_are_quoted_as_they_come(kind):
    quoted = [one for one in re.findall(r"^\| `([^`]+)`", RUN, re.M) if one.startswith(kind)]
    assert quoted
    for message in quoted:
        fixed = re.split(r", got|(?<=about) \d+|(?<=without) \w+", message)[0]
        assert fixed.removeprefix("expected ").split(" tests")[0] in CODE


def test_repository_has_one_address_in_one_place():
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    address = yaml.safe_load(config)["repository"]["url"]
    assert "~ repository ~" in RUN
    pages = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "book/run", "book/intro")]
    assert not [page.name for page in pages if address in page.read_text(encoding="utf-8")]
    assert config.count(address) == 1


def test_conda_environment_has_the_name_that_the_page_activates():
    name = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["name"]
    assert f"conda activate {name}" in RUN


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_opens_with_a_question_and_three_lines(chapter):
    cells = json.loads((ROOT / f"book/{chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    title, situation, promise = "".join(cells[0]["source"]).strip().split("\n\n")
    assert re.fullmatch(r"# .*\?", title)
    assert "?" in situation[-250:]
    assert OPENER.fullmatch(promise)
