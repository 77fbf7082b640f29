"""The whole course as one EPUB, `_build/html/downloads/normalization.epub`, from the built site.

Formulas are MathML, which the site's pages hold beside what they show; every page becomes strict
XHTML by the browser, which reads HTML as it is meant.
"""

import base64
import datetime
import html
import re
import sys
import uuid
import zipfile
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote_to_bytes

import yaml
from articles import ROOT, Article, articles, attach, browser, contents, key, open_document, styles
from playwright.sync_api import Page

FILE = "normalization.epub"
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
         ".svg": "image/svg+xml"}  # fmt: skip
ENDINGS = {kind: ending for ending, kind in TYPES.items()}
DATA = re.compile(r"data:(image/[\w+]+)((?:;[\w=-]+)*?)(;base64)?,(.*)", re.S)
VARIABLE = re.compile(r"var\((--[\w-]+)\)")
CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{id}</dc:identifier><dc:title>{title}</dc:title>
<dc:creator>{author}</dc:creator><dc:language>en</dc:language>
<meta property="dcterms:modified">{date}</meta>
<meta property="schema:accessMode">textual</meta><meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>{manifest}</manifest>
<spine>{spine}</spine>
</package>
"""
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" \
xml:lang="en"><head><title>{title}</title><link rel="stylesheet" href="style.css"/></head>
<body>{body}</body></html>
"""
CSS = """
body { line-height: 1.5; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .78em; line-height: 1.35; }
.cell_input { border-left: 3px solid #00805d; padding-left: .6em; }
code { overflow-wrap: anywhere; }
div.math { margin: 1em 0; text-align: center; overflow-x: auto; }
.eqno { float: right; }
img, svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .85em; }
th, td { padding: .2em .5em; border-bottom: 1px solid #888; text-align: left; }
summary { font-weight: bold; }
details { border-left: 3px solid #888; padding-left: .6em; margin: .6em 0; }
figure { margin: 1em 0; break-inside: avoid; }
figcaption { font-size: .9em; }
"""
XHTML = """(pages) => pages.map((page) => {
  const body = new DOMParser().parseFromString(page, 'text/html').body;
  const write = new XMLSerializer();
  return [...body.childNodes].map((one) => write.serializeToString(one)).join('');
})"""


def formulas(found: list[Article]) -> None:
    """Leave of every formula the MathML that the site has for who listens, and its number."""
    for place in [one for article in found for one in article.body.select(".math")]:
        math, number = place.select_one("math").extract(), place.select_one(".eqno")
        if place.name == "div":
            math["display"] = "block"
        kept = [number.extract(), math] if number else [math]
        place.clear()
        place.extend(kept)


def pictures(found: list[Article], site: Path) -> dict[str, bytes]:
    """Give every picture of the articles a file of its own, and return the files."""
    files: dict[str, bytes] = {}
    for image in [one for article in found for one in article.body.select("img[src]")]:
        if given := DATA.fullmatch(image["src"]):
            kind, _, is_base64, text = given.groups()
            content = base64.b64decode(text) if is_base64 else unquote_to_bytes(text)
            ending = ENDINGS[kind]
        else:
            content = (site / image["src"]).read_bytes()
            ending = Path(image["src"]).suffix
        name = f"images/{uuid.uuid5(uuid.NAMESPACE_OID, content.hex()).hex[:12]}{ending}"
        files[name] = with_colours(content.decode()).encode() if ending == ".svg" else content
        image["src"] = name
    return files


def with_colours(text: str, palette: dict[str, str] | None = None) -> str:
    """Write the light colours for their variables, which older readers do not know."""
    palette = palette or dict(re.findall(r"(--[\w-]+):(#\w+)", text)[::-1])  # the first one counts
    text = VARIABLE.sub(lambda found: palette.get(found[1], found[0]), text)
    return text.replace(";;", ";")  # which a browser forgives and an e-reader's checker does not


def chapters(found: list[Article], page: Page, css: str) -> dict[str, str]:
    """Return each article as strict XHTML, by its file's name."""
    names = {key(one.name) for one in found}
    palette = dict(re.findall(r"(--[\w-]+):(#\w+)", css)[::-1])
    for article in found:
        for link in article.body.select('a[href^="#"]'):
            place = link["href"][1:]
            name = place.partition("--")[0]
            if name in names:
                anchor = "" if place == name else link["href"]
                link["href"] = f"{name}.xhtml{anchor}"
        for one in article.body.select("[style]"):
            one["style"] = with_colours(one["style"], palette)
        for one in article.body.select("[aria-labelledby], [aria-describedby]"):
            one.attrs.pop("aria-labelledby", None)
            one.attrs.pop("aria-describedby", None)
    texts = page.evaluate(XHTML, [with_colours(str(one.body), palette) for one in found])
    return {
        f"{key(one.name)}.xhtml": PAGE.format(title=html.escape(one.title), body=text)
        for one, text in zip(found, texts, strict=True)
    }


def navigation(found: list[Article], title: str) -> str:
    """Return the table of contents, part by part."""
    rows = []
    for part, group in groupby(found, key=lambda one: one.part):
        links = "".join(
            f'<li><a href="{key(one.name)}.xhtml">{html.escape(one.title)}</a></li>'
            for one in group
        )
        rows.append(f"<li><span>{html.escape(part)}</span><ol>{links}</ol></li>" if part else links)
    body = f'<nav epub:type="toc"><h1>Contents</h1><ol>{"".join(rows)}</ol></nav>'
    return PAGE.format(title=html.escape(title), body=body)


def package(config: dict, files: dict[str, str | bytes], order: list[str]) -> str:
    """Return the list of everything in the book, and the order in which it is read."""
    items = []
    for number, (name, content) in enumerate(files.items()):
        text = content if isinstance(content, str) else ""
        has = {"svg": "<svg" in text, "mathml": "<math" in text, "nav": name == "nav.xhtml"}
        properties = " ".join(kind for kind, holds in has.items() if holds)
        kind = TYPES.get(Path(name).suffix) or (
            "text/css" if name.endswith(".css") else "application/xhtml+xml"
        )
        extra = f' properties="{properties}"' if properties else ""
        items.append(f'<item id="i{number}" href="{name}" media-type="{kind}"{extra}/>')
    ids = {name: f"i{number}" for number, name in enumerate(files)}
    return PACKAGE.format(
        id=uuid.uuid5(uuid.NAMESPACE_URL, config["html"]["baseurl"]),
        title=html.escape(config["title"]),
        author=html.escape(config["author"]),
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        manifest="".join(items),
        spine="".join(f'<itemref idref="{ids[name]}"/>' for name in ["nav.xhtml", *order]),
    )


def write(root: Path, pages: list[tuple[str, str]], file: Path) -> None:
    """Write the pages of the site into `file`."""
    site = root / "_build" / "html"
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf8"))
    found, css = articles(site, pages), styles(site, pages)
    formulas(found)
    images = pictures(found, site)
    with browser() as started:
        texts = chapters(found, open_document(started, site, "<!DOCTYPE html>"), css)
    pygments = (site / "_static" / "pygments.css").read_text(encoding="utf8")
    light, _, _ = pygments.partition('html[data-theme="dark"]')
    light = light.replace('html[data-theme="light"] ', "")
    files: dict[str, str | bytes] = {"nav.xhtml": navigation(found, config["title"]), **texts}
    files |= {"style.css": light + css + CSS, **images}
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)  # first, and as it is
        book.writestr("META-INF/container.xml", CONTAINER)
        book.writestr("OEBPS/package.opf", package(config, files, list(texts)))
        for name, content in files.items():
            book.writestr(f"OEBPS/{name}", content)


def main(root: Path = ROOT) -> int:
    """Write the EPUB and link it from the site."""
    site = root / "_build" / "html"
    write(root, contents(root), site / "downloads" / FILE)
    attach(site, FILE)
    size = (site / "downloads" / FILE).stat().st_size / 1e6
    print(f"epub: _build/html/downloads/{FILE}, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT))
