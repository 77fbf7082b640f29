"""The cheat sheet of activations' norms: the list stands here, the properties are measured."""

import html
import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from course_lib import torch_layers as layers
from course_lib.lab import properties as of
from course_lib.numpy_layers.batch_renorm import RenormLimits

_CSS = (Path(__file__).parent / "cheat_sheet.css").read_text(encoding="utf-8")


class Norm(NamedTuple):
    """A row: how to make the layer for c channels, and where it comes from."""

    name: str
    thing: Callable  # torch's class or function; its signature gives the defaults
    twin: str  # the NumPy function or class
    paper: str  # "authors year key"; a test compares it with references.bib
    make: Callable[[int], nn.Module]
    tokens: bool = False  # takes (n, t, d), not (n, c, h, w)


class Table(NamedTuple):
    """A table that JupyterLab and the page show in a box which scrolls by itself."""

    caption: str
    columns: Sequence[str]
    rows: list[list[str]]  # the first cell's later lines are code

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in self.columns)
        body = "".join(f"<tr>{_first(row[0])}{_cells(row[1:])}</tr>" for row in self.rows)
        caption = html.escape(self.caption)
        return (
            f'<div class="course-sheet" role="region" tabindex="0" aria-label="{caption}">'
            f"<style>{_CSS}</style><table><caption>{caption}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def column(self, name: str) -> dict[str, str]:
        """Return a column, by the names of its rows."""
        place = list(self.columns).index(name)
        return {row[0].partition("\n")[0]: row[place] for row in self.rows}

    def where(self, column: str, *values: str) -> list[str]:
        """Return the names of the rows that have one of the values in a column."""
        return [name for name, value in self.column(column).items() if value in values]


def _first(text: str) -> str:
    name, *code = html.escape(text).split("\n")
    # A long name may break where a word ends in it.
    code = [re.sub(r"(?<=[a-z_])(?=[A-Z\d])|(?<=_)(?=[a-z])", "<wbr>", line) for line in code]
    return f'<th scope="row"><b>{name}</b>{"".join(f"<code>{line}</code>" for line in code)}</th>'


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{html.escape(value)}</td>" for value in row)


def _with_style(c: int) -> nn.Module:
    """AdaIN whose style has mean 0 and variance 1, so that only the content's part is seen."""
    style = torch.tensor([[-1.0], [1.0]], dtype=torch.float64).expand(4, c, 2, 3)
    return of.OneInput(layers.AdaptiveInstanceNorm2d(), style)


def _with_unit_keys(c: int) -> nn.Module:
    """Query-key norm whose keys are the unit vectors: the logits are the normalized query."""
    return of.OneInput(layers.QueryKeyNorm(64), torch.eye(c, dtype=torch.float64).expand(4, c, c))


_OPEN = partial(layers.BatchRenorm2d, limits=lambda step: RenormLimits(3.0, 5.0))
_BATCH, _RENORM = "Ioffe & Szegedy 2015 ioffe2015batch", "Ioffe 2017 ioffe2017batch"
_RMS = "Zhang & Sennrich 2019 zhang2019root"
NORMS = [
    Norm("batch norm", layers.BatchNorm2d, "batch_norm", _BATCH, layers.BatchNorm2d),
    Norm("synchronized batch norm", layers.SyncBatchNorm, "sync_batch_norm", "",
         layers.SyncBatchNorm),
    Norm("ghost batch norm", layers.GhostBatchNorm, "ghost_batch_norm",
         "Hoffer et al. 2017 hoffer2017train", lambda c: layers.GhostBatchNorm(c, 2)),
    Norm("batch renorm at first", layers.BatchRenorm2d, "batch_renorm", _RENORM,
         layers.BatchRenorm2d),
    Norm("batch renorm with open limits", layers.BatchRenorm2d, "batch_renorm", _RENORM, _OPEN),
    Norm("switchable norm", layers.SwitchableNorm2d, "switchable_norm",
         "Luo et al. 2019 luo2019differentiable", layers.SwitchableNorm2d),
    Norm("instance norm", layers.InstanceNorm2d, "instance_norm",
         "Ulyanov et al. 2016 ulyanov2016instance", layers.InstanceNorm2d),
    Norm("adaptive instance norm", layers.AdaptiveInstanceNorm2d, "adaptive_instance_norm",
         "Huang & Belongie 2017 huang2017arbitrary", _with_style),
    Norm("conditional instance norm", layers.ConditionalInstanceNorm2d, "conditional_instance_norm",
         "Dumoulin et al. 2017 dumoulin2017learned",
         lambda c: of.OneInput(layers.ConditionalInstanceNorm2d(c, 5), torch.tensor([0, 1, 2, 0]))),
    Norm("group norm", layers.GroupNorm, "group_norm", "Wu & He 2018 wu2018group",
         lambda c: layers.GroupNorm(c // 2, c)),
    Norm("filter response norm", layers.FilterResponseNorm2d, "filter_response_norm",
         "Singh & Krishnan 2020 singh2020filter", layers.FilterResponseNorm2d),
    Norm("local response norm", layers.LocalResponseNorm, "local_response_norm",
         "Krizhevsky et al. 2012 krizhevsky2012imagenet", lambda c: layers.LocalResponseNorm(3)),
    Norm("layer norm", layers.LayerNorm, "layer_norm", "Ba et al. 2016 ba2016layer",
         layers.LayerNorm, True),
    Norm("RMS norm", layers.RMSNorm, "rms_norm", _RMS, layers.RMSNorm, True),
    Norm("partial RMS norm", layers.PartialRMSNorm, "partial_rms_norm", _RMS,
         lambda c: layers.PartialRMSNorm(c, 0.5), True),
    Norm("ScaleNorm", layers.ScaleNorm, "scale_norm",
         "Nguyen & Salazar 2019 nguyen2019transformers", layers.ScaleNorm, True),
    Norm("query-key norm", layers.QueryKeyNorm, "query_key_norm",
         "Henry et al. 2020 henry2020query", _with_unit_keys, True),
    Norm("unit length", layers.normalize, "normalize", "",
         lambda c: of.OneInput(partial(layers.normalize, dim=-1)), True),
    Norm("dynamic tanh", layers.DynamicTanh, "dynamic_tanh", "Zhu et al. 2025 zhu2025transformers",
         layers.DynamicTanh, True),
    Norm("dynamic erf", layers.DynamicErf, "dynamic_erf", "Chen et al. 2026 chen2026stronger",
         layers.DynamicErf, True),
]  # fmt: skip


def sizes(make: Callable[[int], nn.Module], tensors: str, letter: str = "c") -> str:
    """Name the parameters or buffers of a layer with their sizes for c channels.

    Parameters
    ----------
    make : function of the number of channels
    tensors : ``"named_parameters"`` or ``"named_buffers"``
    """
    small, large = ({n: t.numel() for n, t in getattr(make(c), tensors)()} for c in (8, 12))
    parts = []
    for name, count in small.items():
        slope, rest = divmod(large[name] - count, 4)
        rest = count - 8 * slope
        share = f"{slope if slope > 1 else ''}{letter}" if slope else ""
        words = " + ".join(filter(None, [share, str(rest) if rest else ""]))
        parts.append(f"{name.rpartition('.')[2]}: {words}")
    return ", ".join(parts) or "none"


def defaults(thing: Callable) -> str:
    """Return the defaults of a class's or a function's arguments, device and dtype left out."""
    pairs = [
        f"{p.name}={_short(p.default)}"
        for p in inspect.signature(thing).parameters.values()
        if p.default is not p.empty and p.name not in ("device", "dtype", "process_group")
    ]
    return ", ".join(pairs) or "none"


def _short(value: object) -> str:
    if isinstance(value, float):
        return (
            f"{value:g}"
            if value == 0 or abs(value) >= 0.01
            else f"{value:.0e}".replace("e-0", "e-")
        )
    return getattr(value, "__name__", str(value))


def what_it_computes(norms: Sequence[Norm] = NORMS, seed: int = 0) -> Table:
    """Measure over which axes each norm works, by which formula, and what it holds."""
    columns = ["norm", "one output reads", "computes", "parameters", "state", "defaults",
               "from"]  # fmt: skip
    return Table(
        "What each norm computes, in training", columns, [_computes(n, seed) for n in norms]
    )


def what_it_depends_on(norms: Sequence[Norm] = NORMS, seed: int = 0) -> Table:
    """Measure what changes each norm's output, what does not, and how often it is read."""
    columns = ["norm", "neighbours matter, training", "neighbours matter, evaluation",
               "train = eval", *of.changes(torch.zeros(4, 8, 1, 1), 1), "odd",
               "statistics read, training", "statistics read, evaluation"]  # fmt: skip
    rows = [_depends(norm, seed) for norm in norms]
    return Table("What changes the output, and what leaves it as it is", columns, rows)


def statistics_of(norm: Norm, channels: int = 8, seed: int = 0) -> of.Array:
    """Return which inputs one output depends on in training, as a mask of the input's shape."""
    layer, x = _ready(norm, seed, channels)
    return of.read(layer, x)


def _ready(norm: Norm, seed: int, channels: int = 8) -> tuple[nn.Module, torch.Tensor]:
    """Return the layer and an input for it: images of 2 × 3, or sequences of 3."""
    torch.manual_seed(seed)
    shape = (4, 3, channels) if norm.tokens else (4, channels, 2, 3)
    return norm.make(channels).double(), of.example(shape, seed)


def author_and_year(paper: str) -> str:
    """Return the paper without its key."""
    return paper.rpartition(" ")[0] or "–"


def title(name: str, thing: Callable, twin: str) -> str:
    """Return the first cell: the name, torch's with its other ranks, NumPy's if different."""
    stem = thing.__name__.removesuffix("2d")
    ranks = [f"{d}d" for d in (1, 2, 3) if hasattr(layers, f"{stem}{d}d")]
    torchs = stem + "/".join(ranks)
    return "\n".join([name, torchs, *([twin] if twin not in ("", torchs) else [])])


def _computes(norm: Norm, seed: int) -> list[str]:
    (layer, x), axes = _ready(norm, seed), "ntd" if norm.tokens else "nchw"
    mask = of.read(layer, x)
    return [
        title(norm.name, norm.thing, norm.twin),
        f"{of.axes_in_words(mask, axes)} of ({', '.join(axes)})",
        of.formula(layer, x, mask),
        sizes(norm.make, "named_parameters", axes[of.channel_axis(x)]),
        sizes(norm.make, "named_buffers", axes[of.channel_axis(x)]),
        defaults(norm.thing),
        author_and_year(norm.paper),
    ]


def _depends(norm: Norm, seed: int) -> list[str]:
    layer, x = _ready(norm, seed)
    modes = (True, False)
    return [
        norm.name,
        *("yes" if of.heeds_neighbours(layer, x, mode) else "no" for mode in modes),
        "yes" if of.same(*(of.output(layer, x, mode) for mode in modes)) else "no",
        *of.unnoticed(layer, x, of.channel_axis(x)).values(),
        *(f"{of.reads(layer, x, mode):.2g}" for mode in modes),
    ]
