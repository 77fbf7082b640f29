"""What keeps a page light: scripts that wait, and a font of the icons that the site shows."""

import re
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, save_font
from sphinx.application import Sphinx

WEBFONTS = Path("_static", "vendor", "fontawesome", "webfonts")
ICON = re.compile(r"\bfa-([a-z0-9-]+)")  # a class, in a page or in a script that makes one
RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
GLYPH = re.compile(r'"(?:\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff]))')  # escaped, or as it is
AT_ONCE = "documentation_options.js"  # an inline script of each page adds to it


def deferred(file: object) -> object:
    """Return a page's script as one that runs when the page is there; pages share the first."""
    if not file.filename or AT_ONCE in str(file.filename):
        return file
    attributes = {**file.attributes, "defer": "defer"}
    return type(file)(file.filename, priority=file.priority, **attributes)


def icons_shown(site: Path) -> set[int]:
    """Return the code points of the icons that the site's pages, scripts and styles name."""
    by_name, shown = {}, set()
    for style in site.glob("_static/**/*.css"):
        for selector, body in RULE.findall(style.read_text("utf8")):
            codes = {int(code, 16) if code else ord(sign) for code, sign in GLYPH.findall(body)}
            names = ICON.findall(selector) if codes else []
            by_name |= dict.fromkeys(names, codes)
            shown |= set() if names else codes  # a rule of the theme's own, such as a note's sign
    pages = [*site.rglob("*.html"), *site.glob("_static/**/*.js")]
    texts = [page.read_text("utf8") for page in pages if page.name != "fontawesome.js"]
    named = {name for text in texts for name in ICON.findall(text)}
    return shown.union(*(by_name[name] for name in named & by_name.keys()))


def shrink_icons(app: Sphinx, error: Exception | None) -> None:
    """Keep of the icon fonts (300 kB) what the site shows, and drop what no page asks for."""
    if error is None and app.builder.name == "html":
        site = Path(app.outdir)
        shown = icons_shown(site)
        for file in sorted((site / WEBFONTS).glob("*.ttf")):
            options = Options(flavor="woff", layout_features=[], notdef_outline=True)
            font = load_font(str(file), options)
            subsetter = Subsetter(options)
            subsetter.populate(unicodes=shown)
            subsetter.subset(font)
            save_font(font, str(file.with_suffix(".woff2")), options)
