"""Real data that needs no network: the sets that come with scikit-learn."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.model_selection import train_test_split


class Split(NamedTuple):
    """Training and test examples, disjoint, with the classes in equal proportion."""

    x_train: NDArray[np.float32]  # (n, d)
    y_train: NDArray[np.int64]  # (n,)
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


def digits(seed: int = 0) -> Split:
    """Return 1,797 handwritten digits of 8x8 pixels, as rows of 64 intensities from 0 to 16."""
    return _split(datasets.load_digits(), seed)


def breast_cancer(seed: int = 0) -> Split:
    """Return 569 tumours, 30 measurements each in their own units; class 1 is benign."""
    return _split(datasets.load_breast_cancer(), seed)


def wine(seed: int = 0) -> Split:
    """Return 178 wines of three cultivars, 13 chemical measurements each in their own units."""
    return _split(datasets.load_wine(), seed)


def standardized(split: Split) -> Split:
    """Return the split with mean 0 and standard deviation 1 over all its training values at once.

    One pair of numbers for all columns: pixels stay comparable, and a column that is constant
    needs no special case.
    """
    mean, std = split.x_train.mean(), split.x_train.std()
    return split._replace(x_train=(split.x_train - mean) / std, x_test=(split.x_test - mean) / std)


def photographs() -> dict[str, NDArray[np.float32]]:
    """Return scikit-learn's two photographs, each (427, 640, 3) with values from 0 to 1."""
    images = datasets.load_sample_images().images
    names = ("temple", "flower")
    return {name: image.astype(np.float32) / 255 for name, image in zip(names, images, strict=True)}


def _split(bunch, seed: int) -> Split:
    """Hold a quarter out for testing; `seed` chooses which."""
    x, y = bunch.data.astype(np.float32), bunch.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.25, random_state=seed, stratify=y
    )
    return Split(x_train, y_train, x_test, y_test)
