"""The axes explorer under keys, mouse and finger, and for those who see no colours."""

import pytest
from explore.page import SETTLED, chromium, show

from course_lib.explore import Axes
from course_lib.explore.axes import TOKENS


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def figure(browser):
    """Open a page with the figure; ask it for a start of its own by `figure(norm=…)`."""
    tab = browser.new_page(viewport={"width": 800, "height": 1200})

    def start(**state):
        assert show(tab, Axes(**state)._repr_html_()) == []
        return tab

    yield start
    tab.close()


def cell(page, k):
    return page.get_by_role("gridcell").nth(k)


def test_arrow_keys_walk_and_are_announced(figure):
    page = figure()
    cell(page, 9).focus()
    for key, name in {"ArrowRight": "x[0, 1, 1, 0]", "ArrowDown": "x[0, 2, 1, 0]",
                      "End": "x[1, 2, 1, 1]", "ArrowRight+": "x[1, 2, 1, 1]",
                      "ArrowUp": "x[1, 1, 1, 1]", "Home": "x[0, 1, 0, 0]",
                      "ArrowLeft": "x[0, 1, 0, 0]"}.items():  # fmt: skip
        page.keyboard.press(key.rstrip("+"))
        page.evaluate(SETTLED)
        assert f"{name} shares" in page.get_by_role("status").inner_text()
        focused = page.evaluate(
            "document.querySelector('.course-explore').shadowRoot.activeElement.ariaLabel"
        )
        assert focused.startswith(f"{name} = ")
    assert page.locator("rect[tabindex='0']").count() == 1


def test_keys_and_field_change_the_value_and_mark_what_moved(figure):
    page = figure()
    cell(page, 9).focus()
    page.keyboard.press("+")
    page.evaluate(SETTLED)
    words = page.get_by_role("status").inner_text()
    assert "So −0.2 becomes" in words
    assert "Your edits have moved 8 of 32 outputs" in words
    assert page.get_by_role("gridcell", name="moved").count() == 8
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("2.5")
    page.evaluate(SETTLED)
    assert cell(page, 9).get_attribute("aria-label").startswith("x[0, 1, 0, 1] = 2.5, group b")
    assert page.get_by_role("slider").first.input_value() == "2.5"
    page.keyboard.type("9")  # 2.59 is rounded, not refused
    page.evaluate(SETTLED)
    assert "So 2.6 becomes" in page.get_by_role("status").inner_text()


def test_mouse_chooses_and_drags(figure):
    page = figure()
    area = cell(page, 20).bounding_box()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 1, y - 2)  # a hand that trembles
    page.mouse.up()
    page.evaluate(SETTLED)
    assert "So 0.1 becomes" in page.get_by_role("status").inner_text()
    page.mouse.down()
    page.mouse.move(x, y - 22, steps=4)
    page.mouse.up()
    page.evaluate(SETTLED)
    assert "x[1, 2, 0, 0]" in page.get_by_role("status").inner_text()
    assert "So 1.1 becomes" in page.get_by_role("status").inner_text()


def test_finger_chooses_and_does_not_drag(browser):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    show(page, Axes()._repr_html_())
    cell(page, 3).tap()
    page.evaluate(SETTLED)
    assert "x[0, 0, 1, 1] shares" in page.get_by_role("status").inner_text()
    area, device = cell(page, 3).bounding_box(), context.new_cdp_session(page)
    x, y = area["x"] + 10, area["y"] + 10
    for kind, down in (("touchStart", 0), ("touchMove", 5), ("touchMove", 12), ("touchEnd", None)):
        points = [] if down is None else [{"x": x, "y": y - down}]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.evaluate(SETTLED)
    assert "So 1.7 becomes" in page.get_by_role("status").inner_text()
    context.close()


def test_groups_show_for_group_norm_and_calls_follow(figure):
    page = figure()
    groups = page.get_by_role("slider", name="Groups")
    assert not groups.is_visible()
    page.get_by_role("combobox", name="Norm").select_option("group norm")
    groups.focus()
    page.keyboard.press("ArrowRight")
    page.evaluate(SETTLED)
    said = page.locator("dd").all_inner_texts()
    assert "torch.nn.GroupNorm(4, 4)" in said
    assert "torch_layers.GroupNorm(4, 4)" in said
    assert "x.reshape(2, 4, 1, 2, 2)" not in " ".join(said)  # one channel a group needs no cut
    page.get_by_role("radio", name="(n, t, d)").check()
    page.evaluate(SETTLED)
    assert "torch.nn.GroupNorm(4, 4)(x.mT).mT" in page.locator("dd").all_inner_texts()


def test_refusal_is_in_the_layers_words_and_shows_no_call(figure):
    page = figure(norm="instance norm", layout="(n, c)")
    assert "expected more than one position" in page.get_by_role("status").inner_text()
    assert not page.locator("dl").is_visible()
    assert "group" not in cell(page, 0).get_attribute("aria-label")


def test_letters_and_frames_tell_the_groups_without_colour(figure):
    page = figure(norm="layer norm", layout=TOKENS)
    letters = page.locator("svg[role=grid] text").all_text_contents()
    assert letters.count("abcdefgh") == 4
    framed = page.locator("svg[role=grid] path[stroke-width='2']").get_attribute("d")
    assert framed.count("M") == 4
