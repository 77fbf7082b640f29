"""Tables of measured numbers, as text that a page lays out itself."""

from collections.abc import Iterable, Sequence

from IPython.display import Markdown


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """Return a table with right-aligned columns.

    Parameters
    ----------
    columns : sequence of str
        Headings; Markdown and formulas are allowed.
    rows : iterable of sequences of str
        One formatted value a column.

    Raises
    ------
    ValueError
        If a row has not as many values as there are columns.
    """
    rows = [list(row) for row in rows]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"expected {len(columns)} values a row, one a column, got {len(row)}: {row}"
            )
    lines = [list(columns), ["--:"] * len(columns), *rows]
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))
