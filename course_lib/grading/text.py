"""Texts for people: what a learner's code wrote made safe to show, and points in words."""

import re

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # control characters, a terminal's escape codes among them
    r"|[\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164]"
    r"|[\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"  # invisible, or turning round
    r"|[\ud800-\udfff]"  # half characters, which no encoding writes
)


def clean(text: str) -> str:
    """Return `text` with every character that steers instead of showing replaced by �."""
    return _HIDDEN.sub("�", text)


def in_points(earned: float, possible: float) -> str:
    """Return a score in words, such as "2.5 of 3 points"."""
    return f"{round(earned, 4):g} of {round(possible, 4):g} point{'' if possible == 1 else 's'}"
