"""Whether two values count as equal, and how their difference is told."""

import numpy as np
import pytest

from course_lib.grading.compare import difference


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (np.float32(0.5), 0.5),
        (3, 3),
        (np.array(2.0), 2),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([np.inf, 1.0]), np.array([np.inf, 1.0])),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0])),
        (np.array([1.0, 1e-9]), np.array([1.0, 0.0])),
        ("anything", None),
    ],
)
def test_equal_values_have_no_difference(got, wanted):
    assert difference(got, wanted, 1e-6) is None


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (np.array([1.0, 1.1]), np.array([1.0, 1.0])),
        (np.array([np.inf, 9.0]), np.array([np.inf, 1.0])),
        (np.array([np.inf, 1.0]), np.array([-np.inf, 1.0])),
        (np.array([5.0, 1.0]), np.array([np.inf, 1.0])),
        (np.array([np.nan, 1.0]), np.array([1.0, 1.0])),
        (np.array([0.0, 1.0]), np.array([np.nan, 1.0])),
        (1e-9, 0.0),
    ],
)
def test_unequal_values_differ(got, wanted):
    assert difference(got, wanted, 1e-6) is not None


def test_tolerance_is_relative_to_the_largest_magnitude():
    wanted = np.array([1000.0, 0.0])
    assert difference(np.array([1000.0, 0.9e-3]), wanted, 1e-6) is None
    assert difference(np.array([1000.0, 1.1e-3]), wanted, 1e-6) is not None


@pytest.mark.parametrize(
    ("got", "detail"),
    [
        (np.array([[1.0, 2.0], [3.0, 9.0]]), "y[1, 1] should be 4, got 9"),
        (np.array([[1.0, 2.0], [np.nan, 4.0]]), "y[1, 0] is nan"),
    ],
)
def test_worst_element_is_named_by_its_position(got, detail):
    found = difference(got, np.array([[1.0, 2.0], [3.0, 4.0]]), 1e-6, "y")
    assert found.detail.endswith(detail)


@pytest.mark.parametrize(("got", "detail"), [(5.0, "n should be 4, got 5"), (np.inf, "n is inf")])
def test_number_needs_no_position(got, detail):
    assert difference(got, 4.0, 1e-6, "n").detail.endswith(detail)


def test_problem_alone_has_no_number():
    assert difference(np.array([1.5]), np.array([2.5]), 1e-6, "y").problem == "y has wrong values"
