"""Wrong calls, of a NumPy layer and of its twin, and what their messages say."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch


def zeros(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Return an array whose shape, or dtype, is all that matters."""
    return np.zeros(shape, dtype)


def assert_told(
    function: Callable, args: Sequence, error: type[Exception], words: Sequence[str]
) -> None:
    """Assert that the call is refused in these words, in this order; a twin is given tensors."""
    if ".torch_layers." in function.__module__:
        args = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args]
    with pytest.raises(error, match="^expected .*" + ".*".join(map(re.escape, words))):
        function(*args)


def assert_says(call: Callable, words: str) -> None:
    """Assert that the call raises ValueError with exactly these words."""
    with pytest.raises(ValueError, match="expected") as error:
        call()
    assert str(error.value) == words, str(error.value)
