"""The map on the landing page: what it draws is what the layers read, and it leads everywhere."""

import re

import numpy as np
import pytest
from layout import toc
from notebooks import ROOT

from course_lib.lab.course_map import ABOUT, PLACES, cells, drawing, mask

CARDS = {place.name: place for place in PLACES}


def test_map_on_the_landing_page_is_what_the_code_draws():
    drawn = (ROOT / "book/course_map.html").read_text(encoding="utf-8")
    assert drawn == drawing(), "run `python -m course_lib.lab.course_map book/course_map.html`"
    assert ":file: course_map.html" in (ROOT / "book/intro.md").read_text(encoding="utf-8")


def test_map_leads_to_every_chapter_with_an_exercise_and_to_no_other_page():
    chapters = {page.rpartition("/")[2] for page in toc(ROOT) if page.startswith("exercises/")}
    assert chapters
    assert set(re.findall(r'href="(\w+)\.html"', drawing())) == chapters
    assert {place.page for place in PLACES} | set(ABOUT) == chapters


def test_each_place_has_the_norm_that_its_name_says():
    for place in PLACES:
        wanted = {"Data scaling": "standardization"}
        wanted |= dict.fromkeys(("Signal propagation", "Half precision", "Kernels"), "")
        assert place.norm == wanted.get(place.name, place.name.replace("B", "b")
                                        .replace("I", "i").replace("G", "g").replace("L", "l")
                                        .replace("W", "w"))  # fmt: skip


# (examples, channels, positions) that one output reads, of the block's (3, 4, 3)
@pytest.mark.parametrize(
    ("name", "extent"),
    [
        ("Batch norm", (3, 1, 3)),
        ("Instance norm", (1, 1, 3)),
        ("Group norm", (1, 2, 3)),
        ("Layer norm", (1, 4, 1)),
        ("RMS norm", (1, 4, 1)),
        ("Weight norm", (1, 3, 6)),
        ("Data scaling", (3, 1, 1)),
    ],
)
def test_words_of_a_place_agree_with_what_its_layer_reads(name, extent):
    read = mask(CARDS[name].norm)
    assert tuple(int(read.any(axis=axes).sum()) for axes in ((1, 2), (0, 2), (0, 1))) == extent
    assert read.sum() == np.prod(extent)
    if name == "RMS norm":  # whose words lean on layer norm's
        return
    n, c, s = extent
    words = " ".join(CARDS[name].words)
    assert ("one channel" in words or "one column" in words) == (c == 1)
    assert ("one example" in words) == (n == 1 and s == 3)
    assert ("token" in words) == (n == 1 and s == 1)


def test_cells_fill_what_the_mask_marks():
    read = np.zeros((2, 2, 2), dtype=bool)
    read[0, 0, 0] = True  # seen on the front and on the top
    unmarked, marked = re.findall(r' d="([^"]*)"', cells(read))
    assert marked.count("M") == 2
    assert unmarked.count("M") == 12 - 2
