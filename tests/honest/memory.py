"""Running statistics moved in place, in ways of their own."""

ANSWERS = {"update_running": {
"written element by element": """
def update_running(running_mean, running_var, x, momentum):
    for c in range(len(running_mean)):
        values = [float(v) for v in x[:, c].ravel()]
        m = len(values)
        mean = sum(values) / m
        unbiased = sum((v - mean) ** 2 for v in values) / (m - 1)
        running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean
        running_var[c] = (1 - momentum) * running_var[c] + momentum * unbiased
""",
"slices, and the arrays returned as well": """
def update_running(running_mean, running_var, x, momentum):
    axes = (0, *range(2, x.ndim))
    running_mean[:] = (1 - momentum) * running_mean + momentum * x.mean(axes)
    running_var[:] = (1 - momentum) * running_var + momentum * x.var(axes, ddof=1)
    return running_mean, running_var
""",
"ufuncs with out": """
def update_running(running_mean, running_var, x, momentum):
    def move(old, new):
        np.multiply(old, 1 - momentum, out=old)
        np.add(old, np.multiply(new, momentum), out=old)
    flat = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    move(running_mean, flat.mean(axis=1))
    move(running_var, np.array([np.cov(row) for row in flat]))
""",
"np.copyto from np.average": """
def update_running(running_mean, running_var, x, momentum):
    mean, var = channel_statistics(x)
    m = np.prod(np.delete(x.shape, 1))
    for old, new in zip((running_mean, running_var), (mean, var * m / (m - 1))):
        blend = np.average(np.stack([old, new]), axis=0, weights=[1 - momentum, momentum])
        np.copyto(old, blend)
""",
"a class that owns views": """
class Memory:
    def __init__(self, array):
        self.view = array[...]

    def pull(self, target, share):
        self.view += share * (target - self.view)

def update_running(running_mean, running_var, x, momentum):
    mean, var = channel_statistics(x)
    m = x.size // x.shape[1]
    Memory(running_mean).pull(mean, momentum)
    Memory(running_var).pull(var * (m / (m - 1)), momentum)
    return None
""",
"flat iterators and put": """
def update_running(running_mean, running_var, x, momentum):
    α = momentum
    axes = tuple(i for i in range(x.ndim) if i - 1)
    running_mean.put(range(x.shape[1]), running_mean - α * (running_mean - x.mean(axes)))
    running_var.flat = running_var - α * (running_var - np.var(x, axes, ddof=1))
    print("moved", running_mean, running_var)
""",
}, "update_cumulative": {
"the sum before, divided anew": """
def update_cumulative(running_mean, running_var, x, batches_seen):
    k = batches_seen
    running_mean *= k
    running_mean += x.mean(axis=0)
    running_mean /= k + 1
    running_var[...] = (running_var * k + x.var(axis=0, ddof=1)) / (k + 1)
""",
"the first batch as a case of its own": """
def update_cumulative(running_mean, running_var, x, batches_seen):
    mean, var = channel_statistics(x)
    m = x.size // x.shape[1]
    var = var * m / (m - 1)
    if batches_seen == 0:
        running_mean[:], running_var[:] = mean, var
    else:
        running_mean += (mean - running_mean) / (batches_seen + 1)
        running_var += (var - running_var) / (batches_seen + 1)
""",
"a history kept in a global list": """
HISTORY = []

def update_cumulative(running_mean, running_var, x, batches_seen):
    if not batches_seen:
        HISTORY.clear()
    HISTORY.append((np.mean(x, axis=0), np.var(x, axis=0, ddof=1)))
    for memory, seen in zip((running_mean, running_var), zip(*HISTORY)):
        memory[:] = sum(seen) / len(seen)
""",
"np.float64 shares and keywords alone": """
def update_cumulative(running_mean, running_var, x, batches_seen):
    share = np.reciprocal(np.float64(batches_seen + 1))
    update_running(momentum=share, x=x, running_var=running_var, running_mean=running_mean)
""",
"exact fractions of the share": """
from fractions import Fraction
# %%
def update_cumulative(running_mean, running_var, x, batches_seen):
    old = Fraction(int(batches_seen), int(batches_seen) + 1)
    update = lambda array, new: array.__setitem__(slice(None), float(old) * array
                                                  + float(1 - old) * new)
    flat = np.swapaxes(x, 0, 1).reshape(x.shape[1], -1)
    update(running_mean, flat.mean(1))
    update(running_var, flat.var(1, ddof=1))
""",
}}  # fmt: skip
