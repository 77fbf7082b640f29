"""Photographs on a page: small JPEG files inside the HTML, with words for everyone."""

import base64
import html
import io

import numpy as np
from IPython.display import display
from numpy.typing import NDArray
from PIL import Image

from course_lib.lab.plots import captioned


def show_photographs(
    pictures: dict[str, NDArray[np.floating]],
    *,
    alt: str,
    caption: str,
    columns: int = 2,
    width: int = 400,
) -> None:
    """Display photographs as one captioned figure, side by side or stacked on a phone.

    Parameters
    ----------
    pictures : title to (h, w, 3) array
        Intensities from 0 to 1; values outside are shown as black and white, as a screen must.
    alt : str
        What the pictures show together, for someone who cannot see them; with the numbers.
    caption : str
        What to see in them, with the numbers of this run; plain text.
    columns : int
        Pictures in a row, where there is room for them.
    width : int
        Of each, in pixels of the file; the page scales it. Four at 400 weigh about 100 kB.

    Raises
    ------
    ValueError
        If a text is empty, or an array is not a picture.
    """
    # Without the class dark-light the theme raises every picture's contrast in dark mode and frames
    # it in white: a reader of the dark page would compare other photographs than the text.
    items = "".join(
        f'<div><img class="dark-light" alt="{html.escape(title)}" src="{_jpeg(picture, width)}" '
        f'style="width:100%;height:auto;display:block;padding:0;background:none"><div>{html.escape(title)}</div></div>'
        for title, picture in pictures.items()
    )
    # At most `columns` in a row, and each at least 14em wide unless the page is narrower.
    room = f"max(min(100%,14em),(100% - {columns - 1}*.75em)/{columns})"
    grid = f"display:grid;gap:.75em;grid-template-columns:repeat(auto-fill,minmax({room},1fr))"
    group = f'<div role="group" aria-label="{html.escape(alt)}" style="{grid}">{items}</div>'
    titles = {f"title {number}": title for number, title in enumerate(pictures, 1)}
    display(captioned(group, alt=alt, caption=caption, **titles))


def _jpeg(picture: NDArray[np.floating], width: int) -> str:
    """Return the picture, `width` pixels wide, as a data URI."""
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"expected a picture of shape (h, w, 3), got {picture.shape}; channels stand last: "
            "x.transpose(1, 2, 0)"
        )
    levels = (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
    height = round(width * picture.shape[0] / picture.shape[1])
    file = io.BytesIO()
    Image.fromarray(levels).resize((width, height)).save(file, "JPEG", quality=78)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
