"""Right and wrong backward passes told apart, in ways of their own."""

ANSWERS = {"verdicts": {
"everything in float64": """
def verdicts(forward, backwards, x):
    x = x.astype(np.float64)
    rng = np.random.RandomState(7)
    dy = rng.randn(*x.shape)
    numeric = numeric_gradient(forward, x, dy, 1e-5 * x.std())
    size = np.linalg.norm(numeric)
    return np.array([1 if np.linalg.norm(b(dy, x) - numeric) < 0.01 * size else 0
                     for b in backwards])
""",
"the legacy seed, differences of its own": """
def verdicts(forward, backwards, x):
    np.random.seed(42)
    dy = np.random.randn(*forward(x).shape)
    wide = np.asarray(x, dtype="float64")
    h = np.finfo(np.float64).eps ** (1 / 3) * wide.std(axis=0)
    numeric = np.zeros(wide.shape)
    for i in range(wide.shape[0]):
        for j in range(wide.shape[1]):
            e = np.zeros(wide.shape)
            e[i, j] = h[j]
            numeric[i, j] = (dy * (forward(wide + e) - forward(wide - e))).sum() / (2 * h[j])
    out = np.zeros(len(backwards), dtype=int)
    for k, backward in enumerate(backwards):
        error = np.sqrt(((backward(dy, wide) - numeric) ** 2).sum() / (numeric ** 2).sum())
        out[k] = error <= 1e-2
    return out
""",
"float32 all the way": """
def verdicts(forward, backwards, x):
    rng = np.random.default_rng(1)
    dy = rng.standard_normal(x.shape, dtype=np.float32).astype(x.dtype)
    step = x.dtype.type(np.finfo(x.dtype).eps ** (1 / 3)) * x.std(axis=0).mean()
    truth = numeric_gradient(forward, x, dy, step)
    ratio = [np.linalg.norm(truth - b(dy, x)) / np.linalg.norm(truth) for b in backwards]
    return np.less(ratio, 0.01).astype(np.int8)
""",
"three random upstream gradients, all must agree": """
def verdicts(forward, backwards, x):
    x64 = np.float64(x)
    votes = np.ones(len(backwards))
    for seed in range(3):
        dy = np.random.default_rng(seed).uniform(-1, 1, x.shape)
        exact = numeric_gradient(forward, x64, dy, 6e-6 * x64.std())
        for k, backward in enumerate(backwards):
            miss = np.linalg.norm(backward(dy=dy, x=x64) - exact)
            votes[k] *= miss < 1e-2 * np.linalg.norm(exact)
    return votes
""",
"Richardson's extrapolation": """
def verdicts(forward, backwards, x):
    x = np.array(x, dtype=float)
    dy = np.cos(1 + 3.7 * np.arange(x.size) ** 1.5).reshape(x.shape)
    h = 1e-3 * x.std()
    coarse, fine = (numeric_gradient(forward, x, dy, step) for step in (h, h / 2))
    best = (4 * fine - coarse) / 3
    close = lambda d: int(np.abs(d - best).max() < 1e-2 * np.abs(best).max())
    return np.fromiter(map(close, (b(dy, x) for b in backwards)), dtype=np.uint8)
""",
}}  # fmt: skip
