"""Write the fallback of every figure, as the figure draws itself: `python -m course_lib.explore`.

A picture (.svg), the same for paper (.png), and the sentence (.txt). Needs chromium and the
extras `book` and `dev`.
"""

import hashlib
import io
import sys

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, sync_playwright

from course_lib.explore import FIGURES, explorable

WIDTH = 640
CHROMIUM = "/usr/bin/chromium"
PAGE = (
    '<!DOCTYPE html><html data-theme="light"><meta charset="utf-8"><style>body{margin:0;'
    "font:15px system-ui}.course-explore{padding:0!important;border:0!important}</style>"
)


def draw(page: Page, figure: type[explorable.Explorable]) -> tuple[str, str]:
    """Return picture and sentence of a figure as it stands at first."""
    page.set_content(PAGE + figure()._repr_html_())
    page.wait_for_function("document.querySelector('.course-explore').shadowRoot")
    size, inside, sentence = page.evaluate(explorable.read("fallback.js"))
    mixed = (
        "--muted:#5b5f63;--soft:#f0f1f1;",
        "--muted:#abafb4;--soft:#212429;",
    )  # as in theme.css
    light, dark = (
        used(f"{colours};{mix}", inside)
        for colours, mix in zip(explorable.palettes(), mixed, strict=True)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{size.split()[0]}" '
        'font-family="system-ui,sans-serif" font-size="12" fill="var(--muted)">'
        f"<style>svg{{{light}background:var(--paper)}}"
        f"@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>{inside}</svg>\n"
    )
    return svg, sentence + "\n"


def used(colours: str, drawing: str) -> str:
    """Return those of the colour variables that a drawing names."""
    drawing += "var(--paper)var(--muted)"  # the sheet's own
    kept = (one for one in colours.split(";") if one.partition(":")[0] + ")" in drawing)
    return "".join(f"{one};" for one in kept)


def for_paper(page: Page, svg: str) -> bytes:
    """Return the picture as a PNG of few colours that knows which SVG it was made of."""
    page.set_content(f"<style>body{{margin:0}}</style>{svg}")
    shot = Image.open(io.BytesIO(page.locator("svg").first.screenshot()))
    note, file = PngInfo(), io.BytesIO()
    note.add_text("source", hashlib.sha256(svg.encode()).hexdigest())
    shot.convert("RGB").quantize(24).save(file, "PNG", optimize=True, pnginfo=note)
    return file.getvalue()


def main() -> None:
    """Write the files of the named figures, or of all."""
    wanted = [figure for figure in FIGURES if figure.name in sys.argv[1:]] or FIGURES
    for figure in wanted:  # a new figure has none, and its page shows them
        for ending in ("svg", "txt"):
            (explorable.HERE / f"{figure.name}.{ending}").touch()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        for figure in wanted:
            svg, sentence = draw(page, figure)
            for ending, text in {"svg": svg, "txt": sentence}.items():
                (explorable.HERE / f"{figure.name}.{ending}").write_text(text, encoding="utf-8")
            (explorable.HERE / f"{figure.name}.png").write_bytes(for_paper(page, svg))
            print(f"{figure.name}: {len(svg)} bytes, {sentence.strip()}")
        browser.close()


if __name__ == "__main__":
    main()
