"""The recorded rows as one picture: how near to the copy bandwidth each implementation comes."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from course_lib.bench.cases import UNITS
from course_lib.bench.record import Record
from course_lib.bench.report import select
from course_lib.lab.plots import panels


def share_figure(
    record: Record,
    ops: Sequence[str] = tuple(UNITS),
    implementations: Sequence[str] = ("textbook NumPy", "fast NumPy", "our torch", "torch"),
    direction: str = "both",
    dtype: str = "float32",
    threads: int | None = 1,
) -> list[Figure]:
    """Draw the share of the copy bandwidth of each operation's shapes, one mark a shape.

    Parameters
    ----------
    record : Record
    ops, implementations : sequences of str
        Rows of the picture, and series; at most five, the number of markers of the style.
    direction, dtype, threads
        As in `report.speed_table`.

    Returns
    -------
    figures : list of Figure
        For `lab.plots.show`. An empty record gives one that says "not measured".
    """
    figures, (axes,) = panels(width=6.5, height=0.6 + 0.45 * len(ops))
    drawn = False
    for number, name in enumerate(implementations):
        points = [
            (100 * row["share"], place + (number - (len(implementations) - 1) / 2) * 0.16)
            for place, op in enumerate(reversed(ops))
            for row in select(record, op, direction, dtype, threads)
            if row["implementation"] == name and row["share"] is not None
        ]
        if points:
            drawn = True
            axes.plot(*zip(*points, strict=True), linestyle="none", label=name)
        else:
            axes.plot([], [], linestyle="none", label=f"{name}: not measured")
    axes.set_yticks(range(len(ops)), [op.replace("_", " ") for op in reversed(ops)])
    axes.set(xlabel="% of the copy bandwidth", ylim=(-0.6, len(ops) - 0.4))
    axes.set_xlim(left=0)
    if not drawn:
        axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
    figures[0].legend(loc="outside upper center", ncols=3)
    return figures
