"""Batch norm's backward pass in one piece, in ways of their own."""

ANSWERS = {"batch_norm_backward": {
"the sum form over columns, with a helper": """
def columns(t):
    return np.moveaxis(t, 1, -1).reshape(-1, t.shape[1])

def batch_norm_backward(dy, x, weight, eps):
    dY, X = columns(dy), columns(x)
    m = len(X)
    s = 1 / np.sqrt(X.var(axis=0) + eps)
    H = (X - X.mean(axis=0)) * s
    dweight, dbias = np.sum(dY * H, axis=0), np.sum(dY, axis=0)
    dX = weight * s / m * (m * dY - dbias - H * dweight)
    back = np.moveaxis(x, 1, -1).shape
    return np.moveaxis(dX.reshape(back), -1, 1), dweight, dbias
""",
"an explicit Jacobian for each channel": """
def batch_norm_backward(dy, x, weight, eps):
    dx, dweight, dbias = np.empty(x.shape), [], []
    for c in range(x.shape[1]):
        v, u = x[:, c].ravel(), dy[:, c].ravel()
        m = v.size
        std = np.sqrt(v.var() + eps)
        h = (v - v.mean()) / std
        J = (np.eye(m) - 1 / m - np.outer(h, h) / m) / std
        dx[:, c] = (weight[c] * J @ u).reshape(x[:, c].shape)
        dweight.append(h @ u)
        dbias.append(u.sum())
    return dx, np.array(dweight), np.array(dbias)
""",
"through the stages of task 1": """
def batch_norm_backward(dy, x, weight, eps):
    to_rows = lambda t: np.swapaxes(t.reshape(*t.shape[:2], -1), 1, 2).reshape(-1, t.shape[1])
    rows = to_rows(x)
    *_, dx = stages(weight * to_rows(dy), rows, eps)
    n, c, *rest = x.shape
    dx = dx.reshape(n, -1, c).swapaxes(1, 2).reshape(x.shape)
    x_hat = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + eps)
    return dx, np.diag(to_rows(dy).T @ x_hat), to_rows(dy).sum(0)
""",
"einsum with letters counted out": """
def batch_norm_backward(dy, x, weight, eps):
    m = x.size / x.shape[1]
    wide = lambda v: v.reshape(-1, *[1] * (x.ndim - 2))
    letters = "ncabd"[:x.ndim]
    total = lambda *ts: np.einsum(",".join([letters] * len(ts)) + "->c", *ts)
    d = x - wide(total(x) / m)
    σ = np.sqrt(total(d, d) / m + eps)
    β_grad, γ_grad = total(dy), total(dy, d) / σ
    dx = wide(weight / σ) * (dy - wide(β_grad / m) - d * wide(γ_grad / (m * σ)))
    return dx, γ_grad, β_grad
""",
"torch in float32, read back": """
def batch_norm_backward(dy, x, weight, eps):
    w = torch.tensor(weight, dtype=torch.float32)
    dy, x = (torch.tensor(a, dtype=torch.float32).transpose(1, -1) for a in (dy, x))
    d = list(range(x.dim() - 1))
    var, mean = torch.var_mean(x, d, unbiased=False)
    h = (x - mean) * torch.rsqrt(var + eps)
    dx = w * torch.rsqrt(var + eps) * (dy - dy.mean(d) - h * (dy * h).mean(d))
    return dx.transpose(1, -1).numpy(), (dy * h).sum(d).numpy(), dy.sum(d).numpy()
""",
"pure Python numbers": """
def batch_norm_backward(dy, x, weight, eps):
    dx = np.zeros_like(x)
    sums = {}
    for index, value in np.ndenumerate(x):
        one = sums.setdefault(index[1], {"n": 0, "x": 0.0, "b": 0.0, "d": 0.0, "w": 0.0})
        one["n"] += 1
        one["x"] += value
        one["b"] += dy[index]
    for index, value in np.ndenumerate(x):
        one = sums[index[1]]
        one["d"] += (value - one["x"] / one["n"]) ** 2
        one["w"] += dy[index] * (value - one["x"] / one["n"])
    for index, value in np.ndenumerate(x):
        one = sums[index[1]]
        m, variance = one["n"], one["d"] / one["n"] + eps
        hat = (value - one["x"] / m) / variance ** 0.5
        pull = dy[index] - one["b"] / m - hat * one["w"] / variance ** 0.5 / m
        dx[index] = weight[index[1]] / variance ** 0.5 * pull
    dweight = [s["w"] / (s["d"] / s["n"] + eps) ** 0.5 for s in sums.values()]
    return tuple([dx, np.asarray(dweight), np.asarray([s["b"] for s in sums.values()])])
""",
"torch differentiates a forward pass": """
def forward(x, w, b, eps):
    dims = [0, *range(2, x.ndim)]
    var, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    like = [1, -1] + [1] * (x.ndim - 2)
    return (x - mean) / (var + eps).sqrt() * w.view(like) + b.view(like)
# %%
def batch_norm_backward(dy, x, weight, eps):
    leaves = [torch.tensor(v, requires_grad=True) for v in (x, weight, np.zeros_like(weight))]
    y = forward(*leaves, eps)
    return tuple(d.numpy() for d in torch.autograd.grad(y, leaves, torch.as_tensor(dy)))
""",
}}  # fmt: skip
