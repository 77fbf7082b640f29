"""What is dynamic tanh's own, and its planted errors; see test_squashing for what it shares."""

# ruff: noqa: E501 (the planted errors stand one a line: a table)

from functools import partial

import test_squashing as claims
import torch
from hypothesis import given
from mutants import assert_seen, planted
from outcomes import assert_near

from course_lib import torch_layers

NAME = "dynamic_tanh"
NUMPY, TWIN = f"numpy_layers.{NAME}", f"torch_layers.{NAME}"


@claims.both_layers
@claims.many
@given(shape=claims.shapes, seed=claims.seeds)
def test_scale_of_the_input_is_a_scale_of_alpha(run, shape, seed):
    x, alpha, *rest = claims.draw(NAME, shape, seed)
    scaled, wanted = run(NAME, 3 * x, alpha, *rest)[0], run(NAME, x, 3 * alpha, *rest)[0]
    assert_near(scaled, wanted, claims.FLOAT64)


def test_fresh_module_is_the_papers():
    state = torch_layers.DynamicTanh((4, 3)).state_dict()
    wanted = {"alpha": torch.full((1,), 0.5), "weight": torch.ones(4, 3), "bias": torch.zeros(4, 3)}
    torch.testing.assert_close(dict(state), wanted, rtol=0, atol=0)


def test_repr_shows_the_arguments():
    assert repr(torch_layers.DynamicTanh(4, 0.8)) == "DynamicTanh((4,), alpha_init_value=0.8)"


def test_fresh_module_squashes_by_its_start():
    x = torch.linspace(-3, 3, 8).reshape(2, 4)
    assert torch.equal(torch_layers.DynamicTanh(4)(x), torch.tanh(x / 2))


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return tuple(partial(claim, NAME, run, *args) for run in (claims.numpy_run, claims.twin_run))


output, twin_output = of_both(claims.test_output_and_gradients_are_the_formulas, claims.SQUARE)
half, twin_half = of_both(claims.test_half_precision_rounds_only_the_result, 1.0)
AFFINE, TWIN_AFFINE = "affine_per_feature(t, weight, bias)", "affine_per_feature(y, weight, bias)"
CREATE = "self._create_affine(self.normalized_shape, True, True, **like)"
ERRORS = [
    ("alpha ignored", NUMPY, "alpha.astype(wide.dtype).reshape(()) * wide", "wide", output),
    ("alpha after the squashing", TWIN, "torch.tanh(as_statistics_dtype(alpha).reshape(()) * as_statistics_dtype(x))", "as_statistics_dtype(alpha) * torch.tanh(x)", twin_output),
    ("weight ignored", NUMPY, AFFINE, "affine_per_feature(t, None, bias)", output),
    ("weight ignored", TWIN, TWIN_AFFINE, "affine_per_feature(y, 0 * weight + 1, bias)", twin_output),
    ("bias ignored", NUMPY, AFFINE, "affine_per_feature(t, weight, None)", output),
    ("broadcast that fits squares", NUMPY, AFFINE, "affine_per_feature(t, weight[:, None], bias)", output),
    ("slope of tanh missing", NUMPY, "g * (1 - np.square(t))", "g", output),
    ("slope 1 - tanh", NUMPY, "(1 - np.square(t))", "(1 - t)", output),
    ("weight left out of the gradient", NUMPY, "wide_dy if weight is None else wide_dy * weight", "wide_dy", output),
    ("alpha left out of the gradient", NUMPY, "(dz * alpha.reshape(()))", "dz", output),
    ("gradient of alpha without x", NUMPY, "(dz * x).sum()", "dz.sum()", output),
    ("half precision sums", NUMPY, "wide_dy = as_statistics_dtype(dy)", "wide_dy = dy", half),
    ("half precision inside", TWIN, "torch.tanh(as_statistics_dtype(alpha).reshape(()) * as_statistics_dtype(x))", "torch.tanh(alpha * x)", twin_half),
    ("alpha of the module not used", TWIN, "torch.full((1,), float(alpha_init_value), **like)", "torch.full((1,), 1.0, **like)", test_fresh_module_is_the_papers),
    ("gain at random", TWIN, CREATE, CREATE + "; nn.init.uniform_(self.weight)", test_fresh_module_is_the_papers),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
