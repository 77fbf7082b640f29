"""Scalers of data, column by column, with scikit-learn's names."""

import math
from typing import Any, Self

import numpy as np

from course_lib.numpy_layers.moments import Array, as_statistics_dtype, moments

TINY = 10 * 2.0**-52  # scikit-learn's: ten roundings of float64 next to 1


def merge_columns(n: Any, mean: Any, var: Any, other_n: Any, other_mean: Any, other_var: Any):
    """Return count, mean and biased variance of two sets of values from those of each.

    Arrays or tensors; Chan, Golub & LeVeque (1982), "Updating formulae and a pairwise algorithm
    for computing sample variances".
    """
    total = n + other_n
    nonzero = total + (total == 0)
    apart = other_mean - mean
    # Multiplied before divided: the quotient of two integer tensors would be float32.
    step = apart * other_n / nonzero
    spread = (other_var - var) * other_n + step * apart * n  # that of the two means included
    return total, mean + step, var + spread / nonzero


class _Rows:
    """A table in, float64 inside, a table of its dtype out; the torch twin replaces both."""

    @staticmethod
    def _widen(x: Array, columns: int | None) -> Array:
        return as_rows(x, columns)

    @staticmethod
    def _narrow(wide: Array, x: Array) -> Array:
        return wide.astype(np.asarray(x).dtype)


class _Scaler(_Rows):
    """Learn a centre and a unit a column; the torch twin replaces the static methods."""

    n_samples_seen_: Any = None  # (d,): the values of each column, NaNs left out

    def fit(self, x: Array) -> Self:
        """Forget what was learnt and learn from `x`, (n, d) floats; NaNs are left out."""
        self.n_samples_seen_ = None
        return self._learn(self._require_data(x))

    def transform(self, x: Array) -> Array:
        """Return the scaled (n, d), in the dtype of `x`; a NaN stays NaN."""
        wide, center, unit, shift = self._prepare(x)
        return self._narrow((wide - center) / unit + shift, x)

    def inverse_transform(self, x: Array) -> Array:
        """Return the data that `transform` made `x` of."""
        wide, center, unit, shift = self._prepare(x)
        return self._narrow((wide - shift) * unit + center, x)

    def _prepare(self, x: Array) -> tuple[Any, Any, Any, Any]:
        require_fit(self, self.n_samples_seen_)
        return self._widen(x, len(self.n_samples_seen_)), *self._affine()

    def _require_data(self, x: Array) -> Array:
        """Return `x` in float64, refusing what has no statistics or changes the columns."""
        fitted = self.n_samples_seen_
        wide = self._widen(x, None if fitted is None else len(fitted))
        if len(wide) == 0 or (abs(wide) == math.inf).any():
            raise ValueError(
                f"expected at least one row and no infinity, got x of shape {tuple(wide.shape)}; "
                "drop what has no value, or make it NaN"
            )
        return wide

    def _count(self, wide: Array) -> Self:
        """Add the present values of each column to those seen."""
        seen = self.n_samples_seen_
        self.n_samples_seen_ = (wide == wide).sum(0) + (0 if seen is None else seen)
        return self

    @staticmethod
    def _extremes(*tables: Array) -> tuple[Array, Array]:
        """Return the smallest and the largest present value of each column; NaN for none."""
        return tuple(
            bound.reduce([bound.reduce(table) for table in tables]) for bound in (np.fmin, np.fmax)
        )

    @staticmethod
    def _quantiles(wide: Array, percents: tuple[float, ...]) -> Array:
        """Return one row of column values a percentage."""
        return np.nanpercentile(wide, percents, axis=0)

    @staticmethod
    def _moments(wide: Array) -> tuple[Array, Array]:
        """Return mean and biased variance of the present values; 0 where there is none."""
        missing = np.isnan(wide)
        n = np.maximum((~missing).sum(0), 1)
        # A gap filled with the mean of the others adds nothing to the squares.
        filled = np.where(missing, np.where(missing, 0, wide).sum(0) / n, wide)
        mean, var, _ = moments(filled, (0,))
        return mean[0], var[0] * len(wide) / n


def require_fit(scaler: Any, learnt: Any) -> None:
    """Refuse to transform before anything was learnt."""
    if learnt is None:
        raise ValueError(
            f"expected a fitted {type(scaler).__name__}, got a fresh one; call fit(x) first"
        )


def as_rows(x: Array, columns: int | None) -> Array:
    """Return `x` in float64, refusing what is not (n, `columns`) floats."""
    x = np.asarray(x)
    require_rows(x.shape, columns)
    return as_statistics_dtype(x).astype(np.float64, copy=False)


def require_rows(shape: tuple[int, ...], columns: int | None) -> None:
    """Refuse what is not a table with the columns that were learnt."""
    if len(shape) != 2 or columns not in (None, shape[1]):
        raise ValueError(
            f"expected x of shape (n, {columns or 'd'}), got {tuple(shape)}; "
            "one row an example, one column a feature, the same in fit and transform"
        )


def _unit_or_one(unit: Any, too_small: Any) -> Any:
    """Replace units that are no more than rounding: a constant column is only moved."""
    unit = unit + 0.0
    unit[too_small] = 1.0
    return unit


class _PartialScaler(_Scaler):
    def partial_fit(self, x: Array) -> Self:
        """Learn from one more chunk of rows, as if all had come at once."""
        return self._learn(self._require_data(x))


class StandardScaler(_PartialScaler):
    """Give each column mean 0 (if `with_mean`) and variance 1 (if `with_std`).

    Attributes
    ----------
    mean_, var_, scale_ : (d,) float64
        The biased variance, and its root or 1 for a constant column.

    Notes
    -----
    Statistics are float64; a column without a value is left as it is.
    """

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean, self.with_std = with_mean, with_std

    def _learn(self, wide: Array) -> Self:
        n = self.n_samples_seen_
        seen = (0, 0.0, 0.0) if n is None else (n, self.mean_, self.var_)
        here = (wide == wide).sum(0)  # NaN alone differs from itself
        n, self.mean_, self.var_ = merge_columns(*seen, here, *self._moments(wide))
        # The rounding error of the two-pass variance: below it a column is constant.
        bound = n * self.var_ * 2.0**-52 + (n * self.mean_ * 2.0**-52) ** 2
        self.n_samples_seen_ = n
        self.scale_ = _unit_or_one(self.var_**0.5, self.var_ <= bound)
        return self

    def _affine(self) -> tuple[Any, Any, Any]:
        return self.mean_ if self.with_mean else 0.0, self.scale_ if self.with_std else 1.0, 0.0


class MinMaxScaler(_PartialScaler):
    """Map the range of each column to `feature_range`.

    Parameters
    ----------
    feature_range : (float, float), increasing
    clip : bool
        Hold new data within the range.

    Learns data_min_, data_max_, data_range_: (d,) float64.
    """

    def __init__(
        self, feature_range: tuple[float, float] = (0.0, 1.0), *, clip: bool = False
    ) -> None:
        if not feature_range[0] < feature_range[1]:
            raise ValueError(
                f"expected rising feature_range, got {feature_range}; exchange its ends"
            )
        self.feature_range, self.clip = feature_range, clip

    def _learn(self, wide: Array) -> Self:
        seen = () if self.n_samples_seen_ is None else (self.data_min_[None], self.data_max_[None])
        self.data_min_, self.data_max_ = self._extremes(wide, *seen)
        self.data_range_ = self.data_max_ - self.data_min_
        return self._count(wide)

    def _affine(self) -> tuple[Any, Any, Any]:
        low, high = self.feature_range
        unit = _unit_or_one(self.data_range_, self.data_range_ < TINY)
        return self.data_min_, unit / (high - low), low

    def transform(self, x: Array) -> Array:
        """Return the scaled (n, d), in the dtype of `x`; a NaN stays NaN."""
        y = super().transform(x)
        return y.clip(*self.feature_range) if self.clip else y


class MaxAbsScaler(_PartialScaler):
    """Divide each column by its largest magnitude, max_abs_: (d,) float64; zeros stay zeros."""

    def _learn(self, wide: Array) -> Self:
        seen = () if self.n_samples_seen_ is None else (self.max_abs_[None],)
        self.max_abs_ = self._extremes(abs(wide), *seen)[1]
        return self._count(wide)

    def _affine(self) -> tuple[Any, Any, Any]:
        return 0.0, _unit_or_one(self.max_abs_, self.max_abs_ < TINY), 0.0


class RobustScaler(_Scaler):
    """Subtract the median of each column and divide by the distance of two percentiles.

    Learns center_, scale_: (d,) float64. Quantiles of chunks do not merge: no `partial_fit`.
    """

    def __init__(
        self,
        *,
        with_centering: bool = True,
        with_scaling: bool = True,
        quantile_range: tuple[float, float] = (25.0, 75.0),
    ) -> None:
        if not 0 <= quantile_range[0] <= quantile_range[1] <= 100:
            raise ValueError(
                f"expected rising percentages, got {quantile_range}; the quartiles are (25, 75)"
            )
        self.with_centering, self.with_scaling = with_centering, with_scaling
        self.quantile_range = quantile_range

    def _learn(self, wide: Array) -> Self:
        low, high = self.quantile_range
        low, self.center_, high = self._quantiles(wide, (low, 50.0, high))
        self.scale_ = _unit_or_one(high - low, high - low < TINY)
        return self._count(wide)

    def _affine(self) -> tuple[Any, Any, Any]:
        center = self.center_ if self.with_centering else 0.0
        return center, self.scale_ if self.with_scaling else 1.0, 0.0
