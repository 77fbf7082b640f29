"""Scalers of data on tensors of any device; the twin of `numpy_layers.data_scaling`."""

import math

import torch
from torch import Tensor

from course_lib.numpy_layers import data_scaling as arrays
from course_lib.torch_layers.moments import as_statistics_dtype, moments


class _Rows:
    """What scalers and whitening ask of arrays, for tensors."""

    @staticmethod
    def _widen(x: Tensor, columns: int | None) -> Tensor:
        return as_rows(x, columns)

    @staticmethod
    def _narrow(wide: Tensor, x: Tensor) -> Tensor:
        return wide.to(x.dtype)


class _Tensors(_Rows):
    """What the scalers of arrays ask of arrays, for tensors; statistics are kept off the graph."""

    def _learn(self, wide: Tensor) -> "_Tensors":
        return super()._learn(wide.detach())

    @staticmethod
    def _extremes(*tables: Tensor) -> tuple[Tensor, Tensor]:
        everything = torch.cat(tables)
        missing = everything.isnan()
        none = missing.all(0)
        low = everything.masked_fill(missing, math.inf).amin(0)
        high = everything.masked_fill(missing, -math.inf).amax(0)
        return low.masked_fill(none, math.nan), high.masked_fill(none, math.nan)

    @staticmethod
    def _quantiles(wide: Tensor, percents: tuple[float, ...]) -> Tensor:
        # torch.nanquantile refuses more than 16 million values; sorting puts the NaNs last.
        ordered, last = wide.sort(0).values, (~wide.isnan()).sum(0).clamp(min=1) - 1
        place = torch.tensor(percents, dtype=wide.dtype, device=wide.device)[:, None] / 100 * last
        below, above = (ordered.gather(0, end.long()) for end in (place.floor(), place.ceil()))
        return torch.lerp(below, above, place - place.floor())

    @staticmethod
    def _moments(wide: Tensor) -> tuple[Tensor, Tensor]:
        missing = wide.isnan()
        n = (~missing).sum(0).clamp(min=1)
        # A gap filled with the mean of the others adds nothing to the squares.
        mean, var, _ = moments(torch.where(missing, wide.nansum(0) / n, wide), (0,))
        return mean[0], var[0] * len(wide) / n


def as_rows(x: Tensor, columns: int | None) -> Tensor:
    """Return `x` in float64, refusing what is not (n, `columns`) floats."""
    wide = as_statistics_dtype(x).double()
    arrays.require_rows(tuple(wide.shape), columns)
    return wide


class StandardScaler(_Tensors, arrays.StandardScaler):
    """Give each column mean 0 and variance 1; see `numpy_layers.data_scaling`."""


class MinMaxScaler(_Tensors, arrays.MinMaxScaler):
    """Map the range of each column to `feature_range`; see `numpy_layers.data_scaling`."""


class MaxAbsScaler(_Tensors, arrays.MaxAbsScaler):
    """Divide each column by its largest magnitude; see `numpy_layers.data_scaling`."""


class RobustScaler(_Tensors, arrays.RobustScaler):
    """Subtract the median, divide by the interquartile range; see `numpy_layers.data_scaling`."""
