"""The pages of the built site as articles of one document, for paper and for e-readers.

What only a screen with a server of the site can use is left out; every link between two pages
becomes a link inside the document.
"""

import posixpath
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--no-sandbox", "--disable-background-networking", "--no-first-run")
ORIGIN = "http://book.test/"  # answered from the site's folder; nothing goes to the network
# Scripts, what one clicks, and code that only draws the figure under it.
SCREEN_ONLY = "script, style, button, .headerlink, .sd-summary-state-marker, details.hide"
STYLE = re.compile(r"<style>(.*?)</style>", re.S)
PRINT = re.compile(r"@media print\s*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
DOWNLOAD = re.compile(r'<span class="course-download" data-file="([\w.]+)">.*?</span>')


class Article(NamedTuple):
    """A page as a part of the document."""

    name: str  # as in _toc.yml
    title: str
    part: str  # caption of its part of the book
    body: Tag  # <article>, whose id is `key(name)`
    address: str  # on the published site


def contents(root: Path) -> list[tuple[str, str]]:
    """Return the pages in their order, each with the caption of its part."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf8"))
    chapters = [(part.get("caption", ""), part["chapters"]) for part in toc["parts"]]
    pages = [(page["file"], caption) for caption, files in chapters for page in files]
    return [(toc["root"], ""), *pages]


def articles(site: Path, pages: list[tuple[str, str]]) -> list[Article]:
    """Read the pages from the built site."""
    found = [_article(site, name, part) for name, part in pages]
    ids = {one["id"] for article in found for one in article.body.select("[id]")}
    ids |= {article.body["id"] for article in found}
    for article in found:
        _redirect(article, ids)
    return found


def key(name: str, anchor: str = "") -> str:
    """Return the id in the document of a page, or of a place on it."""
    return name.replace("/", "-") + (f"--{anchor}" if anchor else "")


def _article(site: Path, name: str, part: str) -> Article:
    soup = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf8"), "html.parser")
    body = soup.find("article")
    while toctree := body.select_one(".toctree-wrapper"):  # the document has a table of its own
        (toctree.find_parent("section") or toctree).decompose()
    for one in body.select(SCREEN_ONLY):
        if one.find_parent("svg") is None and not one.decomposed:
            one.decompose()
    for one in body.select(".course-download"):
        one.unwrap()
    for one in body.select("[id]"):
        if one.find_parent("svg") is None and one.name != "svg":  # their ids are unique already
            one["id"] = key(name, one["id"])
    body["id"] = key(name)
    canonical = soup.select_one("link[rel=canonical]")
    address = canonical["href"] if canonical else f"{name}.html"
    return Article(name, body.h1.get_text().strip(), part, body, address)


def _redirect(article: Article, ids: set[str]) -> None:
    """Lead links to places of the document there, all other local ones to the published site."""
    folder = posixpath.dirname(article.name)
    for link in article.body.select("a[href]"):
        address, anchor = urldefrag(link["href"])
        if ":" in address:
            continue
        path = posixpath.normpath(posixpath.join(folder, address)) if address else article.name
        place = key(path.removesuffix(".html"), unquote(anchor))
        if place in ids:
            link["href"] = f"#{place}"
        else:
            root = article.address.removesuffix(f"{article.name}.html")
            link["href"] = f"{root}{path}" + (f"#{anchor}" if anchor else "")
    for image in article.body.select("img[src]"):
        if not image["src"].startswith("data:"):
            image["src"] = posixpath.normpath(posixpath.join(folder, image["src"]))


def styles(site: Path, pages: list[tuple[str, str]]) -> str:
    """Return the styles that stand in the pages' text, each once, without those for one page."""
    found = {}
    for name, _ in pages:
        text = (site / f"{name}.html").read_text(encoding="utf8").partition("<article")[2]
        found |= dict.fromkeys(STYLE.findall(text))
    return PRINT.sub("", "\n".join(style for style in found if not style.startswith("svg{")))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the system's browser."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        where = {"executable_path": path} if path else {"channel": "chrome"}
        started = playwright.chromium.launch(args=QUIET, **where)
        yield started
        started.close()


def open_document(started: Browser, site: Path, html: str) -> Page:
    """Open a document as if it stood in the site's folder."""

    def answer(route: Route) -> None:
        path = urldefrag(route.request.url)[0].removeprefix(ORIGIN).partition("?")[0]
        file = site / unquote(path)
        if path == "document.html":
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        elif route.request.url.startswith(ORIGIN) and file.is_file():
            route.fulfill(path=file, content_type=guess_type(file)[0] or "font/woff")
        else:
            route.abort()

    page = started.new_page()
    page.route(re.compile(r"^(?!data:)"), answer)
    page.goto(f"{ORIGIN}document.html", wait_until="load", timeout=300_000)
    return page


def attach(site: Path, file: str) -> None:
    """Make every mention of a file in the site's pages a link to it."""
    for path in site.rglob("*.html"):
        html = path.read_text(encoding="utf8")
        if f'data-file="{file}"' in html:
            up = "../" * len(path.relative_to(site).parent.parts)
            words = file.rpartition(".")[2].upper()
            link = rf'<a class="course-download" href="{up}downloads/{file}">{words}</a>'
            path.write_text(
                DOWNLOAD.sub(lambda m, link=link: link if m[1] == file else m[0], html), "utf8"
            )
