"""Feedback as a browser takes it, for tests."""

from html.parser import HTMLParser
from pathlib import Path

import nbformat
from notebooks import ROOT, answered
from stored_results import question, store

from course_lib.grading.assignment import load_assignment
from course_lib.grading.gradebook.autograded import write_autograded
from course_lib.grading.report.feedback import write_feedback

EXTRA = "my_helper = 'extra cell'"


class Page(HTMLParser):
    """What a browser makes of a page: its elements, and its text without styles."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if "style" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def all_questions(**more) -> list[dict]:
    tests = load_assignment(ROOT, "batch_norm").questions
    return [question(1.0, cell.points, id=cell.grade_id, **more) for cell in tests]


def written(directory: Path, content: dict) -> Page:
    """Write the feedback of one result and read it."""
    assert write_feedback(store(directory, content)) == 1
    path = directory / "feedback" / content["student"] / f"{content['assignment']}.html"
    return Page(path.read_text(encoding="utf-8"))


def with_code(directory: Path, content: dict, given: dict | None = None) -> Page:
    """Write the feedback of a result with the notebook that the judge's neighbour writes."""
    notebook = answered("batch_norm", given)
    notebook.cells.insert(3, nbformat.v4.new_code_cell(EXTRA))
    notebook.cells.append(nbformat.v4.new_code_cell("after_all = 1"))
    raw = nbformat.writes(notebook).encode()
    write_autograded(content, raw, load_assignment(ROOT, "batch_norm"), ROOT, directory)
    return written(directory, content)
