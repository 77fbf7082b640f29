"""Formulas typeset while the book is built: no page needs MathJax, and a wrong one fails the build.

MathJax (1.3 MB, and a second or more of a phone's time a page) runs here once, in an embedded
JavaScript engine; a page carries the HTML that it writes, and MathML for who listens to it.
"""

import functools
import html
import re
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext import mathjax
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

SHEET = "math.css"
# What Sphinx writes for MathJax to find: a formula in a line, on its own, or an environment.
TEX = re.compile(r"\\\((.*)\\\)|\\\[(.*)\\\]|(\\begin\{.*\})", re.S)
FAULT = re.compile(r'data-mjx-error="([^"]*)"')


@functools.cache
def engine() -> MiniRacer:
    """Start MathJax once a build."""
    started = MiniRacer()
    started.eval(Path(__file__).with_name("vendor").joinpath("mathjax.js").read_text("utf8"))
    return started


@functools.cache
def typeset(tex: str, display: bool) -> str:
    """Return the HTML of a formula."""
    return engine().call("typeset", tex, display)


def replace_tex(translator: HTML5Translator, start: int, node: nodes.Node) -> None:
    """Put the typeset formula in the place of the TeX that stands behind `start`."""
    written = "".join(translator.body[start:])
    found = TEX.search(written)
    tex = html.unescape(next(filter(None, found.groups())))
    formula = typeset(tex, found[1] is None)
    if fault := FAULT.search(formula):
        logger.warning("formula: %s", html.unescape(fault[1]), location=node)
    translator.body[start:] = [written[: found.start()], formula, written[found.end() :]]


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line as Sphinx does, typeset."""
    start = len(self.body)
    try:
        mathjax.html_visit_math(self, node)
    finally:  # which leaves by SkipNode
        replace_tex(self, start, node)


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on its own as Sphinx does, typeset."""
    start = len(self.body)
    try:
        mathjax.html_visit_displaymath(self, node)
    finally:
        replace_tex(self, start, node)


def read_all(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> set[str]:
    """Read every page again: the style sheet holds what the formulas of this build need."""
    return env.found_docs


def write_styles(app: Sphinx, error: Exception | None) -> None:
    """Write the style sheet of the formulas that the pages show."""
    if error is None and app.builder.format == "html":
        sheet = re.sub(r"\s*\n\s*", "", engine().call("styles"))
        Path(app.outdir, "_static", SHEET).write_text(sheet, encoding="utf8")


def setup(app: Sphinx) -> None:
    """Connect the hooks."""
    app.add_html_math_renderer("typeset", (visit_math, None), (visit_math_block, None))
    app.add_css_file(SHEET)
    app.connect("env-get-outdated", read_all)
    app.connect("build-finished", write_styles, priority=400)  # the icons' hook reads the styles
