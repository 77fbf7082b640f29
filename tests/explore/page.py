"""A page with figures in the system's browser, and what the tests ask of it."""

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

from course_lib.explore import explorable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run")
ORIGIN = "http://explore.test/"
CARD = "document.querySelectorAll('.course-explore')[0].shadowRoot.querySelector('.card')"
STARTED = "[...document.querySelectorAll('.course-explore')].every((one) => one.shadowRoot)"
# Two frames: a change is drawn in the next one.
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Of a card: the controls that are too small for a finger.
SMALL = """(card) => [...card.querySelectorAll('input, select, button, [tabindex]')].filter(one => {
  if (!one.checkVisibility()) return false;
  const area = (one.type === 'checkbox' ? one.parentNode : one).getBoundingClientRect();
  return area.width < 24 || area.height < 24;
}).map((one) => one.outerHTML)"""
# Words whose colour is too near to that of what lies behind them: WCAG's contrast under 4.5.
FAINT = """(card) => {
  const channels = (colour) => {
    const numbers = colour.match(/[\\d.]+/g).map(Number);
    return colour.startsWith('color(') ? numbers : [...numbers.slice(0, 3).map((v) => v / 255),
      numbers[3] ?? 1];
  };
  const light = (colour) => channels(colour).slice(0, 3)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement || at.getRootNode().host) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
  };
  const words = [...card.querySelectorAll('*')].filter((one) =>
    [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return words.map((one) => {
    const style = getComputedStyle(one), ink = one.tagName === 'text' ? style.fill : style.color;
    const pair = [light(ink), light(behind(one))].sort((a, b) => b - a);
    return [(pair[0] + 0.05) / (pair[1] + 0.05), one.textContent, ink, behind(one)];
  }).filter(([ratio]) => !(ratio >= 4.5));
}"""


def browser_options() -> dict[str, str]:
    """Return which browser to start: the system's, by its path."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    return {"executable_path": path} if path else {"channel": "chrome"}


def no_browser(error: Error) -> NoReturn:
    """Skip where no browser can be had, and fail in CI."""
    refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    refuse(f"chromium (see apt.txt) does not start: {error.message.splitlines()[0]}")


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Start the system's browser; without one, skip here and fail in CI."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(args=[*QUIET, *arguments], **browser_options())
        except Error as error:
            no_browser(error)
        yield browser
        browser.close()


def document(*figures: str, theme: str = 'data-theme="light"') -> str:
    """Return a page of the figures' HTML."""
    return (
        f'<!DOCTYPE html><html lang="en" {theme}><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>A page</title>'
        f"<body style='margin:8px'><h2>A heading</h2>{''.join(figures)}"
    )


def show(page: Page, *figures: str, **options: str) -> list[str]:
    """Open a page of figures; return the list that collects its errors and requests."""
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url))
    page.set_content(document(*figures, **options))
    page.wait_for_function(STARTED, timeout=5000)
    page.evaluate(SETTLED)
    faults[:] = [one for one in faults if not one.startswith("data:")]
    return faults


def settled(page: Page) -> str:
    """Wait until the page is drawn; return the first figure's card, and what HTML leaves out."""
    page.evaluate(SETTLED)
    inputs = "[...card.querySelectorAll('input')].map((one) => [one.value, one.checked])"
    return page.evaluate(f"((card) => card.outerHTML + JSON.stringify({inputs}))({CARD})")


def formulas() -> Iterator[Page]:
    """Open a page that can import the figures' formulas, as they are in the package."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ORIGIN)
        if name.endswith(".mjs"):
            kind, body = "text/javascript", explorable.read(name)
        else:
            kind, body = "text/html", "<!DOCTYPE html><title>Formulas</title>"
        route.fulfill(body=body, content_type=f"{kind}; charset=utf-8")

    with chromium() as browser:
        page = browser.new_page()
        page.route(f"{ORIGIN}**", answer)
        page.goto(ORIGIN)
        yield page


def formula(page: Page, figure: str, code: str, **given: object) -> object:
    """Return the value of a JavaScript expression of module `m` and the data `d`."""
    wrapper = (
        "async ([name, code, d]) => new Function('m', 'n', 'd', `return (${code})`)"
        "(await import(`./${name}.math.mjs`), await import('./numbers.math.mjs'), d)"
    )
    return page.evaluate(wrapper, [figure, code, given])


def positions(page: Page, name: str, code: str, **values: list) -> list[tuple[dict, object]]:
    """Return every combination of the values with what the expression of `state` says there.

    A value `x` is the same for all, as `d.x`.
    """
    x = values.pop("x", None)
    states = [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]
    found = formula(page, name, f"d.states.map((state) => ({code}))", states=states, x=x)
    for said in found:
        words = said if isinstance(said, str) else said[0]
        assert not re.search("NaN|Infinity|undefined|null|object|−0\\.0+\\b", words), words
    return list(zip(states, found, strict=True))
