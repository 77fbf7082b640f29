"""Photographs on a page: with words, light in weight, and the same on a light and a dark page."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from course_lib.lab import photographs
from course_lib.lab.data import photographs as bundled

WORDS = {"alt": "two squares", "caption": "The second is darker."}


@pytest.fixture
def shown(monkeypatch):
    """Return a function that shows pictures and returns the HTML."""
    sent = []
    monkeypatch.setattr(photographs, "display", lambda html: sent.append(html.data))

    def html_of(pictures, **words):
        photographs.show_photographs(pictures, **WORDS | words)
        return sent.pop()

    return html_of


def square(level=0.5):
    return np.full((32, 48, 3), level)


def decoded(html: str) -> list[np.ndarray]:
    """Return the pictures in the HTML, from 0 to 1."""
    files = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(f)))) / 255 for f in files]


@pytest.mark.parametrize("name", ["alt", "caption"])
def test_photographs_without_words_are_refused(shown, name):
    with pytest.raises(ValueError, match=f"expected a text that says .+, got {name}="):
        shown({"a": square()}, **{name: " "})


def test_photograph_without_a_title_is_refused(shown):
    with pytest.raises(ValueError, match="expected a text that says what is shown"):
        shown({" ": square()})


def test_words_are_escaped(shown):
    html = shown({"<script>": square()}, alt='"><script>', caption="<script>")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4  # caption, group, picture and its title


def test_each_picture_has_a_text_alternative(shown):
    html = shown({"before": square(), "after": square(0.2)})
    assert re.findall(r'<img [^>]*alt="([^"]*)"', html) == ["before", "after"]
    assert 'role="group" aria-label="two squares"' in html


def test_dark_page_shows_the_same_picture(shown):
    html = shown({"a": square()})
    assert re.findall(r'<img class="([^"]*)"', html) == ["dark-light"]


@pytest.mark.parametrize(("level", "wanted"), [(0.2, 0.2), (-1.0, 0.0), (3.0, 1.0)])
def test_levels_arrive_and_leave_the_range_clipped(shown, level, wanted):
    (picture,) = decoded(shown({"a": square(level)}, width=24))
    assert picture.shape == (16, 24, 3)
    np.testing.assert_allclose(picture, wanted, atol=2 / 255)


def test_colours_keep_their_channel(shown):
    red = np.zeros((32, 48, 3))
    red[..., 0] = 1
    (picture,) = decoded(shown({"a": red}))
    np.testing.assert_allclose(picture.mean((0, 1)), [1, 0, 0], atol=0.02)


def test_callers_array_is_left_alone(shown):
    picture = square(3.0)
    shown({"a": picture})
    assert (picture == 3.0).all()


@pytest.mark.parametrize("shape", [(32, 48), (3, 32, 48)])
def test_other_shapes_are_refused(shown, shape):
    with pytest.raises(ValueError, match=r"expected a picture of shape \(h, w, 3\)"):
        shown({"a": np.zeros(shape)})


def test_four_bundled_photographs_stay_light_and_equal(shown):
    pictures = {f"{name} {i}": x for name, x in bundled().items() for i in range(2)}
    html = shown(pictures)
    assert len(html) < 150_000
    assert shown(pictures) == html
