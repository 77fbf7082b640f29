"""One browser, one visit a page: everything that the checks ask of it is noted on that visit."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from explore.page import QUIET, browser_options, no_browser
from playwright.async_api import Browser, Error, Page, async_playwright

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf8")
THIN = Path(__file__).with_name("thin.js").read_text(encoding="utf8")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no other machine has a name
PAGES_AT_ONCE = max(2, os.cpu_count() or 1)
COLOURS = ["color-contrast", "link-in-text-block"]


@dataclass
class Visit:
    """What the browser saw on one page."""

    base: str
    path: str
    requests: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seen: dict = field(default_factory=dict)  # what look.js returns
    axe: dict[str, list[str]] = field(default_factory=dict)  # by theme
    html: str = ""


async def findings(page: Page, **options: object) -> list[str]:
    """Return what axe calls serious or critical, with the first element of each."""
    found = await Axe().run(
        page, None, {"resultTypes": ["violations"], "preload": False, **options}
    )
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


async def visit(browser: Browser, base: str, path: str, listened: bool) -> Visit:
    """Open one page and note everything that a reader would trip over; `listened` asks axe, too."""
    note = Visit(base, path)
    page = await browser.new_page(viewport=PHONE, color_scheme="light", reduced_motion="reduce")
    page.on("request", lambda request: note.requests.append(request.url))
    page.on("requestfailed", lambda request: note.missing.append(request.url))
    page.on("response", lambda reply: reply.status >= 400 and note.missing.append(reply.url))
    page.on("console", lambda said: said.type == "error" and note.errors.append(said.text))
    page.on("pageerror", lambda error: note.errors.append(str(error)))
    reply = await page.goto(base + path, wait_until="load")
    note.html = await reply.text()
    note.seen = await page.evaluate(LOOK)
    if listened:
        await listen(page, note)
    await page.close()
    return note


async def listen(page: Page, note: Visit) -> None:
    """Note what axe finds on a page, in both themes."""
    await page.evaluate(THIN)
    note.axe["light"] = await findings(page)
    # The sidebars are on the page only where it is wide; the theme follows the reader's setting.
    await page.set_viewport_size(DESK)
    await page.emulate_media(color_scheme="dark")
    dark = {"runOnly": {"type": "rule", "values": COLOURS}}
    note.axe["dark"] = await findings(page, **dark)


async def travel(places: list[tuple[str, str, bool]]) -> list[Visit]:
    """Visit the places, a few at a time."""
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(args=[*QUIET, ALONE], **browser_options())
        except Error as error:
            no_browser(error)
        free = asyncio.Semaphore(PAGES_AT_ONCE)

        async def one(base: str, path: str, listened: bool) -> Visit:
            async with free:
                return await visit(browser, base, path, listened)

        return await asyncio.gather(*(one(*place) for place in places))


def tour(places: Iterable[tuple[str, str, bool]]) -> list[Visit]:
    """Visit pages, each given by a site's address, a path in it and whether to ask axe."""
    return asyncio.run(travel(list(places)))
