"""The figures' seeded generator, number for number as in `numbers.math.mjs`."""

import numpy as np
from numpy.typing import NDArray

STEP = 0x6D2B79F5  # Mulberry32's: odd, so that the state passes through all of its values


def uniforms(seed: int, count: int) -> NDArray[np.float64]:
    """Return `count` numbers from [0, 1), in multiples of 2⁻³²."""
    mask = np.uint64(0xFFFFFFFF)
    state = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(STEP)) & mask
    t = ((state ^ (state >> np.uint64(15))) * (state | np.uint64(1))) & mask
    t ^= (t + (((t ^ (t >> np.uint64(7))) * (t | np.uint64(61))) & mask)) & mask
    return (t ^ (t >> np.uint64(14))) / 2.0**32


def normals(seed: int, count: int) -> NDArray[np.float64]:
    """Return `count` standard normal numbers: Box & Muller's pairs, cosine before sine."""
    u = uniforms(seed, count + count % 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[::2])), 2 * np.pi * u[1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.reshape(-1)[:count]
