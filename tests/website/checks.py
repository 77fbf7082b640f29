"""What no page may have: each check takes a visit and returns the faults that it sees."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from website.tour import Visit

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
ADDRESS, REPOSITORY = CONFIG["html"]["baseurl"], CONFIG["repository"]["url"]
BRANCH = CONFIG["repository"]["branch"]
PLAIN, MATH = 500_000, 900_000  # bytes that a first visit may transfer
# A page of the theme's that no reader is sent to by a link of the network.
OWN = ("search.html", "genindex.html", "404.html")
GRAPH = ("og:title", "og:type", "og:url", "og:site_name", "og:description")
LEAKS = [
    re.compile(rf"{re.escape(folder.rstrip('/'))}/[\w.-]+")
    for folder in {str(ROOT), str(Path.home()), tempfile.gettempdir(), "/site-packages"}
]
LEAKS += [re.compile(r"\bat 0x[0-9a-f]{6,}"), re.compile(r"\b[A-Z]:\\Users\\")]


def foreign(visit: Visit) -> list[str]:
    """Requests that leave the site's folder."""
    return [one for one in visit.requests if not one.startswith((visit.base, "data:", "blob:"))]


def missing(visit: Visit) -> list[str]:
    """Requests without an answer."""
    return visit.missing


def errors(visit: Visit) -> list[str]:
    """What the browser's console calls an error."""
    return visit.errors


def bad_math(visit: Visit) -> list[str]:
    """Formulas that are not typeset, or not understood."""
    return visit.seen["badMath"]


def silent(visit: Visit) -> list[str]:
    """Pictures without words, or with a path for words."""
    return visit.seen["silent"]


def wide(visit: Visit) -> list[str]:
    """What pushes a phone's page sideways."""
    return visit.seen["wide"]


def axe(visit: Visit) -> list[str]:
    """What axe calls serious or critical, in light or in dark."""
    return [f"{theme}: {one}" for theme, found in visit.axe.items() for one in found]


def heavy(visit: Visit) -> list[str]:
    """More bytes than a page may have."""
    limit, size = MATH if visit.seen["math"] else PLAIN, visit.seen["bytes"]
    return [f"{size} bytes, at most {limit}"] if not 0 < size <= limit else []


def leaks(visit: Visit) -> list[str]:
    """Traces of the machine that built the page."""
    return [found for leak in LEAKS for found in leak.findall(visit.html)]


def unnamed(visit: Visit) -> list[str]:
    """What a search engine, a preview or a tab needs to know of the page, and is not told."""
    seen, address = visit.seen, ADDRESS + visit.path
    wrong = [name for name in ("title", "language", "icon") if not seen[name]]
    if visit.path == "404.html":  # which stands at every address that does not exist
        return wrong
    wrong += ["canonical"] if seen["canonical"] != address else []
    if visit.path not in OWN:
        wrong += [name for name in GRAPH if not seen["graph"].get(name)]
        wrong += ["og:url"] if seen["graph"].get("og:url") != address else []
        wrong += [] if seen["description"] else ["description"]
    return wrong


def buttons(visit: Visit) -> list[str]:
    """Launch, edit and issue buttons that lack, or lead elsewhere than to the page's own source."""
    if visit.path in OWN:
        return []
    page = PurePosixPath(visit.path).with_suffix("")
    ending = ".ipynb" if (ROOT / f"{page}.ipynb").is_file() else ".md"
    source = f"{page}{ending}"
    wanted = {"edit": f"{REPOSITORY}/edit/{BRANCH}/{source}", "issue": f"{REPOSITORY}/issues/new"}
    if ending == ".ipynb":
        slug = urlsplit(REPOSITORY).path
        wanted["Binder"] = f"https://mybinder.org/v2/gh{slug}/{BRANCH}?urlpath=lab/tree/{source}"
    addresses = [unquote(one) for one in visit.seen["buttons"]]
    wrong = [name for name, start in wanted.items() if not any(map(starts(start), addresses))]
    titles = [parse_qs(urlsplit(one).query).get("title", [""])[0] for one in visit.seen["buttons"]]
    wrong += [] if any(visit.path in title for title in titles) else ["the issue's title"]
    wrong += [] if (ROOT / source).is_file() else [f"{source} is no file"]
    return wrong


def starts(words: str) -> Callable[[str], bool]:
    """Return a question whether a text starts with the words."""
    return lambda text: text.startswith(words)


def unpaired(visit: Visit) -> list[str]:
    """An exercise without a link to its solution, a solution without one to its exercise."""
    folder, _, rest = visit.path.partition("/")
    other = {"exercises": "solutions", "solutions": "exercises"}.get(folder)
    wanted = [f"{other}/{rest}", f"book/{PurePosixPath(rest).name}"] if other else []
    there = {without_anchor(link) for link in visit.seen["article"]}
    return [one for one in wanted if visit.base + one not in there]


def without_anchor(address: str) -> str:
    """Return an address up to its `#`."""
    return address.partition("#")[0]


def broken_links(visit: Visit, site: Path, ids: dict[str, set[str]]) -> list[str]:
    """Links into the site that lead to no file, or to no place on its page."""
    wrong = []
    for link in visit.seen["links"]:
        if not link.startswith(visit.base) or link == f"{visit.base}{visit.path}#":
            continue
        path, _, anchor = link.removeprefix(visit.base).partition("#")
        path = unquote(path.partition("?")[0]) or "index.html"
        known = set(visit.seen["ids"]) if path == visit.path else ids.get(path, set())
        if not (site / path).is_file() or (anchor and unquote(anchor) not in known):
            wrong.append(link.removeprefix(visit.base))
    return wrong


CHECKS = [foreign, missing, errors, bad_math, silent, wide, axe]
CHECKS += [heavy, leaks, unnamed, buttons, unpaired]
