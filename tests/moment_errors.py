"""The errors that people make in a mean and a variance, which batch to group norm share."""

# ruff: noqa: E501 (one error a line: a table)

NUMPY, TWIN = "numpy_layers.moments", "torch_layers.moments"
VAR, TWIN_VAR = (
    "np.square(centered).mean(axes, keepdims=True)",
    "centered.square().mean(axes, keepdim=True)",
)
ROOT, TWIN_ROOT = "1 / np.sqrt(var + eps)", "torch.rsqrt(stats.var + eps)"


def in_moments(output, constant, twin_slope, far, half, kept):
    """Return the rows of `mutants.planted`.

    All but `twin_slope` are two claims, about the NumPy layer and about its twin: that its output
    is right, a constant input gives no NaN, gradients predict the slope, a large mean costs no
    digits, half precision rounds only the result, and arguments keep their values.
    """
    output, twin_output = output
    constant, twin_constant = constant
    far, twin_far = far
    half, twin_half = half
    kept, twin_kept = kept
    return [
        ("unbiased variance", NUMPY, VAR, "centered.var(axes, ddof=1, keepdims=True)", output),
        ("unbiased variance", TWIN, TWIN_VAR, "centered.var(axes, keepdim=True)", twin_output),
        ("eps outside the root", NUMPY, ROOT, "1 / (np.sqrt(var) + eps)", output),
        ("eps outside the root", TWIN, TWIN_ROOT, "1 / (stats.var.sqrt() + eps)", twin_output),
        ("eps missing", NUMPY, ROOT, "1 / np.sqrt(var)", output),
        ("eps missing", TWIN, TWIN_ROOT, "torch.rsqrt(stats.var)", twin_output),
        ("constant input gives NaN", NUMPY, ROOT, "1 / np.sqrt(var)", constant),
        ("constant input gives NaN", TWIN, TWIN_ROOT, "torch.rsqrt(stats.var)", twin_constant),
        ("divided by the variance", NUMPY, ROOT, "1 / (var + eps)", output),
        ("divided by the variance", TWIN, TWIN_ROOT, "1 / (stats.var + eps)", twin_output),
        ("statistics detached", TWIN, "keepdim=True)\n    return", "keepdim=True).detach()\n    return", twin_slope),
        ("mean detached", TWIN, "centered = shifted - correction", "centered = shifted - correction.detach()", twin_slope),
        ("E[x^2] - E[x]^2", NUMPY, VAR, "np.square(x).mean(axes, keepdims=True) - rough_mean**2", far),
        ("E[x^2] - E[x]^2", TWIN, TWIN_VAR, "x.square().mean(axes, keepdim=True) - rough_mean**2", twin_far),
        ("statistics in half precision", NUMPY, "np.promote_types(x.dtype, np.float32)", "x.dtype", half),
        ("statistics in half precision", TWIN, "torch.promote_types(x.dtype, torch.float32)", "x.dtype", twin_half),
        ("argument changed in place", NUMPY, "centered = x - rough_mean", "centered = np.subtract(x, rough_mean, out=x)", kept),
        ("argument changed in place", TWIN, "shifted = x - rough_mean", "shifted = x.detach().sub_(rough_mean)", twin_kept),
    ]  # fmt: skip
