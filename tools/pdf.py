"""The whole course as one PDF, `_build/html/downloads/normalization.pdf`, from the built site.

All pages become one document, so that links lead from chapter to chapter and the reader's program
shows one outline. It is printed twice: the first time to learn on which page each chapter begins.
"""

import html
import re
import sys
from io import BytesIO
from itertools import groupby
from pathlib import Path

import yaml
from articles import ROOT, Article, articles, attach, browser, contents, key, open_document, styles
from pypdf import PdfReader, PdfWriter

FILE = "normalization.pdf"
SHEETS = re.compile(r'<link rel="stylesheet"[^>]*>|<link [^>]*rel="stylesheet"[^>]*/>')
# Chapters begin a page, and parts are announced.
CSS = """
@page { @bottom-center { content: counter(page); font: 9pt system-ui, sans-serif; } }
@page cover { @bottom-center { content: none; } }
body { background: #fff; }
.bd-article { break-before: page; padding: 0; max-width: none; }
.bd-article h2.title { font-size: 20pt; margin-top: 0; }
.bd-article h3 { font-size: 14pt; }
.bd-article h4 { font-size: 11.5pt; }
.part { break-before: page; font-size: 11pt; text-transform: uppercase; letter-spacing: .08em; }
.part + .bd-article { break-before: avoid; }
.course-sheet { overflow: visible; break-inside: auto; }
.course-sheet table { width: 100%; font-size: 6.5pt; line-height: 1.2; }
.course-sheet :is(th, td, thead th, tbody th) { max-width: none; padding: .3mm 1mm; }
.course-sheet tbody th { position: static; }
.cover { page: cover; break-after: page; text-align: center; padding-top: 55mm; }
.cover h1 { font-size: 34pt; line-height: 1.2; margin: 12mm 0 8mm; }
.cover img { width: 42mm; }
.pages { font-size: 10.5pt; }
.pages h1 { font-size: 20pt; margin-top: 0; }
.pages p { font-weight: 600; margin: 3mm 0 .5mm; break-after: avoid; }
.pages ol { list-style: none; margin: 0; padding: 0; }
.pages li { display: flex; gap: 4mm; margin: 0; }
.pages li a { flex: 1; color: inherit; text-decoration: none; }
"""
FILL = """pages => document.querySelectorAll('.pages a').forEach(one => {
  one.nextElementSibling.textContent = pages[one.getAttribute('href').slice(1)];
})"""


def document(site: Path, found: list[Article], head: str, title: str) -> str:
    """Return all articles as one page of HTML with a cover and a table of contents."""
    page = (site / f"{found[0].name}.html").read_text(encoding="utf8")
    links = "".join(SHEETS.findall(page)).replace('media="print"', "")
    links = re.sub(r'href="(?:\.\./)+', 'href="', links)
    words = html.escape(title)
    logo = re.search(r'<img src="(?:\.\./)*(_static/logo[^"]*)"', page)
    cover = f'<img src="{logo[1]}" alt="">' if logo else ""
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{words}</title>{links}<style>{head}{CSS}</style></head><body>"
        f'<div class="cover">{cover}<h1>{words}</h1><p>{html.escape(found[0].address)}</p></div>'
        f"{table_of_contents(found)}{''.join(parts(found))}</body></html>"
    )


def table_of_contents(found: list[Article]) -> str:
    """Return the list of chapters, whose page numbers are not known yet."""
    lists = []
    for part, group in groupby(found, key=lambda one: one.part):
        rows = "".join(
            f'<li><a href="#{key(one.name)}">{html.escape(one.title)}</a><span>000</span></li>'
            for one in group
        )
        lists.append(f"<p>{html.escape(part)}</p><ol>{rows}</ol>")
    return f'<div class="pages" role="navigation"><h1>Contents</h1>{"".join(lists)}</div>'


def parts(found: list[Article]) -> list[str]:
    """Return the articles under the headings of their parts, their own headings one level down."""
    texts = []
    for part, group in groupby(found, key=lambda one: one.part):
        if part:
            texts.append(f'<h1 class="part">{html.escape(part)}</h1>')
        for one in group:
            for heading in one.body.select("h1, h2, h3, h4, h5"):
                if heading.name == "h1":
                    heading["class"] = "title"
                heading.name = f"h{int(heading.name[1]) + 1}"
            texts.append(str(one.body))
    return texts


def write(root: Path, pages: list[tuple[str, str]], file: Path) -> int:
    """Print the pages of the site into `file` and return how many sheets they take."""
    site = root / "_build" / "html"
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf8"))
    found = articles(site, pages)
    text = document(site, found, styles(site, pages), config["title"])
    with browser() as started:
        page = open_document(started, site, text)
        page.evaluate("() => document.fonts.ready.then(() => true)")
        options = {"prefer_css_page_size": True, "print_background": True}
        options |= {"tagged": True}
        page.evaluate(FILL, page_numbers(PdfReader(BytesIO(page.pdf(**options)))))
        printed = PdfReader(BytesIO(page.pdf(**options)))
    writer = PdfWriter(clone_from=printed)
    add_outline(writer, found, page_numbers(printed))
    writer.add_metadata({"/Title": config["title"], "/Author": config["author"]})
    file.parent.mkdir(parents=True, exist_ok=True)
    writer.write(file)
    return len(writer.pages)


def page_numbers(printed: PdfReader) -> dict[str, int]:
    """Return on which page, from 1, each place of the document stands that a link leads to."""
    places = printed.named_destinations.items()
    return {
        name.lstrip("/"): printed.get_destination_page_number(place) + 1 for name, place in places
    }


def add_outline(writer: PdfWriter, found: list[Article], numbers: dict[str, int]) -> None:
    """Give the PDF an outline of parts and chapters; Chromium's own joins words wrongly."""
    for part, group in groupby(found, key=lambda one: one.part):
        chapters = list(group)
        starts = [numbers[key(one.name)] - 1 for one in chapters]
        above = writer.add_outline_item(title=part, page_number=starts[0]) if part else None
        for one, start in zip(chapters, starts, strict=True):
            writer.add_outline_item(title=one.title, page_number=start, parent=above)


def main(root: Path = ROOT) -> int:
    """Write the PDF and link it from the site."""
    site = root / "_build" / "html"
    sheets = write(root, contents(root), site / "downloads" / FILE)
    attach(site, FILE)
    size = (site / "downloads" / FILE).stat().st_size / 1e6
    print(f"pdf: _build/html/downloads/{FILE}, {sheets} pages, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT))
