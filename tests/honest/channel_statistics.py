"""Mean and variance of a channel, in ways of their own."""

ANSWERS = {"channel_statistics": {
"plain loops over nested lists": """
def flatten(values):
    if not isinstance(values, list):
        return [values]
    return [number for part in values for number in flatten(part)]

def channel_statistics(x):
    means, variances = [], []
    for c in range(x.shape[1]):
        numbers = flatten(x[:, c].tolist())
        mean = sum(numbers) / len(numbers)
        total = 0
        for number in numbers:
            total += (number - mean) ** 2
        means.append(mean)
        variances.append(total / len(numbers))
    return np.array(means), np.asarray(variances)
""",
"einsum over channels moved to the front": """
def channel_statistics(x):
    flat = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    m = flat.shape[1]
    mu = np.einsum("cm->c", flat) / m
    d = flat - mu[:, None]
    return mu, np.einsum("cm,cm->c", d, d) / m
""",
"np.add.reduce with one axis at a time": """
def channel_statistics(x):
    def average(t):
        m = t.size / t.shape[1]
        while t.ndim > 2:
            t = np.add.reduce(t, axis=-1)
        return np.add.reduce(t, axis=0) / m
    μ = average(x)
    σ2 = average(np.square(x - μ.reshape((-1,) + (1,) * (x.ndim - 2))))
    return μ, σ2
""",
"a projection matrix in float64": """
def channel_statistics(x):
    X = np.swapaxes(x, 0, 1).reshape(x.shape[1], -1).astype(np.float64)
    m = X.shape[1]
    ones = np.ones((m, 1))
    P = np.eye(m) - ones @ ones.T / m
    return (X @ ones / m).ravel(), np.diag(X @ P @ X.T) / m
""",
"Welford's recurrence": """
def channel_statistics(x):
    rows = x.transpose(0, *range(2, x.ndim), 1).reshape(-1, x.shape[1])
    mean, spread = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for k, row in enumerate(rows, start=1):
        delta = row - mean
        mean = mean + delta / k
        spread = spread + delta * (row - mean)
    return mean, spread / len(rows)
""",
"Welford's recurrence in the input's own precision": """
def channel_statistics(x):
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    mean, spread = np.zeros_like(rows[0]), np.zeros_like(rows[0])
    for k, row in enumerate(rows, start=1):
        delta = row - mean
        mean += delta / x.dtype.type(k)
        spread += delta * (row - mean)
    return mean, spread / x.dtype.type(len(rows))
""",
"a lambda, its helper in a cell of its own": """
reduced = lambda x: tuple(i for i in range(x.ndim) if i != 1)
# %%
channel_statistics = lambda x: (np.mean(x, axis=reduced(x)), np.var(x, axis=reduced(x), ddof=0))
""",
"halves merged by recursion": """
def merged(rows):
    if len(rows) == 1:
        return 1, rows[0].astype(float), np.zeros(rows.shape[1])
    half = len(rows) // 2
    (na, ma, sa), (nb, mb, sb) = merged(rows[:half]), merged(rows[half:])
    n, delta = na + nb, mb - ma
    return n, ma + delta * nb / n, sa + sb + delta**2 * na * nb / n

def channel_statistics(x):
    n, mean, squares = merged(np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]))
    return mean, squares / n
""",
"a shifted one-pass formula with type annotations": """
def channel_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes: tuple[int, ...] = (0, *range(2, x.ndim))
    first = x[(slice(0, 1), slice(None), *[slice(0, 1)] * (x.ndim - 2))]
    d = x - first
    return x.mean(axis=axes), (d * d).mean(axis=axes) - d.mean(axis=axes) ** 2
""",
"a NamedTuple": """
from typing import NamedTuple

class Moments(NamedTuple):
    mean: np.ndarray
    var: np.ndarray

def channel_statistics(x):
    axes = (0,) + tuple(range(2, x.ndim))
    return Moments(mean=x.mean(axes), var=x.var(axes))
""",
"a generator over the channels": """
def channels(x):
    for c in range(x.shape[1]):
        yield np.take(x, c, axis=1)

def channel_statistics(x):
    pairs = [(v.mean(), ((v - v.mean()) ** 2).mean()) for v in channels(x)]
    return tuple(map(np.array, zip(*pairs)))
""",
"long doubles": """
def channel_statistics(x):
    wide = x.astype(np.longdouble)
    axes = (0, *range(2, x.ndim))
    return wide.mean(axes), wide.var(axes)
""",
"one pass in float64": """
def channel_statistics(x):
    x = np.asarray(x, dtype=np.float64)
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes)
    return mean, (x * x).mean(axes) - mean * mean
""",
"rows of one array, a strided view": """
def channel_statistics(x):
    both = np.empty((x.shape[1], 2), order="F")
    for c in range(x.shape[1]):
        both[c] = x[:, c].mean(), x[:, c].var()
    mean, var = both.T
    mean.setflags(write=False)
    return mean, var[::-1][::-1]
""",
"the standard library's statistics": """
def channel_statistics(x):
    from statistics import fmean, pvariance
    by_channel = [[float(v) for v in x[:, c].flat] for c in range(x.shape[1])]
    return np.array([fmean(v) for v in by_channel]), np.array([pvariance(v) for v in by_channel])
""",
}}  # fmt: skip
