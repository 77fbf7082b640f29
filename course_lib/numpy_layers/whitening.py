"""Whitening: a linear map of the data whose result has the identity as covariance."""

from typing import Any, Self

import numpy as np

from course_lib.numpy_layers.data_scaling import _Rows, require_fit
from course_lib.numpy_layers.moments import Array, moments


class PCAWhitening(_Rows):
    """Turn the data onto its principal axes and give each of them variance 1.

    Parameters
    ----------
    eps : float, not negative
        Added to each variance before its root; above 0 it lets axes without spread pass, whose
        variance then becomes var / (var + eps) in place of 1.

    Attributes
    ----------
    mean_ : (d,) float64
    components_ : (d, d) float64
        One axis a row, the widest first; its largest entry in magnitude is positive.
    explained_variance_ : (d,) float64
        The biased variance along each axis.

    Notes
    -----
    Covariance over the n rows, divided by n as every statistic here (scikit-learn's
    ``PCA(whiten=True)`` divides by n − 1).

    References
    ----------
    Kessy, Lewin & Strimmer (2018), "Optimal whitening and decorrelation".
    """

    mean_: Any = None

    def __init__(self, eps: float = 0.0) -> None:
        if not eps >= 0:
            raise ValueError(f"expected eps of at least 0, got {eps}; try 1e-5")
        self.eps = eps

    def fit(self, x: Array) -> Self:
        """Learn mean and axes from `x`, (n, d) floats, n at least 2, without NaN."""
        wide = self._widen(x, None)
        if len(wide) < 2 or (wide - wide != 0).any():  # infinity or NaN
            raise ValueError(
                f"expected at least two rows of finite values, got x of shape {tuple(wide.shape)}; "
                "drop or fill in what is missing"
            )
        self.mean_, self.explained_variance_, self.components_ = self._decompose(wide)
        # Of variances, float64 tells no more than 16 digits below the largest.
        smallest = self.explained_variance_[0] * wide.shape[1] * 2.0**-52
        if self.eps == 0 and (self.explained_variance_ <= smallest).any():
            raise ValueError(
                f"expected data that spread in all {wide.shape[1]} directions, got "
                f"{int((self.explained_variance_ > smallest).sum())}; pass eps=1e-5"
            )
        return self

    def transform(self, x: Array) -> Array:
        """Return the whitened (n, d), in the dtype of `x`."""
        return self._narrow((self._rows(x) - self.mean_) @ self._maps()[0], x)

    def inverse_transform(self, x: Array) -> Array:
        """Return the data that `transform` made `x` of."""
        return self._narrow(self._rows(x) @ self._maps()[1] + self.mean_, x)

    def _maps(self) -> tuple[Any, Any]:
        """Return the (d, d) that rows are multiplied by, there and back."""
        root = (self.explained_variance_ + self.eps) ** 0.5
        return self.components_.T / root, self.components_ * root[:, None]

    def _rows(self, x: Array) -> Any:
        require_fit(self, self.mean_)
        return self._widen(x, len(self.mean_))

    @staticmethod
    def _decompose(wide: Array) -> tuple[Array, Array, Array]:
        """Return mean, variances and axes, the widest first."""
        mean, _, centered = moments(wide, (0,))
        variances, axes = np.linalg.eigh(centered.T @ centered / len(wide))
        components = axes.T[::-1]
        largest = np.abs(components).argmax(1)[:, None]
        signs = np.sign(np.take_along_axis(components, largest, 1))
        return mean[0], variances[::-1].clip(0), components * signs


class ZCAWhitening(PCAWhitening):
    """Whiten and turn back: of all whitenings, the one that changes the data least.

    The map is the symmetric inverse root of the covariance, so a pixel stays the same pixel.
    Parameters, attributes and errors are those of `PCAWhitening`.
    """

    def _maps(self) -> tuple[Any, Any]:
        there, back = super()._maps()
        return there @ self.components_, self.components_.T @ back
