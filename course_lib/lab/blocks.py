"""Pictures of a tensor as a block of cells, with the cells that share statistics marked."""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from course_lib.lab.plots import INK, PAPER, SERIES, standalone

_DEPTH = (0.42, 0.34)  # how far one step along the batch moves right and up


def block(
    axes: Axes,
    shape: tuple[int, int, int],
    shares: Callable[[int, int, int], bool],
    labels: tuple[str, str, str],
) -> None:
    """Draw a tensor of (n, c, s) as a block seen from the front left.

    Parameters
    ----------
    axes : Axes
    shape : (n, c, s)
        Examples go into the depth, channels down, positions to the right.
    shares : function of (n, c, s)
        Whether the cell belongs to the marked group: coloured and hatched.
    labels : three str
        What to call the three directions.
    """
    n, c, s = shape
    for i in reversed(range(n)):
        for j in range(c):
            _face(axes, (s, -j, i), (0, -1, 0), (0, 0, 1), shares(i, j, s - 1))
        for k in range(s):
            _face(axes, (k, 0, i), (1, 0, 0), (0, 0, 1), shares(i, 0, k))
    for j in range(c):
        for k in range(s):
            _face(axes, (k, -j, 0), (1, 0, 0), (0, -1, 0), shares(0, j, k))
    batch, channels, positions = labels
    axes.text(-0.2, -c / 2, channels, ha="right", va="center")
    axes.text(s / 2, -c - 0.25, positions, ha="center", va="top")
    axes.text(n * _DEPTH[0] / 2 - 0.25, n * _DEPTH[1] / 2, batch, ha="right", va="bottom")
    # The same scale for every shape: room for six positions.
    room = max(0, 6 - s) / 2
    axes.set(xlim=(-2.2 - room, s + n * _DEPTH[0] + room), ylim=(-c - 1.0, n * _DEPTH[1] + 0.3))
    axes.set_aspect("equal")
    axes.axis("off")


def _face(axes: Axes, corner, along, across, marked: bool) -> None:
    """Draw one face of one cell, spanned by two steps from a corner in (s, c, n) coordinates."""
    steps = [(0, 0), (1, 0), (1, 1), (0, 1)]
    corners = [[corner[d] + a * along[d] + b * across[d] for d in range(3)] for a, b in steps]
    points = [(x + z * _DEPTH[0], y + z * _DEPTH[1]) for x, y, z in corners]
    axes.add_patch(
        Polygon(
            points,
            facecolor=SERIES[1] if marked else PAPER,
            edgecolor=INK,
            linewidth=0.8,
            hatch="///" if marked else None,
        )
    )


# Which cells share statistics with the marked one, by norm; for blocks of (n, c, s).
SHARES = {
    "batch norm": lambda n, c, s: c == 1,
    "layer norm": lambda n, c, s: n == 0,
    "instance norm": lambda n, c, s: n == 0 and c == 1,
    "group norm": lambda n, c, s: n == 0 and c < 2,
}


def overview() -> str:
    """Return the picture of the four norms for the README and the landing page, as SVG."""
    figure, grid = plt.subplots(2, 2, figsize=(5.4, 4.2), layout="constrained")
    for axes, (name, shares) in zip(grid.flat, SHARES.items(), strict=True):
        block(axes, (4, 4, 4), shares, ("batch", "channel", "position"))
        axes.set_title(name)
    alt = (
        "Four blocks of cells with batch, channel and position as directions. The cells that "
        "share a mean are: for batch norm one channel of all examples, for layer norm all of one "
        "example, for instance norm one channel of one example, for group norm some channels of "
        "one example."
    )
    return standalone(figure, alt)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(overview(), encoding="utf-8")
