"""What is dynamic erf's own, and its planted errors; see test_squashing for what it shares."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

from functools import partial

import test_squashing as claims
import torch
from hypothesis import given
from mutants import assert_seen, planted
from outcomes import assert_near

from course_lib import torch_layers

NAME = "dynamic_erf"
NUMPY, TWIN = f"numpy_layers.{NAME}", f"torch_layers.{NAME}"


@claims.both_layers
@claims.many
@given(shape=claims.shapes, seed=claims.seeds)
def test_offset_of_the_input_is_a_shift(run, shape, seed):
    x, alpha, shift, *rest = claims.draw(NAME, shape, seed)
    moved = run(NAME, x + 3, alpha, shift, *rest)[0]
    wanted = run(NAME, x, alpha, shift + 3 * alpha, *rest)[0]
    assert_near(moved, wanted, 1e-10)  # where bias and squashed value cancel, digits are lost


def test_fresh_module_is_the_papers():
    state = {key: value.tolist() for key, value in torch_layers.DynamicErf(2).state_dict().items()}
    assert state == {"alpha": [0.5], "shift": [0.0], "weight": [1.0, 1.0], "bias": [0.0, 0.0]}


def test_repr_shows_the_arguments():
    wanted = "(4,), alpha_init_value=0.8, shift_init_value=0.0"
    assert torch_layers.DynamicErf(4, 0.8).extra_repr() == wanted


def test_fresh_module_squashes_by_its_start():
    x = torch.linspace(-3, 3, 8).reshape(2, 4)
    assert torch.equal(torch_layers.DynamicErf(4, 0.5, 1.0)(x), torch.erf(x / 2 + 1))


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return tuple(partial(claim, NAME, run, *args) for run in (claims.numpy_run, claims.twin_run))


output, twin_output = of_both(claims.test_output_and_gradients_are_the_formulas, claims.SQUARE)
half, twin_half = of_both(claims.test_half_precision_rounds_only_the_result, 1.0)
dtypes = partial(claims.test_everything_has_the_dtype_of_the_input, NAME, claims.twin_run)
AFFINE = "affine_per_feature(_erf(z), weight, bias)"
TWIN_AFFINE = "affine_per_feature(y, weight, bias)"
CREATE = "self._create_affine(self.normalized_shape, True, True, **like)"
ERRORS = [
    ("alpha ignored", NUMPY, "alpha.astype(wide.dtype).reshape(()) * wide", "wide", output),
    ("shift inside the product", TWIN, "alpha * as_statistics_dtype(x) + shift", "alpha * (as_statistics_dtype(x) + shift)", twin_output),
    ("normal distribution for erf", NUMPY, "np.vectorize(math.erf, otypes", "np.vectorize(lambda v: math.erf(v / math.sqrt(2)), otypes", output),
    ("weight ignored", NUMPY, AFFINE, "affine_per_feature(_erf(z), None, bias)", output),
    ("bias ignored", TWIN, TWIN_AFFINE, "affine_per_feature(y, weight, 0 * bias)", twin_output),
    ("slope of erf missing", NUMPY, " * np.exp(-np.square(z))", "", output),
    ("slope without its factor", NUMPY, "(2 / math.sqrt(math.pi)) * ", "", output),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * weight", "wide_dy", output),
    ("alpha left out of the gradient", NUMPY, "(dz * alpha.reshape(()))", "dz", output),
    ("gradient of alpha without x", NUMPY, "(dz * x).sum()", "dz.sum()", output),
    ("half precision sums", NUMPY, "wide_dy = as_statistics_dtype(dy)", "wide_dy = dy", half),
    ("result left in float32", TWIN, TWIN_AFFINE + ".to(x.dtype)", TWIN_AFFINE, dtypes),
    ("shift starts elsewhere", TWIN, "float(shift_init_value)", "0.1", test_fresh_module_is_the_papers),
    ("gain at random", TWIN, CREATE, CREATE + "; nn.init.uniform_(self.weight)", test_fresh_module_is_the_papers),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
