"""What the site needs beyond the theme: text alternatives enforced, third parties kept out."""

import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import executed_notebooks
import light_pages
import typeset_math
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# The script of one kind of figure, the same on every page; see course_lib/explore.
EXPLORABLE = re.compile(r"<script>(\(\(\)=>\{'use strict';const NAME=\"(\w+)\".*?)</script>", re.S)
# A formula in a line and the punctuation behind it, between which a browser would break the line.
JOINED = re.compile(r'<span class="math [^>]*>(?:(?!</span>).)*</mjx-container></span>[,.;:?!)”’]+')
DESCRIBED = {
    "genindex": "The terms of the course, with their places",
    "search": "Search the course",
}
MARK = re.compile(r"(?m)^ *### (?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS)\n?")
REDIRECT = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={target}">
<link rel="canonical" href="{site}{target}">
<link rel="icon" href="_static/{icon}">
<title>{title}</title>
<p><a href="{target}">{title}</a></p>
</html>
"""
# It is shown at addresses of any depth, where no relative address would lead home.
LOST = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:image/svg+xml,{picture}">
<title>No such page - {title}</title>
<style>
  body {{ font: 1.1rem/1.6 system-ui, sans-serif; background: #fff; color: #222; }}
  a {{ color: #0a5cc0; }}
  @media (prefers-color-scheme: dark) {{
    body {{ background: #121212; color: #ddd; }}
    a {{ color: #7ab8ff; }}
  }}
  main {{ max-width: 34rem; margin: 15vh auto; padding: 1rem }}
</style>
<main>
  <h1>There is no page at this address</h1>
  <p>It may have moved. <a href="{site}{target}">{title}</a> begins with a map of its pages,
  and <a href="{site}search.html">the search</a> finds what it calls by another name.</p>
</main>
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
                # A drawing with links in it is a group: the inside of a picture is mute.
                role = given.get("role") in ("img", "group")
                labelled = role and bool(given.get("aria-label"))
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


def html_faults(text: str) -> list[str]:
    """Say which pictures in a piece of HTML lack a text alternative."""
    audit = PictureAudit()
    audit.feed(text)
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


def drop_marks(app: Sphinx, doctree: nodes.document) -> None:
    """Take the lines out of a solution's code that tell nbgrader where it begins and ends."""
    for block in doctree.findall(nodes.literal_block):
        if app.env.docname.startswith("solutions/") and MARK.search(block.astext()):
            kept = MARK.sub("", block.astext()).rstrip("\n")
            block[:] = [nodes.Text(kept)]
            block.rawsource = kept  # what is highlighted is rawsource, where the two are equal


def disconnect_thebe(app: Sphinx, config: object) -> None:
    """Take sphinx-thebe's hooks away: its script, written twice, is an error on every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]


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
    for kind in ("css_files", "script_files"):
        files = context[kind]
        context[kind] = [file for file in files if "sphinx-thebe" not in str(file.filename)]
    if page != "search":  # whose own scripts expect the others before them
        context["script_files"] = [light_pages.deferred(file) for file in context["script_files"]]
    if page in DESCRIBED:  # they have no text of their own from which a description is taken
        meta = f'<meta name="description" content="{DESCRIBED[page]}">'
        context["metatags"] = context.get("metatags", "") + meta
    body = context.get("body", "")
    body = JOINED.sub(r'<span class="course-joined">\g<0></span>', body)
    # docutils writes a role that ARIA has withdrawn.
    body = body.replace('role="doc-biblioentry"', 'role="listitem"')
    body, files = share_scripts(body, Path(app.outdir, "_static", "explore"))
    addresses = (context["pathto"](f"_static/explore/{file}", 1) for file in files)
    tags = (f'<script defer src="{address}"></script>' for address in addresses)
    context["body"] = body + "".join(tags)


def complete_root(app: Sphinx, error: Exception | None) -> None:
    """Lead home from the site's root and from addresses that do not exist."""
    if error is None and app.builder.name == "html":
        site = Path(app.outdir)
        (site / ".nojekyll").touch()  # GitHub Pages would drop folders such as _static
        icon = Path(app.config.html_favicon)
        words = {
            "target": app.builder.get_target_uri(app.config.root_doc),
            "site": app.config.html_baseurl,
            "title": html.escape(app.config.html_title),
            # Without an icon of its own the page makes a browser ask for one at the site's root.
            "icon": icon.name,
            "picture": quote(Path(app.srcdir, icon).read_text(encoding="utf8")),
        }
        (site / "index.html").write_text(REDIRECT.format(**words), encoding="utf8")
        (site / "404.html").write_text(LOST.format(**words), encoding="utf8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the hooks."""
    typeset_math.setup(app)
    app.connect("config-inited", disconnect_thebe)
    app.connect("doctree-read", require_text_alternatives)
    app.connect("doctree-read", drop_marks)
    app.connect("html-page-context", executed_notebooks.offer, priority=890)  # the theme's are in
    app.connect("html-page-context", mend_page, priority=900)  # after the scripts are in
    app.connect("build-finished", complete_root, priority=100)  # before sphinx-external-toc's own
    app.connect("build-finished", executed_notebooks.write)
    app.connect("build-finished", light_pages.shrink_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
