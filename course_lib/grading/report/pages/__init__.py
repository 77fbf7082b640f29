"""The HTML pages: templates in which everything is escaped, no script, nothing from elsewhere."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).parent


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = Markup((FOLDER / "page.css").read_text(encoding="utf-8"))
    return environment


def render(template: str, **values) -> str:
    """Return the page; every value is escaped that is not `Markup`."""
    return _environment().get_template(template).render(values)
