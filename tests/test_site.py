"""The built site as a whole: its files, its root, its search and its downloads."""

import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import nbformat
import pytest
from explore.page import chromium
from website import built
from website.checks import ADDRESS
from website.server import NAME, served
from website.tour import ALONE

TOC = (built.ROOT / "_toc.yml").read_text(encoding="utf8")
NAMED = {f"{name}.html" for name in re.findall(r"(?:root|file): (\S+)", TOC)}
LANDING = re.search(r"^root: (\S+)", TOC, re.M)[1] + ".html"
SOURCE = re.compile(r'href="([^"]*_sources/[^"]*\.ipynb)"')
EXECUTED = re.compile(r'href="([^"]*_executed/[^"]*\.ipynb)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Copy the built site to another folder."""
    return built.copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def reader(site):
    """Yield the site's address below a sub-path, and a browser that knows no other machine."""
    with served(site) as running, chromium(ALONE) as browser:
        yield running.base(), browser


def text(file: Path) -> str:
    return file.read_text(encoding="utf8")


def test_the_copy_answers_below_its_sub_path_alone(reader):
    base, browser = reader
    page = browser.new_page()
    assert base.endswith(f"/{NAME}/")
    assert page.goto(base + LANDING).status == 200
    origin = urlsplit(base)
    assert page.goto(f"http://{origin.netloc}/{LANDING}").status == 404


def test_the_root_leads_to_the_landing_page(site, reader):
    base, browser = reader
    page = browser.new_page()
    for root in (base, (site / "index.html").as_uri()):
        page.goto(root)
        page.wait_for_url(f"**/{LANDING}")
        assert page.locator("article h1").count() == 1


def test_the_root_names_the_landing_page_as_its_own(site):
    assert f'<link rel="canonical" href="{ADDRESS}{LANDING}">' in text(site / "index.html")


def test_every_page_names_its_icon(site):
    # Else a browser asks for /favicon.ico, which is an error in the console if it comes in time.
    pages = [site / page for page in [*built.pages(site), "index.html"]]
    assert pages
    assert [page.name for page in pages if 'icon" href=' not in text(page)] == []


def test_sitemap_holds_the_contents_and_nothing_else(site):
    tree = ElementTree.fromstring(text(site / "sitemap.xml"))
    places = [place.text for place in tree.findall(".//{*}loc")]
    assert sorted(places) == sorted(ADDRESS + page for page in NAMED)
    assert [one for one in NAMED if not (site / one).is_file()] == []


def test_folders_with_an_underscore_are_published(site):
    assert (site / ".nojekyll").is_file()


def test_a_lost_reader_is_led_home(site):
    page = text(site / "404.html")
    assert f'href="{ADDRESS}{LANDING}"' in page
    # It stands at addresses of any depth, so that what it needs must be in it.
    assert not re.findall(r'(?:src|href)="(?!https?:|data:|#)', page)


@pytest.mark.parametrize(
    ("words", "path"),
    [("kilometre", "book/data_scaling.html"), ("running_mean", "book/batch_norm.html")],
    ids=["a word of a text", "a name in code"],
)
def test_search_finds_without_a_network(reader, words, path):
    base, browser = reader
    page = browser.new_page()
    page.goto(base + LANDING)
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    hit = page.locator(f'#search-results a[href*="{path}"]').first
    hit.click()
    page.wait_for_url(f"**/{path}*")
    assert words in page.locator("article").inner_text()


def test_solutions_are_shown_without_nbgraders_marks(site):
    pages = [text(site / page) for page in NAMED if page.startswith("solutions/")]
    assert len(pages) > 12
    assert not [page for page in pages if "### BEGIN" in page or "### END" in page]
    assert all('class="k">def' in page for page in pages)  # the code is there, and in colours


def test_every_notebook_can_be_downloaded(site):
    sources = {page: SOURCE.findall(text(site / page)) for page in built.pages(site)}
    found = {page: (site / page).parent / links[0] for page, links in sources.items() if links}
    wanted = {page for page in NAMED if (built.ROOT / page).with_suffix(".ipynb").is_file()}
    assert set(found) == wanted
    for file in found.values():
        nbformat.validate(nbformat.read(file, as_version=4))


def test_what_was_executed_can_be_downloaded_with_its_outputs(site):
    links = {page: EXECUTED.findall(text(site / page)) for page in built.pages(site)}
    found = {page: (site / page).parent / link[0] for page, link in links.items() if link}
    notebooks = {page for page in NAMED if (built.ROOT / page).with_suffix(".ipynb").is_file()}
    assert set(found) == {page for page in notebooks if not page.startswith("exercises/")}
    for page, file in found.items():
        executed = nbformat.read(file, as_version=4)
        clean = nbformat.read((built.ROOT / page).with_suffix(".ipynb"), as_version=4)
        assert [cell.source for cell in executed.cells] == [cell.source for cell in clean.cells]
        code = [cell for cell in executed.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code)
        assert sum(bool(cell.outputs) for cell in code) > len(code) // 3


def test_the_button_downloads_the_pages_notebook(reader):
    base, browser = reader
    page = browser.new_page(accept_downloads=True)
    page.goto(base + "book/batch_norm.html")
    button = page.locator(".btn-download-source-button")
    button.evaluate("link => link.removeAttribute('target')")  # the new tab closes too early to ask
    page.locator(".dropdown-download-buttons > button").click()
    with page.expect_download() as download:
        button.click()
    saved = nbformat.read(download.value.path(), as_version=4)
    original = nbformat.read(built.ROOT / "book" / "batch_norm.ipynb", as_version=4)
    assert [cell.source for cell in saved.cells] == [cell.source for cell in original.cells]
