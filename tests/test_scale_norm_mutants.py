"""Each error that people make in ScaleNorm, planted: the claim that is about it must fail."""

# ruff: noqa: E501 (one error a line: a table)

import copy
from functools import partial

import numpy as np
import test_scale_norm as claims
import torch
from mutants import assert_seen, planted

NUMPY, TWIN = "numpy_layers.scale_norm", "torch_layers.scale_norm"


def of_both(claim, *args):
    """Fill in the layer: the claim about the NumPy one, and about its twin."""
    return partial(claim, claims.numpy_run, *args), partial(claim, claims.twin_run, *args)


def of_one(property_, **example):
    """Take one example of a property, which fails at once and need not shrink."""
    return of_both(partial(property_.hypothesis.inner_test, shape=claims.SQUARE, seed=0, **example))


authors, twin_authors = of_both(
    claims.test_output_and_gradients_are_the_authors, claims.SQUARE, 1, 1.5
)
slope, twin_slope = of_both(claims.test_gradients_predict_the_slope, 1e-5)
length, twin_length = of_one(claims.test_every_vector_gets_the_length_g)
orthogonal, twin_orthogonal = of_one(claims.test_input_gradient_is_orthogonal_to_the_input)
zeros, twin_zeros = of_both(claims.test_zeros_stay_zeros_and_have_a_gradient)
half, twin_half = of_both(claims.test_half_precision_rounds_only_the_result)
dtypes, twin_dtypes = of_one(claims.test_everything_has_the_dtype_of_the_input, dtype=np.float16)

# (name, module, right, wrong, the claim that must see it)
ERRORS = [
    ("eps added to the length", NUMPY, "np.sqrt(np.maximum(squares, eps**2))", "(np.sqrt(squares) + eps)", authors),
    ("eps not squared", NUMPY, "np.maximum(squares, eps**2)", "np.maximum(squares, eps)", authors),
    ("eps not squared", TWIN, "min=eps**2", "min=eps", twin_authors),
    ("root before the floor", TWIN, ".clamp(min=eps**2)", ".sqrt().clamp(min=eps).square()", twin_zeros),
    ("mean for the sum: RMS norm", NUMPY, "np.square(wide).sum(", "np.square(wide).mean(", length),
    ("mean for the sum: RMS norm", TWIN, "wide.square().sum(", "wide.square().mean(", twin_length),
    ("divided by the square", NUMPY, "1 / np.sqrt(", "1 / (", length),
    ("divided by the square", TWIN, "torch.rsqrt(squares)", "1 / squares", twin_length),
    ("batch for features", NUMPY, "np.square(wide).sum(-1,", "np.square(wide).sum(0,", length),
    ("batch for features", TWIN, "wide.square().sum(-1,", "wide.square().sum(0,", twin_length),
    ("length detached", TWIN, "wide.square()", "wide.detach().square()", twin_slope),
    ("gradient without the x_hat term", NUMPY, "(upstream - np.where(floored, 0, along_x_hat))", "upstream", orthogonal),
    ("floored length not a constant", NUMPY, "np.where(floored, 0, along_x_hat)", "along_x_hat", authors),
    ("g left out of the gradient", NUMPY, "wide_dy if g is None else wide_dy * g", "wide_dy", authors),
    ("g's gradient without x_hat", NUMPY, "(wide_dy * x_hat).sum()", "wide_dy.sum()", authors),
    ("g's gradient averaged", NUMPY, "(wide_dy * x_hat).sum()", "(wide_dy * x_hat).mean()", authors),
    ("g ignored", NUMPY, "x_hat if g is None else x_hat * g", "x_hat", length),
    ("squares in half precision", "numpy_layers.moments", "np.promote_types(x.dtype, np.float32)", "x.dtype", half),
    ("squares in half precision", "torch_layers.moments", "torch.promote_types(x.dtype, torch.float32)", "x.dtype", twin_half),
    ("result left in float32", NUMPY, "return y.astype(x.dtype)", "return y", dtypes),
    ("result left in float32", TWIN, "return y.to(x.dtype)", "return y", twin_dtypes),
    ("argument changed in place", NUMPY, "x_hat = wide * inv_norm", "x_hat = np.multiply(wide, inv_norm, out=wide)", partial(claims.test_arguments_keep_their_values, np.asarray)),
    ("argument changed in place", TWIN, "y = wide * torch.rsqrt", "y = wide.mul_(2) * torch.rsqrt", partial(claims.test_arguments_keep_their_values, torch.from_numpy)),
    ("gain of one", TWIN, "math.sqrt(self.num_features)", "1.0", claims.test_g_starts_at_the_root_of_d),
    ("gain at random", TWIN, "nn.init.constant_(self.g, math.sqrt(self.num_features))", "nn.init.normal_(self.g)", claims.test_g_starts_at_the_root_of_d),
    ("eps of the module not used", TWIN, "scale_norm(x, self.g, self.eps)", "scale_norm(x, self.g)", partial(claims.test_module_and_its_copies_compute_the_function, copy.copy)),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
