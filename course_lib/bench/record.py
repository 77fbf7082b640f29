"""The recorded rows of one device, as JSON that replaces itself only when it is whole."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FIELDS = (
    "op", "direction", "dtype", "layout", "shape", "model", "implementation", "threads", "status",
    "reason", "samples", "median", "lower", "upper", "eager_median", "clock", "ideal_bytes",
    "copy_bandwidth", "share", "error_abs", "error_rel",
)  # fmt: skip
ACCURACY_FIELDS = (
    "op", "layout", "dtype", "implementation", "mean", "error_y", "error_dx", "status", "reason",
)  # fmt: skip


class Record(NamedTuple):
    """What one run measured; all three are empty where nothing was recorded.

    `header` says on what and with which versions. A row of `rows` has the keys `FIELDS` (times in
    seconds: the median and the quartiles `lower` and `upper`; None where not measured), a row of
    `accuracy` has `ACCURACY_FIELDS`.
    """

    header: dict
    rows: list[dict]
    accuracy: list[dict]


def read_record(path: Path | str) -> Record:
    """Read what `course bench` wrote, or an empty record where there is no such file.

    Raises
    ------
    ValueError
        If a row has not the keys that it must have: record it again with ``make bench``.
    """
    path = Path(path)
    if not path.is_file():
        return Record({}, [], [])
    stored = json.loads(path.read_text(encoding="utf-8"))
    record = Record(stored["header"], stored["rows"], stored["accuracy"])
    for rows, fields in ((record.rows, FIELDS), (record.accuracy, ACCURACY_FIELDS)):
        _require_fields(path, rows, fields)
    for row in record.rows:
        row["shape"] = tuple(row["shape"])
    return record


def _require_fields(path: Path, rows: Sequence[dict], fields: tuple[str, ...]) -> None:
    for row in rows:
        if set(row) != set(fields):
            odd = sorted(set(row) ^ set(fields))
            raise ValueError(
                f"expected rows of {len(fields)} keys in {path.name}, got one that differs in "
                f"{odd}; record it again with `make bench`"
            )


def write_record(path: Path | str, record: Record) -> None:
    """Replace the file at once: whoever reads it sees the old record or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f'"header": {json.dumps(record.header, indent=1, ensure_ascii=False)}']
    for name, rows in (("rows", record.rows), ("accuracy", record.accuracy)):
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        parts.append(f'"{name}": [\n' + ",\n".join(lines) + "\n]")  # one line a row: short diffs
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("{\n" + ",\n".join(parts) + "\n}\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
