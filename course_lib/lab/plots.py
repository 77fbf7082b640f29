"""Figures of one style: vector, readable in light and dark, told by shape as well as by colour."""

import hashlib
import html
import io
import re
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.display import HTML, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Drawn in the light palette; in the SVG each of these becomes a CSS variable, which figure.css
# sets anew for dark themes. The series are Okabe & Ito's colours, darkened to 3:1 on white.
PALETTE = {
    "--ink": "#1b1f24",
    "--grid": "#d9dde2",
    "--paper": "#fefefe",
    "--series-0": "#0067a5",
    "--series-1": "#c65102",
    "--series-2": "#00805d",
    "--series-3": "#a3508a",
    "--series-4": "#6b5d00",
}
INK, GRID, PAPER, *SERIES = PALETTE.values()
_STYLE = {
    "figure.figsize": (3.35, 2.6),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.pad_inches": 0.02,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10.5,
    "axes.prop_cycle": cycler(
        color=SERIES, marker=list("os^Dv"), linestyle=["-", "--", "-.", ":", (0, (5, 1, 1, 1))]
    ),
    "axes.unicode_minus": True,
    "font.size": 10.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "svg.fonttype": "none",  # text stays text: small, sharp, in the reader's font
    "svg.hashsalt": "course",  # equal figures give equal bytes
} | dict.fromkeys(
    ["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK
)
plt.rcParams.update(_STYLE)
_CSS = (Path(__file__).parent / "figure.css").read_text(encoding="utf-8")


def panels(
    count: int = 1, *, width: float = 3.35, height: float = 2.6
) -> tuple[list[Figure], list[Axes]]:
    """Return `count` figures with one set of axes each, to stand side by side or stack on a phone.

    Parameters
    ----------
    count : int
    width, height : float
        Inches, of each.
    """
    pairs = [plt.subplots(figsize=(width, height), layout="constrained") for _ in range(count)]
    return [figure for figure, _ in pairs], [axes for _, axes in pairs]


def show(figures: Figure | list[Figure], *, alt: str, caption: str) -> None:
    """Display figures as one captioned picture, and close them.

    Parameters
    ----------
    figures : Figure or list of Figure
    alt : str
        What the picture says, for someone who cannot see it; with the numbers.
    caption : str
        What to see in it, with the numbers of this run; plain text.

    Raises
    ------
    ValueError
        If `alt` or `caption` is empty: a figure without words is lost on some readers.
    """
    figures = [figures] if isinstance(figures, Figure) else figures
    pictures = "".join(_svg(figure, alt, number) for number, figure in enumerate(figures))
    for figure in figures:
        plt.close(figure)
    display(captioned(f'<div class="panels">{pictures}</div>', alt=alt, caption=caption))


def captioned(content: str, **words: str) -> HTML:
    """Return a figure with its caption, in the colours of the page.

    Parameters
    ----------
    content : str
        HTML.
    words : str
        The `caption`, and every other text that `content` holds for the reader, by its name.

    Raises
    ------
    ValueError
        If one of them is empty: a figure without words is lost on some readers.
    """
    for name, text in words.items():
        if not text.strip():
            raise ValueError(f"expected a text that says what is shown, got {name}={text!r}")
    return HTML(
        f'<figure class="course-figure"><style>{_CSS}</style>{content}'
        f"<figcaption>{html.escape(words['caption'])}</figcaption></figure>"
    )


def standalone(figure: Figure, alt: str) -> str:
    """Return a figure as an SVG file of its own, which follows the reader's light or dark setting.

    Parameters
    ----------
    figure : Figure
        Closed afterwards.
    alt : str
        What the picture says.
    """
    svg = _svg(figure, alt, 0)
    plt.close(figure)
    light, dark = (_declarations(_CSS, start) for start in (".course-figure{", "[theme=dark]"))
    style = (
        f"<style>svg{{{light}background:var(--paper)}}"
        f"@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    )
    return re.sub(r"(<svg [^>]*>)", rf"\1{style}", svg, count=1) + "\n"


def _declarations(css: str, selector: str) -> str:
    """Return the colour variables that the rule with `selector` sets."""
    rule = css[css.index(selector) :]
    return "".join(re.findall(r"--[\w-]+:#\w+;?", rule[: rule.index("}")])).rstrip(";") + ";"


def band(axes: Axes, x, runs, label: str, **line) -> None:
    """Plot the mean over seeds with a band from the lowest to the highest.

    Parameters
    ----------
    runs : (seeds, len(x)) array
        One row a seed.
    """
    line.setdefault("markevery", max(1, len(x) // 8))
    (drawn,) = axes.plot(x, runs.mean(0), label=label, **line)
    axes.fill_between(x, runs.min(0), runs.max(0), color=drawn.get_color(), alpha=0.2, lw=0)


def curves(
    axes: Axes, x, series: dict[str, np.ndarray], *, xlabel: str, ylabel: str, even: bool = False
) -> None:
    """Plot several bands with a legend.

    Parameters
    ----------
    x : (k,) numbers
    series : label to (seeds, k) array
    even : bool
        Space the values of `x` evenly and label each, as for steps 1, 2, 5, 10 …
    """
    places = np.arange(len(x)) if even else np.asarray(x)
    for label, runs in series.items():
        band(axes, places, np.asarray(runs), label)
    if even:
        axes.set_xticks(places, [str(value) for value in x])
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend()


def _svg(figure: Figure, alt: str, number: int) -> str:
    """Return the figure as inline SVG whose colours follow the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight")
    noise = r"^.*?(?=<svg)|<metadata>.*?</metadata>|<!--.*?-->"
    svg = re.sub(noise, "", buffer.getvalue(), flags=re.S)
    for variable, colour in PALETTE.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", svg)
    # Two figures on a page must not share ids: a clip path of one would cut the other.
    key = "f" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'(?<=id=")|(?<=url\(#)|(?<=href="#)', f"{key}-", svg)
    # The first panel speaks for all of them.
    words = f'role="img" aria-label="{html.escape(alt)}"' if number == 0 else 'aria-hidden="true"'
    return svg.replace("<svg ", f"<svg {words} ", 1).strip()
