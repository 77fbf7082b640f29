"""The judge's texts as a student may read them: safe to show, cut where long, taken apart."""

import re
from typing import NamedTuple

from course_lib.grading.text import clean

LONGEST_LINE, LONGEST_TEXT, MOST_LINES = 300, 20_000, 500
WIDTH = 76  # where `examine` wraps
MISHAP = re.compile(r"(the check itself failed)\b.*", re.DOTALL)
HEAD = re.compile(r"[\w.]+(, hidden inputs)?: [\d.]+ of [\d.]+ points?")
# What a learner's exception says stands deeper.
CRITERION = re.compile(r"  (✓|✗) (.+?)(?: \(\d+\))?")


class Finding(NamedTuple):
    """What a check says of one criterion."""

    right: bool
    label: str
    text: list[str]  # sentences, each on one line


class Section(NamedTuple):
    """What one check says, on visible or on hidden inputs."""

    hidden: bool
    findings: list[Finding]


def for_student(text: str) -> str:
    """Return a text of the judge's as a student may see it.

    Where a check itself failed, its message may quote a hidden input.
    """
    return capped(MISHAP.sub(r"\1", text))


def capped(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return text that shows what it holds, its long lines and its end cut."""
    start = text[:longest].replace("\r\n", "\n").replace("\r", "\n")
    lines = clean(start).split("\n")
    cut = [
        line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} … (long line, cut)"
        for line in lines[:MOST_LINES]
    ]
    whole = len(text) <= longest and len(lines) <= MOST_LINES
    return "\n".join(cut) + ("" if whole else "\n… (long text, cut)")


def sections(report: str) -> list[Section]:
    """Take a report of `examine` apart; return nothing where it is another text."""
    found: list[Section] = []
    for line in report.split("\n"):
        if head := HEAD.fullmatch(line):
            found.append(Section(bool(head[1]), []))
        elif found and (match := CRITERION.fullmatch(line)):
            found[-1].findings.append(Finding(match[1] == "✓", match[2], []))
        elif found and found[-1].findings and line.startswith("    "):
            found[-1].findings[-1].text.append(line)
        else:
            return []
    return [
        Section(s.hidden, [f._replace(text=_unwrapped(f.text)) for f in s.findings]) for s in found
    ]


def _unwrapped(lines: list[str]) -> list[str]:
    """Join lines again where the first word of the next had no place on the one before."""
    found: list[str] = []
    last = ""
    for line in lines:
        text = line.strip()
        word = re.match(r"[^\s-]*-?", text)[0]
        if last and len(last) + 1 + len(word) > WIDTH:
            found[-1] += text if last.endswith("-") else f" {text}"
        else:
            found.append(text)
        last = line
    return found
