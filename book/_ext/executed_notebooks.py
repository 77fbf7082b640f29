"""A second download of a notebook's page: the notebook as the build ran it, with its outputs."""

from pathlib import Path

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.application import Sphinx

FOLDER = Path("_executed")


def was_executed(app: Sphinx, page: str) -> bool:
    """Say whether a page is a notebook whose cells the build ran."""
    data = app.env.nb_metadata.get(page, {}).get("exec_data")
    return bool(data and data["succeeded"])


def offer(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """Add the button of the second download beside that of the first."""
    if doctree is None or not was_executed(app, page):
        return
    groups = [one for one in context["header_buttons"] if one["label"] == "download-buttons"]
    for group in groups:
        button = {
            "type": "link",
            "url": context["pathto"]((FOLDER / f"{page}.ipynb").as_posix(), 1),
            "text": ".ipynb with outputs",
            "icon": "fas fa-file",
            "tooltip": "Download the notebook as it was executed for this site",
            "label": "download-executed-button",
        }
        group["buttons"].insert(1, button)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the executed notebooks into the site, out of the cache that its pages came from."""
    if error is not None or app.builder.name != "html":
        return
    cache = get_cache(app.env.mystnb_config.execution_cache_path)
    for page in filter(lambda page: was_executed(app, page), app.env.found_docs):
        _, notebook = cache.merge_match_into_file(app.env.doc2path(page))
        path = Path(app.outdir, FOLDER, f"{page}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
