"""What the mouse does beside native controls, and what a chapter hands to a figure."""

import numpy as np
import pytest
from explore.page import SETTLED, chromium, show

from course_lib import explore


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 800, "height": 900})
    yield page
    page.close()


def drag(page, start, by):
    """Drag the mouse from a place by an amount, and wait until that is drawn."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=3)
    page.mouse.up()
    page.evaluate(SETTLED)


def middle(locator):
    area = locator.bounding_box()
    return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2


def test_mouse_drags_a_bar(page):
    show(page, explore.Projection()._repr_html_())
    bar = page.get_by_role("slider", name="dy 3")
    assert bar.get_attribute("aria-valuenow") == "-0.8"
    x, y = middle(bar)
    drag(page, (x, y + 40), (0, -80))
    assert float(bar.get_attribute("aria-valuenow")) > 1
    others = page.get_by_role("slider", name="dy 4")
    assert others.get_attribute("aria-valuenow") == "2.4"


def test_mouse_drags_both_starts_of_descent(page):
    show(page, explore.Descent()._repr_html_())
    raw, standardized = page.get_by_role("slider", name="Start").all()
    for handle in (raw, standardized):
        before = [one.get_attribute("aria-valuetext") for one in (raw, standardized)]
        drag(page, middle(handle), (40, 10))
        after = [one.get_attribute("aria-valuetext") for one in (raw, standardized)]
        assert before[0] != after[0]
        assert before[1] != after[1]


def test_focus_stays_on_a_handle_that_moves(page):
    show(page, explore.Projection()._repr_html_())
    bar = page.get_by_role("slider", name="dy 3")
    bar.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
        page.evaluate(SETTLED)
    assert bar.get_attribute("aria-valuenow") == "-0.5"


def test_click_chooses_a_value_of_the_block(page):
    show(page, explore.OneReduction()._repr_html_())
    area = page.locator("svg").bounding_box()
    page.mouse.click(area["x"] + area["width"] - 10, area["y"] + 25)
    page.evaluate(SETTLED)
    assert page.get_by_role("slider", name="Changed value").input_value() == "35"  # x[1, 0, 3]


def test_batches_are_drawn_from_the_chapters_own_values(page):
    show(page, explore.BatchSize(values=np.array([2.0, 4.0]), batch=4)._repr_html_())
    words = page.get_by_role("status").inner_text()
    assert "1.000/√4 = 0.500" in words
