"""The gradients of the inner nodes, in ways of their own."""

ANSWERS = {"stages": {
"loops over the columns": """
def stages(g, x, eps):
    m, c = x.shape
    ds, dv, dmean, dx = np.zeros(c), np.zeros(c), np.zeros(c), np.zeros((m, c))
    for j in range(c):
        mu = sum(x[i, j] for i in range(m)) / m
        d = [x[i, j] - mu for i in range(m)]
        v = sum(e * e for e in d) / m
        s = (v + eps) ** -0.5
        ds[j] = sum(g[i, j] * d[i] for i in range(m))
        dv[j] = -ds[j] / 2 * s ** 3
        dd = [s * g[i, j] + dv[j] * 2 * d[i] / m for i in range(m)]
        dmean[j] = -sum(dd)
        for i in range(m):
            dx[i, j] = dd[i] + dmean[j] / m
    return ds, dv, dmean, dx
""",
"einsum": """
def stages(g, x, eps):
    m = x.shape[0]
    d = x - np.einsum("mc->c", x) / m
    v = np.einsum("mc,mc->c", d, d) / m
    s = (v + eps) ** -0.5
    ds = np.einsum("mc,mc->c", g, d)
    dv = np.einsum("c,c->c", ds, -0.5 * s / (v + eps))
    dd = np.einsum("c,mc->mc", s, g) + np.einsum("c,mc->mc", 2 * dv / m, d)
    dmu = -np.einsum("mc->c", dd)
    return ds, dv, dmu, dd + dmu / m
""",
"matrices acting on columns": """
def stages(g, x, eps):
    m = len(x)
    mean_of = np.full((m, m), 1 / m)
    center = np.eye(m) - mean_of
    d = center @ x
    var = np.diagonal(d.T @ d) / m
    ds = np.diagonal(g.T @ d)
    dv = -ds / (2 * np.sqrt(var + eps) ** 3)
    dd = g @ np.diag(1 / np.sqrt(var + eps)) + d @ np.diag(2 * dv / m)
    return ds, dv, -np.ones(m) @ dd, center.T @ dd
""",
"float32 inside": """
def stages(g, x, eps):
    g, x = (a.astype(np.float32) for a in (g, x))
    m = len(x)
    d = x - x.mean(0)
    s = 1 / np.sqrt((d * d).mean(0) + np.float32(eps))
    ds = (g * d).sum(0)
    dv = ds * s ** 3 / -2
    dd = g * s + d * dv * np.float32(2 / m)
    return ds, dv, -dd.sum(0), dd - dd.mean(0)
""",
"torch's autograd of the inner nodes": """
def stages(g, x, eps):
    t = torch.tensor(x, requires_grad=True)
    mean = t.mean(0)
    d = t - mean
    v = (d * d).mean(0)
    s = torch.rsqrt(v + eps)
    for node in (mean, v, s):
        node.retain_grad()
    (s * d).backward(torch.from_numpy(g))
    return s.grad.numpy(), v.grad.numpy(), mean.grad.numpy(), t.grad.numpy()
""",
"a tape of closures, in a NamedTuple": """
from collections import namedtuple
Gradients = namedtuple("Gradients", "ds dv dmean dx")
# %%
def stages(g, x, eps):
    m, mu = len(x), x.mean(axis=0, keepdims=True)
    d = x - mu
    v = (d ** 2).mean(axis=0, keepdims=True)
    s = 1 / np.sqrt(v + eps)
    grad = {"s": 0, "v": 0, "d": 0, "mu": 0, "x": 0}
    def into(node, value):
        grad[node] = grad[node] + value
    tape = [
        lambda: (into("s", (g * d).sum(0, keepdims=True)), into("d", g * s)),
        lambda: into("v", grad["s"] * -0.5 * s ** 3),
        lambda: into("d", grad["v"] * 2 * d / m),
        lambda: (into("mu", -grad["d"].sum(0, keepdims=True)), into("x", grad["d"])),
        lambda: into("x", grad["mu"] / m),
    ]
    for step in tape:
        step()
    return Gradients(*(grad[name][0] for name in ("s", "v", "mu")), grad["x"])
""",
"in place on arrays of its own": """
def stages(g, x, eps):
    m = x.shape[0]
    d = np.subtract(x, np.add.reduce(x) / m)
    s = np.reciprocal(np.sqrt(np.add.reduce(d * d) / m + eps))
    out = np.empty_like(x, order="F")
    np.multiply(g, d, out=out)
    ds = np.add.reduce(out, axis=0)
    dv = ds * s; dv *= s; dv *= s; dv *= -.5
    np.multiply(g, s, out=out)
    out += d * dv * (2 / m)
    dmean = np.negative(out.sum(axis=0))
    out += dmean / m
    return (ds, dv, dmean, out)
""",
}}  # fmt: skip
