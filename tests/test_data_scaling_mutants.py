"""Each error that people make when they scale or whiten data, planted: a claim must fail."""

# ruff: noqa: E501 (one error a line: a table)

from functools import partial
from importlib import import_module

import test_data_scaling as scaling
import test_unit_norm as rows
import test_whitening as whitening
from mutants import assert_seen, planted

from course_lib.numpy_layers import data_scaling as arrays
from course_lib.numpy_layers import whitening as array_whitening
from course_lib.torch_layers import data_scaling as tensors

SCALING, TENSORS = "numpy_layers.data_scaling", "torch_layers.data_scaling"
ROWS, WHITENING = "numpy_layers.unit_norm", "numpy_layers.whitening"


def of(package, claim, *args):
    """Fill in the package, from which the claim takes the planted scaler."""
    return partial(claim, package, *args)


values = partial(of, arrays, scaling.test_transform_and_its_inverse_are_sklearns)
learnt = partial(of, arrays, scaling.test_attributes_are_sklearns)
chunks = partial(of, arrays, scaling.test_chunks_give_what_the_whole_gives)
twin_values = partial(of, tensors, scaling.test_transform_and_its_inverse_are_sklearns)
gaps = partial(of, arrays, scaling.test_gap_stays_a_gap_and_no_other_appears)
empty = partial(of, arrays, scaling.test_chunk_without_a_value_changes_nothing)
kept = partial(of, arrays, scaling.test_second_fit_forgets_the_first)
dtypes = partial(of, arrays, scaling.test_dtype_is_the_inputs_and_only_the_result_is_rounded)
merged = partial(of, tensors, scaling.test_merged_moments_are_those_of_the_whole)
integers = of(arrays, scaling.test_wrong_call_is_told_what_to_do, *scaling.WRONG_CALLS[-1])
identity = partial(of, array_whitening, whitening.test_covariance_of_the_result_is_the_identity)
closest = of(array_whitening, whitening.test_zca_is_the_whitening_closest_to_the_data)
axes = of(array_whitening, whitening.test_principal_axes_are_sklearns)
shrunk = partial(of, array_whitening, whitening.test_eps_shrinks_each_variance_in_its_own_measure)
flat = partial(of, array_whitening, whitening.test_flat_data_without_eps_are_refused)
back = partial(of, array_whitening, whitening.test_inverse_returns_the_data)


def norm_of(claim, *args):
    """Look the planted function up when the claim is made."""
    module = import_module("course_lib.numpy_layers.unit_norm")
    return partial(claim, lambda x, p=2.0: module.unit_norm(x, p), *args)


ERRORS = [
    ("unbiased variance", SCALING, "var[0] * len(wide) / n", "var[0] * len(wide) / (n - 1)", learnt("StandardScaler")),
    ("gaps counted as values", SCALING, "var[0] * len(wide) / n", "var[0]", learnt("StandardScaler")),
    ("gaps counted as zeros", SCALING, "filled = np.where(missing, np.where(missing, 0, wide).sum(0) / n, wide)", "filled = np.where(missing, 0, wide)", learnt("StandardScaler")),
    ("divided by the variance", SCALING, "self.var_**0.5", "self.var_", values("StandardScaler", {})),
    ("constant column divided by 0", SCALING, "unit[too_small] = 1.0", "pass", values("StandardScaler", {})),
    ("constant column divided by 0", SCALING, "unit[too_small] = 1.0", "pass", gaps("MinMaxScaler")),
    ("variance between chunks left out", SCALING, " + step * apart * n", "", chunks("StandardScaler")),
    ("chunks weigh alike", SCALING, "step = apart * other_n / nonzero", "step = apart / 2", chunks("StandardScaler")),
    ("quotient of integer tensors", SCALING, "step = apart * other_n / nonzero", "step = apart * (other_n / nonzero)", of(tensors, scaling.test_chunks_give_what_the_whole_gives, "StandardScaler")),
    ("last chunk alone counts", SCALING, "bound.reduce([bound.reduce(table) for table in tables])", "bound.reduce(tables[0])", chunks("MinMaxScaler")),
    ("a gap spoils the extremes", SCALING, "(np.fmin, np.fmax)", "(np.minimum, np.maximum)", learnt("MinMaxScaler")),
    ("magnitude without sign", SCALING, "self._extremes(abs(wide), *seen)", "self._extremes(wide, *seen)", learnt("MaxAbsScaler")),
    ("old rows remembered by fit", SCALING, "self.n_samples_seen_ = None\n        return", "return", kept("StandardScaler")),
    ("range not shifted", SCALING, "unit / (high - low), low", "unit / (high - low), 0.0", values("MinMaxScaler", {"feature_range": (-2.0, 3.0)})),
    ("clip forgotten", SCALING, "if self.clip else y", "if False else y", values("MinMaxScaler", {"clip": True})),
    ("mean in place of the median", SCALING, "(low, 50.0, high)", "(low, (low + high) / 2 + 1, high)", learnt("RobustScaler")),
    ("result left in float64", SCALING, "wide.astype(np.asarray(x).dtype)", "wide", dtypes("StandardScaler", "float32")),
    ("integers truncated", SCALING, "as_statistics_dtype(x).astype", "x.astype", integers),
    ("nearest quantile", TENSORS, "torch.lerp(below, above, place - place.floor())", "below", twin_values("RobustScaler", {})),
    ("gap sorted last and counted", TENSORS, "(~wide.isnan()).sum(0).clamp(min=1) - 1", "len(wide) - 1", twin_values("RobustScaler", {})),
    ("gaps counted as values", TENSORS, "var[0] * len(wide) / n", "var[0]", twin_values("StandardScaler", {})),
    ("powers not rooted", ROWS, " ** (1 / p)", "", norm_of(rows.test_values_are_sklearns, 2.0, "l2")),
    ("row of zeros becomes NaN", ROWS, "np.where(largest == 0, 1.0, largest)", "largest", norm_of(rows.test_row_of_zeros_and_table_without_columns_stay, 2.0)),
    ("large row overflows", ROWS, "scaled = wide / np.where(largest == 0, 1.0, largest)", "scaled = wide + 0.0", norm_of(rows.test_scale_of_a_row_does_not_matter, 2.0, 1e300)),
    ("columns in place of rows", ROWS, ".max(1, keepdims=True, initial=0.0)", ".max(0, keepdims=True, initial=0.0)", norm_of(rows.test_values_are_sklearns, float("inf"), "max")),
    ("divided by the variances", WHITENING, "(self.explained_variance_ + self.eps) ** 0.5", "(self.explained_variance_ + self.eps)", identity("PCAWhitening")),
    ("eps outside the root", WHITENING, "(self.explained_variance_ + self.eps) ** 0.5", "self.explained_variance_ ** 0.5 + self.eps", shrunk("ZCAWhitening")),
    ("data not centred", WHITENING, "(self._rows(x) - self.mean_)", "self._rows(x)", identity("ZCAWhitening")),
    ("unbiased covariance", WHITENING, "@ centered / len(wide)", "@ centered / (len(wide) - 1)", identity("PCAWhitening")),
    ("axes not turned back", WHITENING, "there @ self.components_, self", "there, self", closest),
    ("narrowest axis first", WHITENING, "axes.T[::-1]", "axes.T", identity("PCAWhitening")),
    ("sign left to chance", WHITENING, "components * signs", "components", axes),
    ("flat direction divided by 0", WHITENING, "if self.eps == 0 and", "if False and", flat("PCAWhitening", 50)),
    ("mean not given back", WHITENING, "@ self._maps()[1] + self.mean_", "@ self._maps()[1]", back("ZCAWhitening", 0.0)),
]  # fmt: skip


@planted(ERRORS)
def test_planted_error_is_seen(monkeypatch, where, right, wrong, claim):
    assert_seen(monkeypatch, where, right, wrong, claim)
