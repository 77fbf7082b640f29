"""The recorded rows of one device, as JSON that replaces itself only when it is whole."""

import json
import os
import tempfile
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
    record = Record(
        stored["header"],
        _as_dicts(path, stored["fields"], stored["rows"], FIELDS),
        _as_dicts(path, stored["accuracy_fields"], stored["accuracy"], ACCURACY_FIELDS),
    )
    for row in record.rows:
        row["shape"] = tuple(row["shape"])
    return record


def _as_dicts(path: Path, stored: list, rows: list, fields: tuple[str, ...]) -> list[dict]:
    if tuple(stored) != fields:
        odd = sorted(set(stored) ^ set(fields))
        raise ValueError(
            f"expected rows of {len(fields)} keys in {path.name}, got {len(stored)}, different in "
            f"{odd}; record it again with `make bench`"
        )
    return [dict(zip(fields, row, strict=True)) for row in rows]


def write_record(path: Path | str, record: Record) -> None:
    """Replace the file at once: whoever reads it sees the old record or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f'"header": {json.dumps(record.header, indent=1, ensure_ascii=False)}']
    tables = (("", "rows", record.rows, FIELDS),
              ("accuracy_", "accuracy", record.accuracy, ACCURACY_FIELDS))  # fmt: skip
    for prefix, name, rows, fields in tables:
        values = ([row[field] for field in fields] for row in rows)
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in values)
        parts.append(f'"{prefix}fields": {json.dumps(fields)}')
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
