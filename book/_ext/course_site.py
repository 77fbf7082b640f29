"""What the site needs beyond the theme: text alternatives enforced, third parties kept out."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import light_pages
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# The script of one kind of figure, the same on every page; see course_lib/explore.
EXPLORABLE = re.compile(r"<script>(\(\(\)=>\{'use strict';const NAME=\"(\w+)\".*?)</script>", re.S)
# A formula in a line and the punctuation behind it, between which a browser would break the line.
JOINED = re.compile(r'<span class="math notranslate nohighlight">[^<]*</span>[,.;:?!)”’]+')
REDIRECT = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={target}">
<link rel="canonical" href="{target}">
<link rel="icon" href="{icon}">
<title>{title}</title>
<p><a href="{target}">{title}</a></p>
</html>
"""


class PictureAudit(HTMLParser):
    """Collect the pictures of an HTML output, and those that nobody can hear."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled = 0
        self.faults: list[str] = []
        self.hidden: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge an `<img>` by its alt text, and an outermost `<svg>` by its role and label."""
        given = {name: (value or "").strip() for name, value in attrs}
        if tag == "img":
            self.judge(bool(given.get("alt")), given, "<img> without alt text")
        elif tag == "svg":
            if self.depth == 0:
                labelled = given.get("role") == "img" and bool(given.get("aria-label"))
                self.judge(labelled, given, '<svg> without role="img" and aria-label')
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        """Leave an `<svg>`: what stands inside another needs no label of its own."""
        self.depth -= tag == "svg"

    def judge(self, labelled: bool, given: dict[str, str], fault: str) -> None:
        """Count a labelled picture; keep the others by what they lack."""
        self.labelled += labelled
        if not labelled:
            (self.hidden if given.get("aria-hidden") == "true" else self.faults).append(fault)

    def found(self) -> list[str]:
        """Return the faults; one panel may speak for hidden others, but silence never counts."""
        return self.faults + ([] if self.labelled else self.hidden)


def html_faults(html: str) -> list[str]:
    """Say which pictures in a piece of HTML lack a text alternative."""
    audit = PictureAudit()
    audit.feed(html)
    audit.close()
    return audit.found()


def image_fault(image: nodes.image) -> str | None:
    """Say what is wrong with an image's alt text, if anything is."""
    alt = image.get("alt", "").strip()
    if not alt:
        return "image without alt text"
    # Without alt text the HTML writer would fall back on the path, and so do authors.
    if alt in (image["uri"], Path(image["uri"]).name):
        return f"image whose alt text is its path {alt!r}"
    return None


def place(node: nodes.Node) -> nodes.Node:
    """Return the innermost node around this one that knows its line: outputs do not."""
    while node.parent is not None and not node.line:
        node = node.parent
    return node


def stands_in_for_html(image: nodes.image) -> bool:
    """Say whether the site shows HTML in the picture's place: one output, in several forms."""
    form = image.parent
    forms = form.parent.children if isinstance(form, nodes.container) and form.parent else []
    return any(getattr(one, "attributes", {}).get("mime_type") == "text/html" for one in forms)


def require_text_alternatives(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of every picture on a page that a screen reader would pass over."""
    repair = "say in it what the picture shows (in a notebook: cell metadata mystnb.image.alt)"
    for image in doctree.findall(nodes.image):
        if not stands_in_for_html(image) and (fault := image_fault(image)):
            logger.warning("%s; %s", fault, repair, location=place(image))
    for raw in doctree.findall(nodes.raw):
        for fault in html_faults(raw.astext()) if "html" in raw.get("format", "") else []:
            logger.warning("%s in HTML; %s", fault, repair, location=place(raw))


def disconnect_thebe(app: Sphinx, config: object) -> None:
    """Take sphinx-thebe's hooks away: its script, written twice, is an error on every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]


def names_any(path: object, parts: tuple[str, ...]) -> bool:
    """Say whether a path contains any of the parts; an inline script has none."""
    return any(part in str(path) for part in parts)


def has_math(doctree: nodes.document | None) -> bool:
    """Say whether a page shows a formula."""
    kinds = (nodes.math, nodes.math_block)
    return doctree is not None and any(isinstance(node, kinds) for node in doctree.findall())


def share_scripts(body: str, folder: Path) -> tuple[str, list[str]]:
    """Move the scripts of a page's explorable figures into `folder`, each kind once.

    Returns the page's body without them, and the names of the files.
    """
    files = []
    for script, name in dict.fromkeys(EXPLORABLE.findall(body)):
        digest = hashlib.sha256(script.encode()).hexdigest()[:12]
        files.append(f"{name}.{digest}.js")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / files[-1]).write_text(script, encoding="utf8")
        body = body.replace(f"<script>{script}</script>", "")
    return body, files


def mend_page(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Drop what the page does not need; give references the role that their list allows."""
    # Sphinx sends a page MathJax (1.3 MB) for the formulas of the pages below it, too.
    unneeded = ("sphinx-thebe",) if has_math(doctree) else ("sphinx-thebe", "mathjax")
    for kind in ("css_files", "script_files"):
        files = context[kind]
        context[kind] = [file for file in files if not names_any(file.filename, unneeded)]
    light_pages.defer_scripts(context, page)
    body = context.get("body", "")
    body = JOINED.sub(r'<span class="course-joined">\g<0></span>', body)
    # docutils writes a role that ARIA has withdrawn.
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    body, files = share_scripts(body, Path(app.outdir, "_static", "explore"))
    addresses = (context["pathto"](f"_static/explore/{file}", 1) for file in files)
    tags = (f'<script defer src="{address}"></script>' for address in addresses)
    context["body"] = body + "".join(tags)


def complete_root(app: Sphinx, error: Exception | None) -> None:
    """Lead from the site's root to the landing page, by a link where a refresh is not followed."""
    if error is None and app.builder.name == "html":
        Path(app.outdir, ".nojekyll").touch()  # GitHub Pages would drop folders such as _static
        target = app.builder.get_target_uri(app.config.root_doc)
        # Without an icon of its own the page makes a browser ask for one at the site's root.
        icon = f"_static/{Path(app.config.html_favicon).name}"
        page = REDIRECT.format(target=target, icon=icon, title=app.config.html_title)
        Path(app.outdir, "index.html").write_text(page, encoding="utf8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the hooks."""
    app.connect("config-inited", disconnect_thebe)
    app.connect("doctree-read", require_text_alternatives)
    app.connect("html-page-context", mend_page, priority=900)  # after the scripts are in
    app.connect("build-finished", complete_root, priority=100)  # before sphinx-external-toc's own
    app.connect("build-finished", light_pages.shrink_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
