"""Pictures of which values share a mean."""

import numpy as np
import pytest
from notebooks import ROOT

from course_lib import numpy_layers
from course_lib.lab.blocks import SHARES, overview


def test_overview_on_the_landing_page_is_what_the_code_draws():
    drawn = (ROOT / "book/_static/norms.svg").read_text(encoding="utf-8")
    assert drawn == overview(), "run `python -m course_lib.lab.blocks book/_static/norms.svg`"


@pytest.mark.parametrize("name", ["batch norm", "layer norm"])
def test_marked_cells_are_those_that_move_with_one_of_them(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 4, 4))
    nudged = x.copy()
    marked = np.array(
        [[[SHARES[name](n, c, s) for s in range(4)] for c in range(4)] for n in range(4)]
    )
    nudged[tuple(np.argwhere(marked)[0])] += 1.0
    norms = {
        "batch norm": lambda x: numpy_layers.batch_norm(x, None, None, training=True)[0],
        "layer norm": lambda x: numpy_layers.layer_norm(x, (4, 4))[0],
    }
    moved = norms[name](nudged) != norms[name](x)
    assert np.array_equal(moved, marked)
