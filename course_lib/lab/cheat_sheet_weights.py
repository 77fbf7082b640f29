"""The cheat sheet of what is normalized besides activations: weights, gradients, data."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from course_lib import torch_layers as layers
from course_lib.lab import properties as of
from course_lib.lab.cheat_sheet import Norm, Table, author_and_year, defaults, sizes, title


class _Weight(nn.Module):
    """A layer as the function from the weight that is trained to the weight that is used."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.settle = layer, 0
        held = layer.parametrizations.weight
        self.trained = held.original1 if hasattr(held, "original1") else held.original

    def forward(self, raw: Tensor) -> Tensor:
        """Train to `raw`; read as often as a power iteration needs to come to rest."""
        with torch.no_grad():
            self.trained.copy_(raw)
            for _ in range(self.settle):
                _ = self.layer.weight
        return self.layer.weight


def _convolution(c: int) -> nn.Conv2d:
    return nn.Conv2d(3, c, (2, 3), bias=False)


def _weight_normed(c: int) -> nn.Module:
    """Weight norm with all lengths 1, so that only the division is seen."""
    layer = layers.weight_norm(_convolution(c))
    nn.init.ones_(layer.parametrizations.weight.original0)
    return layer


def _parametrized(make: Callable[[int], nn.Module], c: int) -> nn.Module:
    layer = _convolution(c)
    parametrize.register_parametrization(layer, "weight", make(c))
    return layer


def _clipped(c: int) -> nn.Module:
    """Clipping at length 1: the gradient takes the part of the weight, and is longer than that."""
    weight = torch.ones((c, 3, 2, 3), dtype=torch.float64)
    clip = partial(layers.adaptive_gradient_clipping, clipping=weight[0].numel() ** -0.5)
    return of.OneInput(clip, weight)


WEIGHTS = [
    Norm("weight norm", layers.weight_norm, "weight_norm",
         "Salimans & Kingma 2016 salimans2016weight", _weight_normed),
    Norm("spectral norm", layers.spectral_norm, "spectral_norm",
         "Miyato et al. 2018 miyato2018spectral", lambda c: layers.spectral_norm(_convolution(c))),
    Norm("weight standardization", layers.WeightStandardization, "weight_standardization",
         "Qiao et al. 2019 qiao2019weight",
         partial(_parametrized, lambda c: layers.WeightStandardization())),
    Norm("scaled weight standardization", layers.ScaledWeightStandardization,
         "scaled_weight_standardization", "Brock et al. 2021 brock2021characterizing",
         partial(_parametrized, layers.ScaledWeightStandardization)),
    Norm("adaptive gradient clipping", layers.adaptive_gradient_clipping,
         "adaptive_gradient_clipping", "Brock et al. 2021 brock2021high", _clipped),
]  # fmt: skip


def weights(norms: Sequence[Norm] = WEIGHTS, seed: int = 0) -> Table:
    """Measure the norms of weights on a convolution from 3 channels to c with filters of 2 × 3."""
    columns = ["norm", "one value reads", "computes", "parameters", "state", "a·w", "aᶜ·w",
               "w+b", "w+bᶜ", "odd", "statistics read", "defaults", "from"]  # fmt: skip
    rows = [_of_weight(norm, seed) for norm in norms]
    return Table("Norms of weights, and of gradients (last row)", columns, rows)


def _of_weight(norm: Norm, seed: int) -> list[str]:
    torch.manual_seed(seed)
    made, w = norm.make(4).double(), of.example((4, 3, 2, 3), seed)
    layer = made if isinstance(made, of.OneInput) else _Weight(made)
    count = of.reads(layer, w, True)
    mask = of.read(layer, w)
    layer.settle = 100 if list(layer.buffers()) else 0
    unnoticed = of.unnoticed(layer, w, 0)
    return [
        title(norm.name, norm.thing, norm.twin),
        of.axes_in_words(mask, ("out", "in", "h", "w")),
        of.formula(layer, w, mask).replace("x", "w").replace("maw", "max"),
        sizes(norm.make, "named_parameters"),
        sizes(norm.make, "named_buffers"),
        *(value for change, value in unnoticed.items() if "ⁿ" not in change),
        f"{count:.2g}",
        defaults(norm.thing),
        author_and_year(norm.paper),
    ]


class _Scaler(nn.Module):
    """A scaler as the function from the data it learns from to these data, scaled."""

    def __init__(self, scaler: Any) -> None:
        super().__init__()
        self.scaler = scaler

    def forward(self, x: Tensor) -> Tensor:
        """Fit and transform."""
        return self.scaler.fit(x).transform(x)


_CLASSES = {
    "standardization": layers.StandardScaler,
    "min-max scaling": layers.MinMaxScaler,
    "max-abs scaling": layers.MaxAbsScaler,
    "robust scaling": layers.RobustScaler,
    "PCA whitening": layers.PCAWhitening,
    "ZCA whitening": layers.ZCAWhitening,
}
SCALERS = [
    *(Norm(name, kind, kind.__name__, "", lambda _, kind=kind: kind())
      for name, kind in _CLASSES.items()),
    Norm("rows of length 1", layers.unit_norm, "unit_norm", "",
         lambda _: of.OneInput(layers.unit_norm)),
]  # fmt: skip


def scalers(norms: Sequence[Norm] = SCALERS, seed: int = 0) -> Table:
    """Measure the scalers of data on a table (n, d), fitted to what they then transform."""
    columns = ["scaler", "one value reads", "computes", "learns", "inverse", "a·x", "aᵈ·x", "x+b",
               "x+bᵈ", "axes turned", "defaults"]  # fmt: skip
    return Table("Scalers of data, (n, d)", columns, [_of_scaler(norm, seed) for norm in norms])


def as_function(norm: Norm, x: Tensor) -> nn.Module:
    """Return a row as the function of what it normalizes: a weight like `x`, or a table."""
    made = norm.make(len(x))
    if isinstance(made, of.OneInput):
        return made
    return _Weight(made.double()) if isinstance(made, nn.Module) else _Scaler(made)


def _of_scaler(norm: Norm, seed: int) -> list[str]:
    made, x = norm.make(3), of.example((12, 3), seed)
    layer = made if isinstance(made, nn.Module) else _Scaler(made)
    # A value that is not the largest must become the largest to be seen by max-abs scaling.
    mask = of.read(layer, x, step=100.0)
    turn = torch.linalg.qr(of.example((3, 3), seed))[0]
    turned = of.same(of.output(layer, x @ turn).abs(), of.output(layer, x).abs())
    unnoticed = of.unnoticed(layer, x, 1)
    y, back = layer(x), getattr(made, "inverse_transform", None)
    learnt = [name for name in vars(made) if name.endswith("_") and name != "n_samples_seen_"]
    return [
        title(norm.name, norm.thing, norm.twin),
        of.axes_in_words(mask, "nd"),
        of.formula(layer, x, mask),
        ", ".join(learnt) or "nothing",
        "yes" if back and of.same(back(y), x) else "–",
        *(unnoticed[change] for change in ("a·x", "aᶜ·x", "x+b", "x+bᶜ")),
        "yes, but for signs" if turned else "–",
        defaults(norm.thing),
    ]
