"""The map of the course on the landing page: what each norm averages over, as measured."""

import html
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

from course_lib.lab import properties as of
from course_lib.lab.cheat_sheet import NORMS
from course_lib.lab.cheat_sheet_weights import SCALERS, WEIGHTS, as_function
from course_lib.lab.plots import captioned
from course_lib.numpy_layers.moments import Array

SIDE, DEPTH = 11, (5, 4)  # of a cell, in pixels, and how far the next example moves
WIDTH, CARD = 360, 174
_CSS = (
    ".course-map svg{display:block;margin:auto;width:100%;max-width:35rem;height:auto;"
    "font-family:system-ui,sans-serif}"
    ".course-map svg{overflow:visible}.course-map svg a{text-decoration:none}"
    ".course-map text{fill:var(--ink);font-size:12.5px}"
    ".course-map .band{font-size:13px;font-weight:650}"
    ".course-map .name{font-size:13px;font-weight:650}"
    ".course-map a :is(.name,.more){fill:var(--series-0);text-decoration:underline;"
    "text-decoration-thickness:1px;text-underline-offset:2px}"
    ".course-map a:hover :is(.name,.more){text-decoration-thickness:2px}"
    ".course-map rect{fill:transparent;stroke:var(--grid)}"
    ".course-map a:focus-visible{outline:3px solid var(--series-1);outline-offset:1px}"
    ".course-map .cell{fill:var(--paper);stroke:var(--ink);stroke-width:.7}"
    ".course-map .mean{fill:var(--series-1)}"
    ".course-map .way{fill:none;stroke:var(--ink);stroke-width:1.4}"
)


class Place(NamedTuple):
    """A chapter on the map."""

    page: str  # its file in book/, without the ending
    name: str
    x: float
    y: float
    words: tuple[str, ...]  # over what it averages
    norm: str = ""  # the row of the cheat sheet whose mask is drawn


BATCH, GAP = 34, 104  # where the first card stands, and from one row of cards to the next
RIGHT = WIDTH - CARD
PLACES = [
    Place("batch_norm", "Batch norm", 0, BATCH,
          ("one channel", "of all examples"), "batch norm"),
    Place("instance_norm", "Instance norm", 0, BATCH + GAP,
          ("one channel", "of one example"), "instance norm"),
    Place("group_norm", "Group norm", RIGHT, BATCH + GAP,
          ("some channels", "of one example"), "group norm"),
    Place("layer_norm", "Layer norm", RIGHT, BATCH + 2 * GAP,
          ("all channels", "of one token"), "layer norm"),
    Place("rms_norm", "RMS norm", 0, BATCH + 2 * GAP,
          ("the same, but", "no mean"), "RMS norm"),
    Place("weight_norm", "Weight norm", 0, BATCH + 3 * GAP + 36,
          ("all weights", "of one unit"), "weight norm"),
    Place("data_scaling", "Data scaling", RIGHT, BATCH + 3 * GAP + 36,
          ("one column", "of the data"), "standardization"),
    Place("signal_propagation", "Signal propagation", 0, BATCH + 4 * GAP + 72,
          ("nothing: the first weights set the scale, once",)),
    Place("numerics", "Half precision", 0, BATCH + 4 * GAP + 174,
          ("how many digits of a mean and a variance are left",)),
    Place("gpu_kernels", "Kernels", 0, BATCH + 4 * GAP + 232,
          ("how many bytes a norm must move, and in what time",)),
]  # fmt: skip
ABOUT = {  # what more the course says of batch norm, beside its card
    "batch_norm_backward": "Where its gradient goes",
    "covariate_shift": "Covariate shift?",
    "what_batch_norm_buys": "What it buys",
    "loss_landscape": "The loss landscape",
    "small_batches": "When it fails",
}
BANDS = {
    BATCH - 14: "Activations: which values share one mean",
    BATCH + 3 * GAP + 22: "Weights or data instead of activations",
    BATCH + 4 * GAP + 58: "Nothing is averaged",
    BATCH + 4 * GAP + 160: "In practice",
}
WAYS = [  # from, to, as a path
    ("batch_norm", "instance_norm", f"M87 {BATCH + 82}v18"),
    ("instance_norm", "group_norm", f"M{CARD} {BATCH + GAP + 41}h12"),
    ("group_norm", "layer_norm", f"M{RIGHT + 87} {BATCH + GAP + 82}v18"),
    ("layer_norm", "rms_norm", f"M{RIGHT} {BATCH + 2 * GAP + 41}h-12"),
]
ALT = (
    "Map of the course, each name a link. Activations: batch norm shares one mean among all "
    "examples of a channel; instance norm does so within one example, group norm with some more "
    "channels, layer norm with all channels of one token, RMS norm likewise without a mean. "
    "Weight norm divides the weights of one unit by their length, data scaling a column of the "
    "data by its spread. Signal propagation averages nothing. In practice: half precision, kernels."
)
CAPTION = (
    "Backwards go the examples, downwards the channels, across the positions; for weights: units, "
    "inputs, places in the filter. One output reads the filled cells: measured on the package’s "
    "layers, not drawn by hand."
)


def mask(norm: str) -> Array:
    """Return which cells (n, c, s) one output reads, found by moving each input of the layer."""
    (row,) = (row for row in [*NORMS, *WEIGHTS, *SCALERS] if row.name == norm)
    if row in NORMS:
        shape = (3, 3, 4) if row.tokens else (3, 4, 1, 3)
        read = of.read(row.make(4).double(), of.example(shape))
        return read.swapaxes(1, 2) if row.tokens else read.reshape(3, 4, 3)
    shape = (3, 3, 2, 3) if row in WEIGHTS else (3, 4)  # (out, in, h, w) or (n, d)
    weight_or_table = of.example(shape)
    return of.read(as_function(row, weight_or_table), weight_or_table).reshape(*shape[:2], -1)


def cells(read: Array) -> str:
    """Draw a mask as a block of cells seen from the front left: two paths, unmarked and marked."""
    n, c, s = read.shape
    (right, up), wide = DEPTH, min(SIDE, 3 * SIDE / s)
    paths = {False: "", True: ""}
    top = n * up
    for i in reversed(range(n)):
        for j in range(c):  # the right side
            at = s * wide + i * right, top + j * SIDE - i * up
            paths[bool(read[i, j, -1])] += _face(at, (0, SIDE), (right, -up))
        for k in range(s):  # the top
            paths[bool(read[i, 0, k])] += _face(
                (k * wide + i * right, top - i * up), (wide, 0), (right, -up)
            )
    for j, k in product(range(c), range(s)):
        paths[bool(read[0, j, k])] += _face((k * wide, top + j * SIDE), (wide, 0), (0, SIDE))
    return f'<path class="cell" d="{paths[False]}"/><path class="cell mean" d="{paths[True]}"/>'


def _face(at: tuple[float, float], along: tuple, across: tuple) -> str:
    (x, y), (a, b), (c, d) = at, along, across
    return f"M{x:g} {y:g}l{a:g} {b:g} {c:g} {d:g} {-a:g} {-b:g}z"


def drawing() -> str:
    """Return the map as HTML with links, in the colours of the page."""
    parts = [f'<text class="band" y="{y}">{words}</text>' for y, words in BANDS.items()]
    parts += [f'<path class="way" d="{d}" marker-end="url(#way)"/>' for *_, d in WAYS]
    parts += [_card(place) for place in PLACES]
    parts.append(f'<text x="{RIGHT}" y="{BATCH + 8}">and five chapters about it:</text>')
    for number, (page, words) in enumerate(ABOUT.items()):
        y = BATCH + 26 + number * 17
        parts.append(_link(page, f'<text class="more" x="{RIGHT}" y="{y}">{words}</text>'))
    tip = (
        '<defs><marker id="way" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8z" fill="var(--ink)"/></marker></defs>'
    )
    height = PLACES[-1].y + 50
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 0 {WIDTH + 2} {height}" '
        f'role="group" aria-label="{html.escape(ALT)}">{tip}{"".join(parts)}</svg>'
    )
    figure = captioned(f"<style>{_CSS}</style>{svg}", alt=ALT, caption=CAPTION).data
    return figure.replace('"course-figure"', '"course-figure course-map"', 1) + "\n"


def _card(place: Place) -> str:
    """Draw a card: the name, what it averages over, and the cells that share it."""
    x, y = place.x, place.y
    width, height = (CARD, 82) if place.norm else (WIDTH, 48)
    lines = [f'<rect width="{width}" height="{height}" rx="6"/>']
    left = 10
    if place.norm:
        block = cells(mask(place.norm))
        lines.append(f'<g transform="translate(8 12)">{block}</g>')
        left = 62
    top = 26 if place.norm else 20
    lines.append(f'<text class="name" x="{left}" y="{top}">{place.name}</text>')
    lines += [
        f'<text x="{left}" y="{top + 18 + 16 * row}">{words}</text>'
        for row, words in enumerate(place.words)
    ]
    return f'<g transform="translate({x:g} {y:g})">{_link(place.page, "".join(lines))}</g>'


def _link(page: str, content: str) -> str:
    return f'<a href="{page}.html">{content}</a>'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawing(), encoding="utf-8")
