"""The built site in a real browser, on a phone's width: every page, with nothing left out."""

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from explore.page import chromium
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
PHONE = 390  # CSS pixels
# Math that MathJax left alone, could not read, or did not know: an unknown macro turns red.
MATH = """async () => {
  const math = [...document.querySelectorAll('.math')];
  if (math.length) await MathJax.startup.promise;
  const bad = '[data-mjx-error], mjx-merror, [style*="color: red"]';
  return math.filter(one => !one.querySelector('mjx-container') || one.querySelector(bad))
    .map(one => one.textContent.trim());
}"""
SILENT = """() => {
  const words = one => one.getAttribute(one.tagName === 'IMG' ? 'alt' : 'aria-label') || '';
  const path = one => one.tagName === 'IMG' && one.src.endsWith('/' + words(one).split('/').pop());
  return [...document.querySelectorAll('img, svg[role=img]')]
    .filter(one => !words(one).trim() || path(one)).map(one => one.outerHTML.slice(0, 120));
}"""
WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [...document.body.querySelectorAll('*')]
    .filter(one => one.getBoundingClientRect().right > root.clientWidth)
    .slice(0, 2).map(one => one.outerHTML.slice(0, 120));
}"""


@dataclass
class Visit:
    """What the browser saw on one page."""

    foreign: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    bad_math: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    has_math: bool = False


@pytest.fixture(scope="module")
def site() -> Path:
    """Build the site, which is quick when nothing changed."""
    command = [sys.executable, ROOT / "tools" / "book.py"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        pytest.fail(f"the site does not build\n{run.stdout}{run.stderr}", pytrace=False)
    return HTML


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone and yield its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing: a missing file shows up in the browser."""

    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def phone() -> Iterator[Page]:
    """Open a page in the system's browser; without one, skip here and fail in CI."""
    with chromium() as browser:
        yield browser.new_page(viewport={"width": PHONE, "height": 844})


def visit(page: Page, base: str, path: str) -> Visit:
    """Open one page and note everything that a reader would trip over."""
    seen = Visit()
    listeners: dict[str, Callable] = {
        "request": lambda request: (
            seen.foreign.append(request.url)
            if not request.url.startswith((base, "data:", "blob:"))
            else seen.scripts.append(request.url)
        ),
        "response": lambda reply: reply.status >= 400 and seen.missing.append(reply.url),
        "console": lambda said: said.type == "error" and seen.errors.append(said.text),
        "pageerror": lambda error: seen.errors.append(str(error)),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.goto(base + path, wait_until="networkidle")
    seen.has_math = page.locator(".math").count() > 0
    seen.bad_math = page.evaluate(MATH)
    seen.silent, seen.wide = page.evaluate(SILENT), page.evaluate(WIDE)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return seen


@pytest.fixture(scope="module")
def visits(site) -> dict[str, Visit]:
    """Visit every page once, from below a sub-path as on GitHub Pages."""
    # _static holds templates of the theme, which are no pages.
    files = [file for file in site.rglob("*.html") if "_static" not in file.parts]
    paths = [file.relative_to(site.parent).as_posix() for file in files]
    with served(site.parent) as base, phone() as page:
        return {path: visit(page, base, path) for path in paths}


def test_every_page_of_the_contents_is_built(visits):
    named = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())
    assert named
    assert {f"html/{name}.html" for name in named} <= set(visits)


@pytest.mark.parametrize(
    "fault", ["foreign", "missing", "errors", "bad_math", "silent", "wide"], ids=str
)
def test_no_page_has(visits, fault):
    found = {path: getattr(seen, fault) for path, seen in visits.items() if getattr(seen, fault)}
    assert not found


def test_only_pages_with_math_load_mathjax(visits):
    loads = {path: any("mathjax" in one for one in seen.scripts) for path, seen in visits.items()}
    assert loads == {path: seen.has_math for path, seen in visits.items()}
    assert any(loads.values())


def test_no_page_leaks_the_machine_that_built_it(site):
    leak = re.compile(rf"{re.escape(str(ROOT))}/|\bat 0x[0-9a-f]{{6,}}")
    pages = {file: leak.findall(file.read_text(encoding="utf8")) for file in site.rglob("*.html")}
    assert pages
    assert not {file.name: found for file, found in pages.items() if found}


def test_the_root_leads_to_the_landing_page(site):
    landing = re.search(r"^root: (\S+)", (ROOT / "_toc.yml").read_text(), re.M)[1] + ".html"
    with served(site.parent) as base, phone() as page:
        for root in (f"{base}{site.name}/", (site / "index.html").as_uri()):
            page.goto(root)
            page.wait_for_url(f"**/{landing}")
            assert page.locator("article h1").count() == 1


def test_every_page_names_its_icon(site):
    # Else a browser asks for /favicon.ico, which is an error in the console if it comes in time.
    pages = [page for page in site.rglob("*.html") if "_static" not in page.parts]
    assert pages
    assert [page.name for page in pages if 'icon" href=' not in page.read_text("utf8")] == []
