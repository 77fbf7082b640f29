"""Tables of measured numbers that a page and JupyterLab lay out themselves."""

import html
from collections.abc import Iterable, Sequence

from IPython.display import HTML


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], align: str = "right") -> HTML:
    """Return a table, in a box that scrolls by itself, with keys too.

    Parameters
    ----------
    columns : sequence of str
        Headings, in plain text.
    rows : iterable of sequences of str
        One formatted value a column.
    align : ``"right"`` for numbers, ``"left"`` for words

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
    # The page's theme turns cells to the right, whatever the table says.
    cell = "" if align == "right" else f' style="text-align:{align}"'
    head = "".join(f'<th scope="col"{cell}>{html.escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td{cell}>{html.escape(value)}</td>" for value in row) + "</tr>"
        for row in rows
    )
    name = html.escape("Table: " + ", ".join(columns))
    return HTML(
        f'<div class="course-table" role="region" tabindex="0" aria-label="{name}" '
        'style="overflow-x:auto"><table style="text-align:right">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
