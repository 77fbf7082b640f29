"""Questions of the exercise on group norm: one reduction, its ends, and who shares a mean."""

from functools import partial

import numpy as np

from course_lib.grading.answers import group_norm as a
from course_lib.grading.examine import Criterion
from course_lib.grading.mistakes import Mistake

SQUARE, IMAGE, SEQUENCE, DENSE = (2, 6, 6, 6), (3, 8, 4, 5), (3, 6, 5), (4, 12)

_INTERLEAVED = (
    "these groups take every g-th channel: neighbours belong together, so cut the channel axis "
    "into (g, c/g), not (c/g, g)"
)
_SIZE = "num_groups is the number of groups, not the number of channels in one"
_EPS_OUTSIDE = "ε stands outside the square root: it is added to the variance"


def _outside(var, eps):
    return np.sqrt(var) + eps


def _size(x, g):
    return a.split(x, x.shape[1] // g)


def _formula(wrong):
    """Return the errors that any norm's formula invites, made by `wrong`."""
    return [
        Mistake(_INTERLEAVED, partial(wrong, view=a.interleaved)),
        Mistake(_SIZE, partial(wrong, view=_size)),
        Mistake(
            "this divides by m − 1: the variance that normalizes is the biased one, with m",
            partial(wrong, ddof=1),
        ),
        Mistake(_EPS_OUTSIDE, partial(wrong, root=_outside)),
        Mistake("ε is missing", partial(wrong, root=lambda var, eps: np.sqrt(var))),
        Mistake(
            "this divides by the variance: divide by its square root",
            partial(wrong, root=lambda var, eps: var + eps),
        ),
    ]


_REDUCE = [
    Mistake(
        "over_batch is not used: with it, the batch axis is reduced too",
        lambda x, g, over_batch, eps: a.one_reduction(x, g, False, eps),
    ),
    Mistake(
        "this reduces the batch axis always: it joins the others only with over_batch",
        lambda x, g, over_batch, eps: a.one_reduction(x, g, True, eps),
    ),
    Mistake(
        "num_groups is not used: this puts every channel into a group of its own",
        lambda x, g, over_batch, eps: a.one_reduction(x, x.shape[1], over_batch, eps),
    ),
    Mistake(
        "this takes one mean over all groups: each has its own",
        partial(
            a.wrong_reduction,
            axes=lambda view, batch: tuple(range(0 if batch else 1, view.ndim)),
        ),
    ),
    Mistake(
        "this reduces the channels of a group at each position: positions share the mean too",
        partial(a.wrong_reduction, axes=lambda view, batch: (0, 2) if batch else (2,)),
    ),
    *_formula(a.wrong_reduction),
]
# At the ends, reading g as a size gives the other end.
_ENDS = [mistake for mistake in _REDUCE if mistake.hint != _SIZE]
_SETTINGS = (
    ("batch norm: each channel, with the batch", 6, True),
    ("layer norm: one group", 1, False),
    ("instance norm: each channel", 6, False),
    ("group norm: three groups of two", 3, False),
    ("a norm without a name: two groups, with the batch", 2, True),
)
one_reduction = tuple(
    Criterion(label, 1, partial(a.draw_reduction, g, batch), a.one_reduction, ("x_hat",),
              mistakes=_REDUCE if 1 < g < 6 else _ENDS)
    for label, g, batch in _SETTINGS
)  # fmt: skip

_LAYER = [
    Mistake(
        "this reduces the positions alone, as instance norm does: the channels of a group share "
        "their mean",
        partial(a.wrong_group_norm, axes=lambda view, batch: tuple(range(3, view.ndim))),
    ),
    Mistake(
        "this reduces the batch too: group norm's statistics are those of one example",
        partial(a.wrong_group_norm, axes=lambda view, batch: (0, *a.positions(view))),
    ),
    Mistake(
        "this averages the variances of the channels: it misses how their means differ",
        a.mean_of_variances,
    ),
    *_formula(a.wrong_group_norm),
    Mistake(
        "the weight γ is not used",
        lambda x, g, weight, bias, eps: a.group_norm(x, g, None, bias, eps),
    ),
    Mistake(
        "the bias β is not used",
        lambda x, g, weight, bias, eps: a.group_norm(x, g, weight, None, eps),
    ),
    Mistake(
        "weight and bias run along the last axis, which happens to be as long as there are "
        "channels: reshape them to (1, c, 1, 1)",
        partial(a.wrong_group_norm, wide=lambda values, x: values),
    ),
]
_ONE_PASS = Mistake(
    "E[x²] − E[x]² subtracts two numbers near 10⁸, which float32 stores to the nearest 8: "
    "subtract the mean first, then square",
    a.one_pass,
)
_y = partial(Criterion, points=1, reference=a.group_norm, returns=("y",), mistakes=_LAYER)
group_norm = (
    _y("images", draw=partial(a.draw_layer, IMAGE, 2)),
    _y("images as wide as they have channels", draw=partial(a.draw_layer, SQUARE, 3)),
    _y("sequences (n, c, l)", draw=partial(a.draw_layer, SEQUENCE, 2)),
    _y("dense input (n, c)", draw=partial(a.draw_layer, DENSE, 3)),
    _y("a constant group", draw=a.draw_constant),
    _y("float32 near 10,000", draw=a.draw_large_mean, mistakes=[_ONE_PASS], rtol=1e-2),
)

_NEIGHBOURS = [
    Mistake(
        _INTERLEAVED,
        lambda c, g, channel: (np.arange(c) % g == channel % g).astype(float),
    ),
    Mistake(_SIZE, lambda c, g, channel: (np.arange(c) // g == channel // g).astype(float)),
    Mistake(
        "only the channel itself is marked: all channels of its group share the mean",
        lambda c, g, channel: (np.arange(c) == channel).astype(float),
    ),
]
same_group = tuple(
    Criterion(
        f"{channels} channels", 1, partial(a.draw_channel, channels), a.same_group, ("marks",),
        mistakes=_NEIGHBOURS,
    )
    for channels in (12, 24)
)  # fmt: skip

_BACKWARD = [
    Mistake(
        "the mean term is missing: shifting a group changes no output",
        partial(a.wrong_backward, mean=0),
    ),
    Mistake(
        "the x̂ term is missing: scaling a group changes no output",
        partial(a.wrong_backward, along=0),
    ),
    Mistake("the statistics are treated as constants: they depend on x as well",
            partial(a.wrong_backward, mean=0, along=0)),
    Mistake(
        "γ is multiplied in after the sums over the group: its channels have different γ, so it "
        "must come before",
        partial(a.wrong_backward, gain="after"),
    ),
    Mistake("the weight γ is left out of the input gradient",
            partial(a.wrong_backward, gain="none")),
    Mistake(
        "the factor 1/√(σ² + ε) is missing in dx",
        partial(a.wrong_backward, scale=lambda var, eps: 1.0),
    ),
    Mistake(_EPS_OUTSIDE, partial(a.wrong_backward, scale=_outside)),
    Mistake(_INTERLEAVED, partial(a.wrong_backward, view=a.interleaved)),
    Mistake(_SIZE, partial(a.wrong_backward, view=_size)),
    Mistake(
        "dweight and dbias are summed over the batch alone: positions use the same γ and β",
        partial(a.wrong_backward, batch=(0,)),
    ),
]  # fmt: skip
_gradients = partial(
    Criterion,
    points=2,
    reference=a.group_norm_backward,
    returns=("dx", "dweight", "dbias"),
    mistakes=_BACKWARD,
)
group_norm_backward = (
    _gradients("images", draw=partial(a.draw_backward, IMAGE, 2)),
    _gradients("sequences (n, c, l)", draw=partial(a.draw_backward, SEQUENCE, 2)),
)

_TOKENS = [
    Mistake(
        "layer norm in a transformer reduces the features of one token, not of all tokens",
        partial(a.wrong_tokens, first=(1, 2)),
    ),
    Mistake(
        "group norm with one group reduces all features and all positions of a text together",
        partial(a.wrong_tokens, second=(2,)),
    ),
    Mistake("the two are in the other order", lambda *args: a.token_norms(*args)[::-1]),
    Mistake(
        "this reduces the tokens for each feature, as instance norm does",
        partial(a.wrong_tokens, second=(1,)),
    ),
    Mistake(
        "the text axis is reduced too: no text may look at another",
        partial(a.wrong_tokens, second=(0, 1, 2)),
    ),
]
token_norms = (
    Criterion(
        "both norms", 2, a.draw_tokens, a.token_norms, ("per token", "one group"), mistakes=_TOKENS
    ),
)

_others = np.s_[1:]
_LOOKS = [
    Mistake(
        "this shuffles the batch: batch norm's outputs are shuffled along, so it passes unseen",
        lambda layer, x: float(np.abs(layer(x[::-1].copy())[::-1] - layer(x)).max() > 1e-9),
    ),
    Mistake(
        "this watches an example that was changed itself: its output may move, the others' not",
        lambda layer, x: a.moves(layer, x, a.triple(0), np.s_[:]),
    ),
    Mistake(
        "this compares the mean output of a channel, which batch norm fixes: compare every value",
        lambda layer, x: a.moves(
            layer, x, a.triple(0), np.s_[:], lambda y: y.mean((0, 2, 3)) * (len(y) > 1)
        ),
    ),
    Mistake(
        "this changes the first example alone: a layer may look at another one",
        lambda layer, x: a.moves(layer, x, a.triple(0), _others),
    ),
]
_verdicts = partial(
    Criterion, points=2, draw=a.draw_batch, reference=a.looks_at_batch, returns=("verdicts",)
)
looks_at_batch = (
    _verdicts(
        "batch, group, layer and instance norm",
        call=partial(a.verdicts, a.KNOWN),
        mistakes=_LOOKS[:3],
    ),
    _verdicts("layers that hide it", call=partial(a.verdicts, a.HIDING), mistakes=_LOOKS[3:]),
)
