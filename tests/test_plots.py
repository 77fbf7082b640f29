"""Figures: with words for everyone, the same bytes each time, colours that follow the page."""

import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib.lab import plots

WORDS = {"alt": "a line from 0 to 1", "caption": "It rises."}


def drawn(slope=1.0, count=1):
    """Draw lines in every series colour, with a legend, a clip path and a marker."""
    figures, axes = plots.panels(count)
    for axis in axes:
        for number in range(len(plots.SERIES)):
            axis.plot([0, 1], [0, slope + number], label=f"line {number}")
        axis.set(xlabel="step", ylabel="loss", title="A title")
        axis.legend()
    return figures


@pytest.fixture
def shown(monkeypatch):
    """Return a function that shows figures and returns the HTML."""
    sent = []
    monkeypatch.setattr(plots, "display", lambda html: sent.append(html.data))

    def html_of(figures, **words):
        plots.show(figures, **WORDS | words)
        return sent.pop()

    return html_of


def ids_of(html: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', html)


@pytest.mark.parametrize("name", ["alt", "caption"])
@pytest.mark.parametrize("text", ["", "  \n"])
def test_figure_without_words_is_refused(shown, name, text):
    with pytest.raises(ValueError, match=f"expected a text that says .+, got {name}="):
        shown(drawn(), **{name: text})


def test_caption_is_escaped(shown):
    html = shown(drawn(), caption='<script>1 < 2 & "so"</script>')
    assert "&lt;script&gt;1 &lt; 2 &amp;" in html
    assert "<script" not in html


def test_alt_text_is_escaped(shown):
    html = shown(drawn(), alt='"><script>1 < 2</script>')
    assert 'aria-label="&quot;&gt;&lt;script&gt;1 &lt; 2' in html
    assert "<script" not in html


def test_alt_text_survives_whatever_it_says(shown):
    alt = r"\1 and \g<0> are no group references"
    html = shown(drawn(), alt=alt)
    assert r'aria-label="\1 and \g&lt;0&gt; are no group references"' in html


def test_first_panel_carries_the_alt_text_and_the_others_are_hidden(shown):
    html = shown(drawn(count=3))
    words = re.findall(r"<svg (role=\"img\" aria-label=\"[^\"]*\"|aria-hidden=\"true\")", html)
    assert words == [f'role="img" aria-label="{WORDS["alt"]}"', *['aria-hidden="true"'] * 2]


def test_single_figure_needs_no_list(shown):
    (figure,) = drawn()
    assert shown(figure).count("<svg ") == 1


def test_figures_are_closed(shown):
    before = plt.get_fignums()
    shown(drawn(count=2))
    assert plt.get_fignums() == before


def test_figure_is_one_well_formed_element(shown):
    html = re.sub(r"<style>.*?</style>", "", shown(drawn(count=2)), flags=re.S)
    assert ElementTree.fromstring(html).tag == "figure"


def test_same_figure_gives_the_same_bytes(shown):
    assert shown(drawn()) == shown(drawn())


def test_ids_of_two_figures_differ(shown):
    first, second = ids_of(shown(drawn(1.0))), ids_of(shown(drawn(2.0)))
    assert first
    assert set(first) & set(second) == set()


def test_ids_of_two_panels_differ(shown):
    figures = drawn(1.0) + drawn(2.0)
    ids = ids_of(shown(figures))
    assert len(ids) == len(set(ids))


def test_every_reference_has_its_target(shown):
    html = shown(drawn())
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', html))
    assert used
    assert {first or second for first, second in used} <= set(ids_of(html))


def test_no_raw_colour_of_the_palette_is_left(shown):
    html = re.sub(r"<style>\.course-figure.*?</style>", "", shown(drawn()), count=1, flags=re.S)
    assert [colour for colour in plots.PALETTE.values() if colour in html.lower()] == []


def test_every_colour_of_the_palette_is_set_for_light_and_for_dark():
    light, dark = plots._CSS.split("@media screen")
    for name, colour in plots.PALETTE.items():
        assert f"{name}:{colour};" in light
        assert f"{name}:#" in dark


def test_every_series_is_drawn_in_its_variable(shown):
    html = shown(drawn())
    for number in range(len(plots.SERIES)):
        assert f"stroke: var(--series-{number})" in html


def test_series_differ_by_marker_and_line_too():
    cycle = list(plt.rcParams["axes.prop_cycle"])
    assert len({style["marker"] for style in cycle}) == len(cycle) == len(plots.SERIES)
    assert len({str(style["linestyle"]) for style in cycle}) == len(cycle)


def test_nothing_is_fetched(shown):
    html = shown(drawn())
    fetching = r'(?:src|href)\s*=\s*"(?!#)[^"]*"|url\((?!#)[^)]*\)|@import'
    assert re.findall(fetching, html) == []


def test_only_namespaces_are_addresses(shown):
    addresses = set(re.findall(r"https?://[^\"' <)]+", shown(drawn())))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_text_stays_text(shown):
    html = shown(drawn())
    assert ">A title</text>" in html
    assert "font-family: system-ui" in html or "system-ui" in html


def test_band_spans_the_runs(shown):
    (figure,), (axes,) = plots.panels()
    runs = np.array([[1.0, 2.0], [3.0, 6.0]])
    plots.band(axes, [0, 1], runs, "loss")
    (line,), (filled,) = axes.lines, axes.collections
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 4.0])
    assert {1.0, 3.0, 2.0, 6.0} <= set(filled.get_paths()[0].vertices[:, 1])
    plt.close(figure)


def test_standalone_figure_is_a_well_formed_file():
    (figure,) = drawn()
    root = ElementTree.fromstring(plots.standalone(figure, "a > b & c"))
    assert (root.tag.rpartition("}")[2], root.get("aria-label")) == ("svg", "a > b & c")


def test_standalone_figure_follows_the_readers_setting():
    (figure,) = drawn()
    svg = plots.standalone(figure, "lines")
    light, dark = svg.split("@media(prefers-color-scheme:dark)")
    for name, colour in plots.PALETTE.items():
        assert f"{name}:{colour};" in light
        assert f"{name}:#" in dark.partition("</style>")[0]


def test_standalone_figure_is_closed():
    before = plt.get_fignums()
    (figure,) = drawn()
    plots.standalone(figure, "lines")
    assert plt.get_fignums() == before
