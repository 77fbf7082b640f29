"""The fixed map of evaluation, and how fast the start is forgotten, in ways of their own."""

ANSWERS = {"evaluate": {
"channel by channel": """
def evaluate(x, running_mean, running_var, weight, bias, eps):
    y = np.empty(x.shape)
    for c, (mu, var, gamma, beta) in enumerate(zip(running_mean, running_var, weight, bias)):
        y[:, c] = gamma * (x[:, c] - mu) / np.sqrt(var + eps) + beta
    return y
""",
"transposed so that channels broadcast": """
def evaluate(x, running_mean, running_var, weight, bias, eps):
    t = x.swapaxes(1, -1)
    return ((t - running_mean) * (weight / np.sqrt(running_var + eps)) + bias).swapaxes(1, -1)
""",
"einsum and broadcast_to": """
def evaluate(x, running_mean, running_var, weight, bias, eps):
    scale = weight * np.power(running_var + eps, -0.5)
    shift = np.broadcast_to((bias - scale * running_mean).reshape(-1, *[1] * (x.ndim - 2)), x.shape)
    return np.einsum("nc...,c->nc...", x, scale) + shift
""",
"a 1 × 1 convolution with a diagonal kernel": """
def evaluate(x, running_mean, running_var, weight, bias, eps):
    n, c, *rest = x.shape
    kernel = np.diag(weight / np.sqrt(running_var + eps))
    return (np.tensordot(kernel, x - running_mean.reshape(1, c, *[1] * len(rest)), axes=(1, 1))
            .swapaxes(0, 1) + bias.reshape(1, c, *[1] * len(rest)))
""",
"a list of arrays stacked": """
def evaluate(x, running_mean, running_var, weight, bias, eps):
    σ = [math.sqrt(v + eps) for v in running_var]
    planes = [(x[:, c] - running_mean[c]) / σ[c] * weight[c] + bias[c] for c in range(len(σ))]
    return np.stack(planes, axis=1)
""",
"numbers in another byte order": """
def evaluate(x, running_mean, running_var, weight, bias, eps):
    scale = weight * (running_var + eps) ** -0.5
    y = np.apply_along_axis(lambda v: v * scale + (bias - running_mean * scale), 1, x)
    return y.astype(">f8")
""",
}, "batches_to_forget": {
"counting": """
def batches_to_forget(momentum, share):
    weight, k = 1.0, 0
    while weight > share:
        weight *= 1 - momentum
        k += 1
    return k
""",
"recursion": """
def batches_to_forget(momentum, share, left=1.0):
    if left <= share:
        return 0
    return 1 + batches_to_forget(momentum, share, left * (1 - momentum))
""",
"np.ceil, an np.float64": """
def batches_to_forget(momentum, share):
    return np.ceil(np.log(share) / np.log1p(-momentum))
""",
"itertools, an endless generator": """
from itertools import count, takewhile
# %%
def batches_to_forget(momentum, share):
    return sum(1 for _ in takewhile(lambda k: (1 - momentum) ** k > share, count()))
""",
"a table searched, a 0-d array": """
def batches_to_forget(momentum, share):
    left = (1 - momentum) ** np.arange(2000)
    return np.array(np.searchsorted(-left, -share))
""",
"a Python float from bisection": """
def batches_to_forget(momentum, share):
    low, high = 0, 10_000
    while low < high:
        middle = (low + high) // 2
        if (1 - momentum) ** middle <= share:
            high = middle
        else:
            low = middle + 1
    return float(low)
""",
"an np.int32 from argmax": """
def batches_to_forget(momentum, share):
    return np.int32(np.argmax(np.cumprod(np.full(3000, 1 - momentum)) <= share) + 1)
""",
}}  # fmt: skip
