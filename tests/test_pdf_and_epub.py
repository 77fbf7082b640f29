"""The course as one file, made from a small site: whole, in order, with links inside."""

import posixpath
import re
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import articles
import epub
import pdf
import pytest
from explore.page import BROWSERS
from notebooks import ROOT
from pypdf import PdfReader

MATH = (
    '<mjx-container><mjx-math aria-hidden="true"></mjx-math><mjx-assistive-mml>'
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi></math>'
    "</mjx-assistive-mml></mjx-container>"
)
SVG = (
    '<svg viewBox="0 0 9 9" role="img" aria-label="A dot."><circle r="2" fill="var(--ink)"/></svg>'
)
DOT = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/%3E"
PAGE = """<!DOCTYPE html><html lang="en"><head><title>{0}</title>
<link rel="stylesheet" href="../_static/print.css" media="print">
<link rel="canonical" href="https://site.test/book/{0}.html"></head><body><main>
<article class="bd-article"><section id="{0}"><h1>{0} &amp; more<a class="headerlink" href="#">#</a>
</h1>{1}</section></article></main><footer>previous</footer></body></html>"""
PAGES = {
    "first": '<p>Read <a href="second.html#place">on</a>, <a href="../_sources/x.ipynb">load</a>,'
    ' <span class="course-download" data-file="normalization.epub">EPUB by make</span>.</p>'
    f'<div class="math"><span class="eqno">(1)</span>{MATH}</div><button>Copy</button>',
    "second": "<figure><style>.f{--ink:#123456}@media print{p{color:red}}</style>"
    f'{SVG}</figure><p id="place">Here <br>is <span class="math">{MATH}</span>.</p>'
    f'<img alt="Dot" src="{DOT}">'
    "<details class='hide'><summary>Show code</summary>plot()</details><script>play()</script>",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Lay a site of two pages."""
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("chromium (see apt.txt) is not installed")
    root = tmp_path_factory.mktemp("course")
    (root / "_config.yml").write_text(
        "title: A course\nauthor: Somebody\nhtml: {baseurl: https://site.test/}\n"
    )
    (root / "_toc.yml").write_text(
        "root: book/first\nparts:\n- {caption: The rest, chapters: [{file: book/second}]}\n"
    )
    site = root / "_build" / "html"
    for folder in ("book", "_static"):
        (site / folder).mkdir(parents=True)
    for name, body in PAGES.items():
        (site / "book" / f"{name}.html").write_text(PAGE.format(name, body), encoding="utf8")
    (site / "_static" / "pygments.css").write_text('html[data-theme="light"] .k { color: red }')
    shutil.copy(ROOT / "book/_static/print.css", site / "_static")
    return root


@pytest.fixture(scope="module")
def book(root) -> zipfile.ZipFile:
    assert epub.main(root) == 0
    return zipfile.ZipFile(root / "_build/html/downloads/normalization.epub")


@pytest.fixture(scope="module")
def printed(root) -> PdfReader:
    assert pdf.main(root) == 0
    return PdfReader(root / "_build/html/downloads/normalization.pdf")


def test_epub_says_first_and_uncompressed_what_it_is(book):
    first = book.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert book.read(first) == b"application/epub+zip"


def test_epub_lists_every_file_once_and_reads_the_pages_in_order(book):
    opf = ElementTree.fromstring(book.read("OEBPS/package.opf"))
    items = {item.get("id"): item for item in opf.findall(".//{*}item")}
    listed = [item.get("href") for item in items.values()]
    held = [n.removeprefix("OEBPS/") for n in book.namelist() if n.startswith("OEBPS/")]
    assert sorted([*listed, "package.opf"]) == sorted(held)
    order = [items[one.get("idref")].get("href") for one in opf.findall(".//{*}itemref")]
    assert order == ["nav.xhtml", "book-first.xhtml", "book-second.xhtml"]
    has = {item.get("href"): (item.get("properties") or "").split() for item in items.values()}
    assert has["nav.xhtml"] == ["nav"]
    assert has["book-second.xhtml"] == ["svg", "mathml"]


def test_epub_pages_are_xml_whose_links_lead_somewhere(book):
    names = [name for name in book.namelist() if name.endswith(".xhtml")]
    pages = {name: ElementTree.fromstring(book.read(name)) for name in names}
    places = set(names)
    places |= {f"{name}#{one.get('id')}" for name, tree in pages.items() for one in tree.iter()}
    for name, tree in pages.items():
        for link in (one.get("href") for one in tree.findall(".//{*}a")):
            target = posixpath.join("OEBPS", link) if ":" not in link else link
            assert target in places or target.startswith("https://site.test/"), (name, link)
        for image in tree.findall(".//{*}img"):
            assert f"OEBPS/{image.get('src')}" in book.namelist()
    contents = [one.text for one in pages["OEBPS/nav.xhtml"].findall(".//{*}a")]
    assert contents == ["first & more", "second & more"]


def test_epub_has_formulas_as_mathml_and_colours_without_variables(book):
    text = book.read("OEBPS/book-first.xhtml").decode()
    assert re.search(r'\(1\)</span><math [^>]*display="block"[^>]*>', text)
    assert "mjx" not in text
    second = book.read("OEBPS/book-second.xhtml").decode()
    assert 'viewBox="0 0 9 9"' in second
    assert "#123456" in second
    assert "var(" not in second


def test_what_only_a_screen_can_use_is_left_out(book):
    for name in ("first", "second"):
        text = book.read(f"OEBPS/book-{name}.xhtml").decode()
        assert not re.search(r"<button|<script|headerlink|plot\(\)|previous", text)
    assert "color:red" not in book.read("OEBPS/style.css").decode()


def test_pdf_has_cover_contents_and_an_outline_of_parts_and_chapters(printed):
    texts = [page.extract_text() for page in printed.pages]
    assert len(texts) == 4
    assert "A course" in texts[0]
    assert re.search(r"first & more\s*3\s+The rest\s+second & more\s*4", texts[1])
    first, rest, below = printed.outline
    titles = [one.title for one in (first, rest, *below)]
    assert titles == ["first & more", "The rest", "second & more"]
    numbers = [printed.get_destination_page_number(one) for one in (first, rest, *below)]
    assert numbers == [2, 3, 3]
    assert (printed.metadata.title, printed.metadata.author) == ("A course", "Somebody")


def test_pdf_pages_are_numbered_but_for_the_cover(printed):
    first = [page.extract_text().split()[0] for page in printed.pages]  # drawn before the text
    assert first == ["A", "2", "3", "4"]


def test_pdf_links_lead_inside_and_its_structure_is_kept_for_who_listens(printed):
    notes = [one.get_object() for one in printed.pages[2]["/Annots"]]
    inside = [one for one in notes if "/Dest" in one]
    outside = [one["/A"]["/URI"] for one in notes if "/A" in one and "/URI" in one["/A"]]
    assert inside
    assert "https://site.test/_sources/x.ipynb" in outside
    assert "/StructTreeRoot" in printed.trailer["/Root"]
    assert printed.trailer["/Root"]["/Lang"] == "en"


def test_mentions_become_links_where_the_file_is(root, book):
    page = (root / "_build/html/book/first.html").read_text(encoding="utf8")
    link = re.search(r'<a class="course-download" href="([^"]+)">EPUB</a>', page)
    assert (root / "_build/html/book" / link[1]).is_file()


def test_pages_stand_in_the_order_of_the_contents(root):
    assert articles.contents(root) == [("book/first", ""), ("book/second", "The rest")]
