"""What chapters share: claims, source listings, the progress bar, data."""

import contextlib
import io
import re
import sys

import numpy as np
import pytest

from course_lib import numpy_layers
from course_lib.lab import data, progress
from course_lib.lab.claims import ClaimFailed, claim
from course_lib.lab.source import source
from course_lib.lab.tables import table


class Documented:
    """Say what this is.

    At length.
    """

    def method(self):
        """Return one."""
        # Comments stay.
        return "one"  # and so do these


def test_true_claim_is_printed_with_a_tick(capsys):
    claim("the mean is 0.0", True)
    assert capsys.readouterr().out == "✓ the mean is 0.0\n"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("to 2e-09", "to 2·10⁻⁹"),
        ("3.1e+04 steps, 1e-5", "3.1·10⁴ steps, 10⁻⁵"),
        ("apart by 0e+00", "apart by 0"),
        ("from -4.9 to (-0.5)", "from −4.9 to (−0.5)"),
        ("x[-1], 3-5, 8x8, pre-1e3 and m - 1", "x[−1], 3-5, 8x8, pre-10³ and m - 1"),
    ],
)
def test_numbers_of_a_claim_are_typeset(capsys, text, printed):
    claim(text, True)
    assert capsys.readouterr().out == f"✓ {printed}\n"


def test_false_claim_stops_the_chapter_with_its_text():
    with pytest.raises(ClaimFailed, match=r"contradicts this claim: the mean is 0\.1"):
        claim("the mean is 0.1", False)


def test_false_claim_prints_no_tick(capsys):
    with contextlib.suppress(ClaimFailed):
        claim("the mean is 0.1", False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("condition", [np.float64(0.1) < 1, np.array(True)])
def test_numpy_boolean_counts_as_condition(condition, capsys):
    claim("small", condition)
    assert "✓ small" in capsys.readouterr().out


def test_array_is_no_condition():
    with pytest.raises(ValueError, match="ambiguous"):
        claim("all small", np.array([True, True]))


def test_listing_leaves_the_docstrings_out():
    assert '"""' not in source(Documented).data


def test_listing_of_a_part_starts_at_the_margin():
    listing = source(Documented.method, part=("# Comments", "return"))
    assert listing.data == ('```python\n# Comments stay.\nreturn "one"  # and so do these\n```')


def test_listing_of_a_part_that_is_gone_says_so():
    with pytest.raises(ValueError, match="was it edited"):
        source(Documented.method, part=("return", "no such line"))


def test_table_has_a_heading_a_column_and_a_cell_a_value():
    shown = table(["m", "a < b"], [["2", "1.2"], ["4", "0.2"]]).data
    assert re.findall(r"<th scope=\"col\">(.*?)</th>", shown) == ["m", "a &lt; b"]
    assert re.findall(r"<td>(.*?)</td>", shown) == ["2", "1.2", "4", "0.2"]
    assert shown.count("<tr>") == 3


def test_tables_box_is_named_and_scrolls_by_keyboard():
    shown = table(["m", 'a < "b"'], [["2", "1.2"]]).data
    (box,) = re.findall(r"^<div [^>]*>(?=<table )", shown)
    assert 'role="region"' in box
    assert 'tabindex="0"' in box
    assert 'aria-label="Table: m, a &lt; &quot;b&quot;"' in box
    assert "overflow-x:auto" in box


def test_table_refuses_a_row_of_another_length():
    with pytest.raises(ValueError, match="expected 2 values a row"):
        table(["m", "loss"], [["2"]])


def test_listing_keeps_the_comments():
    assert "# Comments stay." in source(Documented).data


def test_listing_without_docstrings_is_the_rest_of_the_code():
    assert source(Documented).data == (
        "```python\n"
        "class Documented:\n"
        "    def method(self):\n"
        "        # Comments stay.\n"
        '        return "one"  # and so do these\n'
        "```"
    )


def test_listing_keeps_the_docstrings_when_asked():
    assert "At length." in source(Documented, docstring=True).data


@pytest.mark.parametrize("name", numpy_layers.__all__)
def test_listing_of_every_layer_is_valid_python(name):
    code = source(getattr(numpy_layers, name)).data.removeprefix("```python\n")
    assert compile(code.removesuffix("```"), name, "exec")


def bar_of(monkeypatch, watched: bool) -> str:
    """Return what a finished bar wrote."""
    monkeypatch.setattr(progress, "_somebody_watches", lambda: watched)
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(progress.progress(range(3), "counting")) == [0, 1, 2]
    return screen.getvalue()


def test_bar_is_silent_when_nobody_watches(monkeypatch):
    assert bar_of(monkeypatch, watched=False) == ""


def test_bar_is_drawn_for_a_watcher(monkeypatch):
    assert "counting" in bar_of(monkeypatch, watched=True)


def test_nobody_watches_a_test_run(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress._somebody_watches()


@pytest.mark.parametrize("allow_stdin", [True, False])
def test_notebook_is_watched_when_its_front_end_can_ask(monkeypatch, allow_stdin):
    import IPython

    class Shell:
        class kernel:
            _allow_stdin = allow_stdin

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    assert progress._somebody_watches() is allow_stdin


SIZES = {"digits": (1797, 64, 10), "breast_cancer": (569, 30, 2), "wine": (178, 13, 3)}
all_sets = pytest.mark.parametrize("name", SIZES)


@all_sets
def test_split_has_every_example(name):
    n, d, classes = SIZES[name]
    split = getattr(data, name)()
    assert split.x_train.shape[1:] == split.x_test.shape[1:] == (d,)
    assert len(split.x_train) + len(split.x_test) == n
    assert set(split.y_train) == set(split.y_test) == set(range(classes))


@all_sets
def test_split_holds_a_quarter_out(name):
    split = getattr(data, name)()
    assert len(split.y_test) == len(split.x_test) == -(-SIZES[name][0] // 4)


@all_sets
def test_split_has_torchs_default_dtypes(name):
    assert [part.dtype for part in getattr(data, name)()] == [np.float32, np.int64] * 2


@all_sets
def test_split_is_disjoint(name):
    split = getattr(data, name)()
    rows = [{row.tobytes() for row in part} for part in (split.x_train, split.x_test)]
    assert rows[0] & rows[1] == set()


@all_sets
def test_split_has_the_classes_in_equal_proportion(name):
    split = getattr(data, name)()
    shares = [np.bincount(y) / len(y) for y in (split.y_train, split.y_test)]
    # One example more or less in a test set of m examples moves a share by 1/m.
    np.testing.assert_allclose(*shares, atol=1.5 / len(split.y_test))


@all_sets
def test_split_is_the_same_on_every_call(name):
    for first, second in zip(getattr(data, name)(3), getattr(data, name)(3), strict=True):
        np.testing.assert_array_equal(first, second)


@all_sets
def test_seed_chooses_the_split(name):
    assert not np.array_equal(getattr(data, name)(0).x_test, getattr(data, name)(1).x_test)


def test_photographs_are_two_images_from_0_to_1():
    photographs = data.photographs()
    assert list(photographs) == ["temple", "flower"]
    for image in photographs.values():
        assert (image.shape, image.dtype) == ((427, 640, 3), np.float32)
        assert 0 <= image.min() < 0.1 < 0.9 < image.max() <= 1
