"""Every page of the built site in a real browser, and each check on a page with its fault."""

import base64
import random
import re
from pathlib import Path

import pytest
from website import built, checks, server
from website.tour import Visit, tour

PAGE = "exercises/batch_norm/batch_norm.html"  # it has formulas, buttons and a solution
MACRO = '<span class="math"><mjx-container><mjx-merror data-mjx-error="\\nosuch">?</mjx-merror>'
NOISE = base64.b64encode(random.Random(0).randbytes(1_000_000)).decode()
# (check, what is planted at the end of the article, or the pair old → new, the words that name it)
PLANTED = {
    "a third-party script": ("foreign", '<script src="https://cdn.example/x.js"></script>', "cdn."),
    "a missing picture": ("missing", '<img src="nowhere.png" alt="Nothing">', "nowhere.png"),
    "a script that fails": ("errors", "<script>throw Error('planted')</script>", "planted"),
    "a formula that nobody typeset": ("bad_math", '<span class="math">\\(x\\)</span>', "\\(x\\)"),
    "an unknown macro": ("bad_math", MACRO + "</mjx-container></span>", "?"),
    "an image without alt text": ("silent", '<img src="../../_static/logo.svg">', "logo.svg"),
    "a path as alt text": ("silent", '<img src="../../_static/logo.svg" alt="logo.svg">', "logo"),
    "a 2,000 px wide table": ("wide", '<table style="width:2000px"><td>1</table>', "<t"),
    "a serious element": ("axe", '<p style="color:#aaa;background:#fff">Grey</p>', "(serious)"),
    "a critical element": ("axe", '<button type="button"></button>', "(critical)"),
    "words too dark at night": ("axe", '<p style="color:#444">Dark</p>', "dark: color-contrast"),
    "a megabyte": ("heavy", f"<!-- {NOISE} -->", "at most 900000"),
    "a path of the machine": ("leaks", f"<p>{checks.ROOT}/secret.py</p>", "secret.py"),
    "an address in memory": ("leaks", "<p>&lt;function f at 0x7f3a5c1d2e10&gt;</p>", "0x7f"),
    "a wrong canonical": ("unnamed", ('rel="canonical" href="', 'rel="canonical" href="x'), "can"),
    "no preview": ("unnamed", ("og:description", "og:nothing"), "og:description"),
    "another page's source": ("buttons", ("/edit/main/exercises", "/edit/main/x"), "edit"),
    "no way to the solution": ("unpaired", ('href="../../solutions/', 'href="../'), "solutions/"),
    "a broken anchor": ("broken_links", '<a href="#no-such-place">There</a>', "#no-such-place"),
    "a broken anchor elsewhere": (
        "broken_links",
        '<a href="../../book/batch_norm.html#no-such-place">There</a>',
        "batch_norm.html#no-such-place",
    ),
    "a link to no page": ("broken_links", '<a href="nowhere.html">There</a>', "nowhere.html"),
}


def plant(page: str, fault: str | tuple[str, str]) -> str:
    """Return a page with a fault in it."""
    old, new = fault if isinstance(fault, tuple) else ("</article>", f"{fault}</article>")
    assert old in page
    return page.replace(old, new)


def folder(name: str) -> str:
    """Return the sub-path at which the site with a planted fault is served."""
    return name.replace(" ", "-").replace("'", "").replace(",", "")


class Book:
    """All visits of the tour, and what the checks say of them."""

    def __init__(self, site: Path, visits: list[Visit]) -> None:
        self.site = site
        self.visits = visits
        whole = [one for one in visits if one.base.endswith(f"/{server.NAME}/")]
        self.pages = {one.path: one for one in whole}
        self.ids = {path: set(one.seen["ids"]) for path, one in self.pages.items()}

    def planted(self, name: str) -> Visit:
        """Return the visit of the page with a planted fault."""
        return next(one for one in self.visits if one.base.endswith(f"/{folder(name)}/"))

    def faults(self, check: str, visit: Visit) -> list[str]:
        """Return what a check finds on a page."""
        if check == "broken_links":
            return checks.broken_links(visit, self.site, self.ids)
        return getattr(checks, check)(visit)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Book:
    """Visit every page of a copy of the site once, and each planted fault."""
    site = built.copy(tmp_path_factory.mktemp("copy"))
    page = (site / PAGE).read_text(encoding="utf8")
    replaced = {folder(name): {PAGE: plant(page, fault[1])} for name, fault in PLANTED.items()}
    with server.served(site, replaced) as running:
        places = [(running.base(), path, True) for path in built.pages(site)]
        places += [
            (running.base(folder(name)), PAGE, fault[0] == "axe") for name, fault in PLANTED.items()
        ]
        return Book(site, tour(places))


def test_every_page_of_the_contents_is_visited(book):
    named = re.findall(r"(?:root|file): (\S+)", (built.ROOT / "_toc.yml").read_text())
    assert len(named) > 40
    assert {f"{name}.html" for name in named} <= set(book.pages)
    assert {"404.html", "search.html"} <= set(book.pages)


@pytest.mark.parametrize("check", [*(one.__name__ for one in checks.CHECKS), "broken_links"])
def test_no_page_has(book, check):
    found = {path: book.faults(check, visit) for path, visit in book.pages.items()}
    assert not {path: faults for path, faults in found.items() if faults}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_fault_is_seen(book, name):
    check, _, words = PLANTED[name]
    found = book.faults(check, book.planted(name))
    assert any(words in one for one in found), found
    assert not book.faults(check, book.pages[PAGE])


def test_formulas_need_no_script(book):
    with_math = [visit for visit in book.pages.values() if visit.seen["math"]]
    assert len(with_math) > 30
    scripts = {one for visit in book.pages.values() for one in visit.requests if ".js" in one}
    assert scripts
    assert not [one for one in scripts if "mathjax" in one.lower()]
