"""Every figure in a browser: by keyboard, without JavaScript, twice on a page, in any theme."""

import re
from typing import NamedTuple

import pytest
from explore.page import CARD, FAINT, SETTLED, SMALL, chromium, settled, show

from course_lib.explore import FIGURES

CONTROLS = "input, select, button, [tabindex]"
KEYS = {"range": "ArrowRight", "radio": "Space", "checkbox": "Space", "slider": "ArrowUp",
        "number": "ArrowUp", "select-one": "ArrowDown", "gridcell": "-"}  # fmt: skip

every = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 800, "height": 900})
    yield page
    page.close()


@pytest.fixture(scope="module", params=FIGURES, ids=lambda figure: figure.name)
def shown(request, browser):
    """A page for those who only look, with the figure on it."""
    page = browser.new_page(viewport={"width": 800, "height": 900})
    page.names = set(page.evaluate("Object.getOwnPropertyNames(window)"))
    page.figure = request.param
    page.faults = show(page, page.figure()._repr_html_())
    yield page
    page.close()


class Moved(NamedTuple):
    """What came of moving every control of one of two instances."""

    unmoved: list[str]  # controls that changed nothing
    controls: int
    before: str
    reset: str
    other_before: str
    other_after: str
    faults: list[str]


@pytest.fixture(scope="module", params=FIGURES, ids=lambda figure: figure.name)
def moved(request, browser):
    page = browser.new_page(viewport={"width": 800, "height": 900})
    html = request.param()._repr_html_()
    faults = show(page, html, html)
    other = CARD.replace("[0]", "[1]") + ".outerHTML"
    before, other_before = settled(page), page.evaluate(other)
    unmoved, controls, now = [], 0, before
    for control in page.locator(".course-explore").first.locator(CONTROLS).all():
        text, role, kind, is_checked = control.evaluate(
            "(one) => [one.textContent, one.getAttribute('role'), one.type, one.checked]"
        )
        if text == "Reset" or is_checked or not control.is_visible():
            continue
        control.focus()
        control.press(KEYS.get(role or kind, "Enter"))
        last, now, controls = now, settled(page), controls + 1
        if now == last:
            unmoved.append(control.evaluate("(one) => one.outerHTML"))
    page.locator("button", has_text="Reset").first.press("Enter")
    yield Moved(
        unmoved, controls, before, settled(page), other_before, page.evaluate(other), faults
    )
    page.close()


def test_keyboard_moves_every_control(moved):
    assert moved.controls >= 2
    assert moved.unmoved == []


def test_reset_is_exact(moved):
    assert moved.reset == moved.before


def test_two_instances_are_independent(moved):
    assert moved.other_after == moved.other_before


def test_figure_asks_for_nothing_and_says_nothing_in_the_console(shown):
    assert shown.faults == []


def test_moved_figure_asks_for_nothing_and_says_nothing_in_the_console(moved):
    assert moved.faults == []


def test_figure_leaves_no_global_name(shown):
    assert set(shown.evaluate("Object.getOwnPropertyNames(window)")) <= shown.names


def test_typing_in_a_control_reaches_no_listener_of_the_page(shown):
    shown.evaluate(
        "() => { document.heard = []; for (const type of ['keydown', 'keypress', 'keyup'])"
        " document.addEventListener(type, (event) => document.heard.push(event.key)); }"
    )
    before = settled(shown)
    for control in shown.locator(CONTROLS).all():
        control.focus()
        for key in ("a", "b", "d", "d", "x", "/", "Shift+A"):
            shown.keyboard.press(key)
    assert shown.evaluate("document.heard") == []
    assert settled(shown) == before
    shown.keyboard.press("Control+k")
    shown.keyboard.press("Escape")
    assert {"k", "Escape"} <= set(shown.evaluate("document.heard"))


@pytest.fixture(scope="module", params=["JavaScript", "CSSStyleSheet"])
def lacking(request, browser):
    """A page without something that the script needs; a page for each figure takes much longer."""
    context = browser.new_context(java_script_enabled=request.param != "JavaScript")
    page = context.new_page()
    page.lack = f"<script>delete window.{request.param}</script>"
    yield page
    context.close()


@every
def test_picture_and_paragraph_show_where_the_script_does_not_run(lacking, figure):
    page = lacking
    page.goto("about:blank")  # nothing of the figure before
    page.set_content(page.lack + figure()._repr_html_())
    image = page.locator("img")
    assert image.is_visible()
    assert image.bounding_box()["height"] > 100  # it was drawn, not only labelled
    assert image.get_attribute("alt") == figure.alt
    assert figure().sentence() in page.locator("p").last.inner_text()


@every
def test_hostile_state_is_ignored(page, figure):
    values = ('"<img src=x onerror=alert(1)>"', "1e99", "-1e99", "{}", '[["a"]]', "null", "[1e99]")
    states = ["not json", "null", "[1]", '{"__proto__":{"batch":3},"toString":1}']
    states += ["{" + ",".join(f'"{key}":{one}' for key in figure.controls) + "}" for one in values]
    html = figure()._repr_html_()
    marked = [re.sub('data-state="[^"]*"', f"data-state='{one}'", html) for one in states]
    assert show(page, html, *marked) == []
    cards = "[...document.querySelectorAll('.course-explore')].map((one) => " \
            "one.shadowRoot.querySelector('.card').outerHTML)"  # fmt: skip
    usual, *others = (re.sub("explore-\\d+", "", card) for card in page.evaluate(cards))
    assert len(others) == len(states)
    assert set(others) == {usual}


THEMES = {
    "the site": ("html", "data-theme", "light", "dark"),
    "Colab": ("html", "theme", "light", "dark"),
    "JupyterLab": ("body", "data-jp-theme-light", "true", "false"),
}


@pytest.mark.parametrize("place", THEMES)
def test_theme_toggles_live(page, place):
    element, attribute, light, dark = THEMES[place]
    show(page, FIGURES[0]()._repr_html_(), theme="")
    colours = []
    for value in (light, dark, light):
        page.evaluate(f"document.querySelector('{element}').setAttribute('{attribute}','{value}')")
        colours.append(page.evaluate(f"getComputedStyle({CARD}.querySelector('svg')).fill"))
    assert colours[0] == colours[2] != colours[1]


def test_where_no_page_says_its_theme_the_system_does(page):
    show(page, FIGURES[0]()._repr_html_(), theme="")
    colours = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.add(page.evaluate(f"getComputedStyle({CARD}.querySelector('svg')).fill"))
    assert len(colours) == 2


def test_print_is_light_and_without_controls(shown):
    shown.evaluate("document.documentElement.dataset.theme = 'dark'")
    shown.emulate_media(media="print")
    assert shown.evaluate(f"getComputedStyle({CARD}).color") == "rgb(27, 31, 36)"
    assert not shown.locator("button").first.is_visible()
    assert shown.locator("svg, canvas").first.is_visible()
    shown.emulate_media(media="screen")


@pytest.mark.parametrize("width", [390, 800])
def test_no_sideways_scroll_and_no_small_target(shown, width):
    shown.set_viewport_size({"width": width, "height": 844})
    shown.evaluate(SETTLED)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.evaluate(f"({SMALL})({CARD})") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out(shown, theme):
    shown.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    assert shown.evaluate(f"({FAINT})({CARD})") == []


def test_figure_has_names_for_those_who_do_not_see_it(shown):
    heading = shown.get_by_role("heading", name=shown.figure.question)
    assert heading.get_attribute("aria-level") == "3"  # below the page's h2
    assert shown.get_by_role("status").inner_text() == shown.figure().sentence()
    silent = "(card) => [...card.querySelectorAll('svg, canvas')].filter((one) => " \
             "!(one.getAttribute('aria-label') || '').trim()).length"  # fmt: skip
    assert shown.evaluate(f"({silent})({CARD})") == 0


def test_drawing_follows_the_width(page):
    show(page, FIGURES[0]()._repr_html_())
    widths = []
    for width in (800, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.evaluate(SETTLED)
        page.evaluate(SETTLED)
        widths.append(page.evaluate(f"{CARD}.querySelector('svg').viewBox.baseVal.width"))
        shown = page.evaluate(f"{CARD}.querySelector('svg').clientWidth")
        assert widths[-1] == shown  # never scaled: words keep their size
    assert widths[0] != widths[1]
