"""What every figure that the reader can play with shares: its HTML, its script, its fallback."""

import base64
import functools
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, ClassVar
from urllib.parse import quote

from course_lib.explore.controls import Rule, require_allowed

HERE = files(__package__)
# Space around marks, and around a plus or minus between two operands; marks before a bracket.
IDLE = (
    (r"\s*([{}()\[\];,:?=<>*/%&|!])\s*", r"\1"),
    (r"(?<=[\w)\]]) ([+-]) (?=[\w(\[])", r"\1"),
    (r"[;,](?=[})\]])(?!,\])", ""),
)


class Explorable:
    """A question that a reader answers by moving things, on a page without a server.

    Parameters
    ----------
    challenge : str, optional
        What to find out before reading on; each figure has one of its own.
    **state
        Where the controls stand at first: the names in `controls`.

    Raises
    ------
    TypeError, ValueError
        If the figure has no control of that name, or the control cannot take the value.

    Notes
    -----
    The HTML holds a picture and a paragraph, and a script that is the same for every instance of
    a figure. The script hides both behind an open shadow root; where it does not run, they stay.
    """

    name: ClassVar[str]
    question: ClassVar[str]
    challenge: ClassVar[str]
    alt: ClassVar[str]  # what the picture shows, for someone who cannot see it
    controls: ClassVar[
        Mapping[str, tuple[Any, Rule]]
    ]  # by name: where it stands at first, its rule
    constants: ClassVar[Mapping[str, Any]] = {}  # what the script needs beside

    def __init__(self, *, challenge: str | None = None, **state: Any) -> None:
        if challenge is not None:
            self.challenge = challenge
        for key, value in state.items():
            if key not in self.controls:
                raise TypeError(f"no control {key!r}; {self.name} has {', '.join(self.controls)}")
            require_allowed(key, value, self.controls[key][1])
        self.state = {key: start for key, (start, _) in self.controls.items()} | state

    def __repr__(self) -> str:
        return f"{self.question} {self.sentence()}"

    def sentence(self) -> str:
        """Return what the figure says before anybody has moved a control."""
        return read(f"{self.name}.txt").strip()

    def _repr_html_(self) -> str:
        data = {"figure": self.name, "question": self.question, "challenge": self.challenge}
        data["state"] = json.dumps(self.state, separators=(",", ":"))
        marks = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in data.items())
        words = html.escape(f"{self.alt} {self.sentence()}")
        return (
            f'<div class="course-explore" {marks}><style>{theme()}</style>'
            f"<p><strong>{html.escape(self.question)}</strong></p>{self.picture()}<p>{words}</p>"
            f"</div><script>{script(type(self))}</script>"
        )

    def picture(self) -> str:
        """Return the fallback as an `<img>`: JupyterLab would cut inline SVG out of a page."""
        drawing = quote(read(f"{self.name}.svg").strip(), safe=" ='/:;,.()-{}@![]_")
        return f'<img alt="{html.escape(self.alt)}" src="data:image/svg+xml,{drawing}">'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return every form of the figure; paper takes the picture."""
        png = HERE.joinpath(f"{self.name}.png").read_bytes()
        return {
            "text/html": self._repr_html_(),
            "image/png": base64.b64encode(png).decode(),
            "text/plain": repr(self),
        }


def read(name: str) -> str:
    """Return a file of this package."""
    return HERE.joinpath(name).read_text(encoding="utf-8")


@functools.cache
def theme() -> str:
    """Return the style of the fallback, and the colours, which a shadow root inherits."""
    light, dark = palettes()
    return squeeze(read("theme.css")).replace("LIGHT", light).replace("DARK", dark)


def palettes() -> tuple[str, str]:
    """Return the colours of the course's figures as CSS variables: light, and dark."""
    css = files("course_lib.lab").joinpath("figure.css").read_text(encoding="utf-8")
    rules = re.findall(r"\{((?:--[\w-]+:#\w+;?)+)", css)
    light, dark = (rule.rstrip(";") + ";color-scheme:" for rule in rules)
    return light + "light", dark + "dark"


@functools.cache
def script(figure: type[Explorable]) -> str:
    """Return the script of one kind of figure: runtime, formulas, drawing, and nothing global."""
    name = figure.name
    css = squeeze(
        read("base.css") + (read(f"{name}.css") if (HERE / f"{name}.css").is_file() else "")
    )
    rules = {key: rule for key, (_, rule) in figure.controls.items()}
    given = {"NAME": name, "RULES": rules, "DEFAULTS": figure().state, "CSS": css}
    given |= figure.constants
    pairs = (f"{key}={json.dumps(value, separators=(',', ':'))}" for key, value in given.items())
    constants = f"const {','.join(pairs)};\n"
    parts = ("numbers.math.mjs", "drawing.js", "runtime.js", f"{name}.math.mjs", f"{name}.js")
    return f"(()=>{{'use strict';{constants}{''.join(bare(read(part)) for part in parts)}}})()"


def bare(code: str) -> str:
    """Return a module's JavaScript without comment lines, imports, exports and idle space.

    It must end every statement by a semicolon, and nest no template in a template.
    """
    lines = (line.strip() for line in code.splitlines())
    kept = (line for line in lines if line and not line.startswith(("//", "import ")))
    code = "\n".join(line.removeprefix("export ") for line in kept)
    pieces = re.split(r"('[^'\n]*'|`[^`]*`)", code)  # strings and templates stay as they are
    for pattern, kept in IDLE:
        pieces[::2] = [re.sub(pattern, kept, one) for one in pieces[::2]]
    return "".join(pieces) + "\n"


def squeeze(css: str) -> str:
    """Return CSS without comments and line breaks."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    return re.sub(r"\s*([{};:,>])\s+|\s+(?=[{}])|\n\s*", r"\1", css).replace(";}", "}").strip()
