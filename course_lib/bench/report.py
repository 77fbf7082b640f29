"""Tables of a record: for a chapter, and for the terminal at the end of a run."""

from collections.abc import Iterable, Sequence

from IPython.display import HTML

from course_lib.bench.cases import MEANS, cases
from course_lib.bench.record import Record
from course_lib.lab.claims import typeset
from course_lib.lab.tables import table

NOT_MEASURED = "not measured"


def speed_table(
    record: Record,
    op: str,
    direction: str = "both",
    dtype: str = "float32",
    threads: int | None = 1,
    device: str = "cpu",
) -> HTML:
    """Return times and shares of the copy bandwidth, one row a peer, one column a shape.

    Parameters
    ----------
    record : Record
        Where it has no row for a shape of the device's list, the table says "not measured".
    op, direction, dtype : str
    threads : int or None
        None for whatever there is, as on a GPU.
    device : ``"cpu"`` or ``"cuda"``
        Whose shapes stand in a table of nothing.
    """
    found = select(record, op, direction, dtype, threads)
    names = list(dict.fromkeys(row["implementation"] for row in found)) or ["torch"]
    keys = [(one.model, one.shape, one.layout) for one in cases(device, ops=(op,), dtypes=(dtype,))]
    keys += [key for key in map(_key, found) if key not in keys]
    cells = {(_key(row), row["implementation"]): _cell(row) for row in found}
    return table(
        ["implementation", *(_input(*key) for key in keys)],
        [[name, *(cells.get((key, name), NOT_MEASURED) for key in keys)] for name in names],
    )


def accuracy_table(
    record: Record, op: str, layout: str = "contiguous", dtype: str = "float32"
) -> HTML:
    """Return the largest errors against float64 of y and dx, one row a peer, one column a mean."""
    found = [row for row in record.accuracy
             if (row["op"], row["layout"], row["dtype"]) == (op, layout, dtype)]  # fmt: skip
    names = list(dict.fromkeys(row["implementation"] for row in found)) or [NOT_MEASURED]
    means = sorted({row["mean"] for row in found} or MEANS)
    cells = {(row["implementation"], row["mean"]): _error_cell(row) for row in found}
    return table(
        ["implementation", *(f"mean {typeset(f'{mean:g}')}" for mean in means)],
        [[name, *(cells.get((name, mean), NOT_MEASURED) for mean in means)] for name in names],
    )


def select(
    record: Record, op: str, direction: str, dtype: str, threads: int | None, layout: str = ""
) -> list[dict]:
    """Return the rows of one operation; rows of NumPy, which has one thread, in every column."""
    wanted = [
        row
        for row in record.rows
        if (row["op"], row["direction"], row["dtype"]) == (op, direction, dtype)
        and layout in ("", row["layout"])
    ]
    return [
        row
        for row in wanted
        if threads in (None, row["threads"]) or (row["threads"] == 1 and "NumPy" in _name(row))
    ]


def ratio(
    record: Record,
    op: str,
    of: str,
    over: str,
    direction: str = "both",
    dtype: str = "float32",
    threads: int | None = 1,
    layout: str = "contiguous",
) -> list[float]:
    """Return the time of `of` over the time of `over`, one number for each shape that has both.

    ``ratio(record, "batch_norm", "torch", "fast NumPy")`` is above 1 where NumPy is faster.
    """
    found = select(record, op, direction, dtype, threads, layout)
    times = {(_key(row), _name(row)): row["median"] for row in found if row["median"]}
    keys = dict.fromkeys(_key(row) for row in found)
    return [
        times[key, of] / times[key, over]
        for key in keys
        if (key, of) in times and (key, over) in times
    ]


def lines(record: Record) -> Iterable[str]:
    """Yield a table for the terminal: each time as torch's time over it, and what was not right."""
    groups: dict[tuple, dict[str, dict]] = {}
    for row in record.rows:
        key = (row["op"], row["dtype"], row["layout"], row["shape"], row["threads"])
        groups.setdefault((*key, row["direction"]), {})[_name(row)] = row
    names = list(dict.fromkeys(_name(row) for row in record.rows))
    yield from ("time of torch over time of each: above 1 is faster than torch", "")
    yield f"{'':60} {'copy':>9} {'torch':>9}  " + " ".join(f"{name[:13]:>13}" for name in names)
    for (op, dtype, layout, shape, threads, direction), rows in groups.items():
        size = "×".join(map(str, shape)) + (" nhwc" if layout == "channels last" else "")
        start = f"{op:13}{direction:9}{dtype:9}{size:22}{threads} thr."
        torch = rows.get("torch", {}).get("median")
        bandwidth = next(iter(rows.values()))["copy_bandwidth"] / 1e9
        shown = f"{torch * 1e3:6.2f} ms" if torch else "—"
        ratios = (_ratio_cell(torch, rows.get(name)) for name in names)
        yield f"{start:60} {bandwidth:4.1f} GB/s {shown:>9}  " + " ".join(ratios)
    for row in record.rows:
        if row["status"] == "wrong":
            yield (
                f"wrong: {_name(row)}, {row['op']} {row['direction']} {row['dtype']} "
                f"{row['layout']} {row['shape']}: {row['reason']}, got {row['error_rel']}"
            )
    reasons = dict.fromkeys(
        f"{NOT_MEASURED}: {_name(row)}, {row['op']} {row['dtype']}: {row['reason']}"
        for row in record.rows
        if row["status"] == NOT_MEASURED
    )
    yield from reasons


def accuracy_lines(record: Record) -> Iterable[str]:
    """Yield the errors at large means for the terminal."""
    yield "largest error against float64, y and dx, at means " + ", ".join(f"{m:g}" for m in MEANS)
    groups: dict[tuple, list[dict]] = {}
    for row in record.accuracy:
        groups.setdefault((row["op"], row["layout"], _name(row)), []).append(row)
    for (op, layout, name), rows in groups.items():
        yield f"{op:13}{layout:14}{name:16}" + "".join(f"{_error_cell(row):>30}" for row in rows)


def _ratio_cell(torch: float | None, row: dict | None) -> str:
    if row is None:
        return f"{'':>13}"
    if row["median"] is None or torch is None:
        return f"{NOT_MEASURED if row['median'] is None else '?':>13}"
    return f"{torch / row['median']:12.2f}" + ("!" if row["status"] == "wrong" else " ")


def _name(row: dict) -> str:
    return row["implementation"]


def _key(row: dict) -> tuple:
    return row["model"], tuple(row["shape"]), row["layout"]


def _input(model: str, shape: Sequence[int], layout: str) -> str:
    return f"{model}, {'×'.join(map(str, shape))}" + (
        f", {layout}" if layout != "contiguous" else ""
    )


def _cell(row: dict) -> str:
    """Return time and share of the copy bandwidth, and the eager time where it is another."""
    if row["median"] is None:
        return NOT_MEASURED
    text = f"{seconds(row['median'])} · {100 * row['share']:.0f}%"
    if row["eager_median"] is not None:
        text += f" (eager {seconds(row['eager_median'])})"
    return text + (" wrong" if row["status"] == "wrong" else "")


def seconds(value: float) -> str:
    """Return a time in ms or µs, to three digits."""
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def _error_cell(row: dict) -> str:
    if row["status"] == NOT_MEASURED:
        return NOT_MEASURED
    shown = ("NaN" if row[key] is None else f"{row[key]:.0e}" for key in ("error_y", "error_dx"))
    return typeset("y {} · dx {}".format(*shown))
