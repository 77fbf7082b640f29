"""Questions of the exercise on bytes, the roof, and kernels written as programs."""

from functools import partial

import numpy as np

from course_lib.grading.answers import gpu_kernels as a
from course_lib.grading.examine import SINGLE, Criterion
from course_lib.grading.mistakes import Mistake

# Each makes a wrong answer from the one thing that is changed in it.
_count = partial(partial, a.least_bytes)
_roof = partial(partial, a.roof)
_row = partial(partial, a.row_program)
_fuse = partial(partial, a.add_rms_program)
_part = partial(partial, a.partial_program)
_grid = partial(partial, a.grid)

_TRAFFIC = "the number of bytes read", "the number of bytes written"
_BYTES = [
    Mistake("only what is read is counted: writing costs as much", _count(count=lambda c: c[0])),
    Mistake("only what is written is counted", _count(count=lambda c: c[1])),
    Mistake(
        "these are values, not bytes: times itemsize",
        lambda name, m, n, itemsize: a.least_bytes(name, m, n, 1),
    ),
]
_LAYER = [
    *_BYTES,
    Mistake(
        "x is read twice forward: a row stays in registers between its statistics and y",
        a.another_count({"layer norm, forward": 3}),
    ),
    Mistake(
        "these are the 12 tensors of one operation after the other: a kernel needs x and y",
        a.another_count({"layer norm, forward": 12}),
    ),
    Mistake(
        "the backward pass reads dy and x, the x that the forward pass has saved",
        a.another_count({"layer norm, backward": 2}),
    ),
]
_FUSED_BYTES = [
    *_BYTES,
    Mistake(
        "the sum has to be written too: the next addition reads it",
        a.another_count({"add + RMS norm, forward": 3}),
    ),
    Mistake(
        "the addition and the norm are counted as two kernels, 3 + 2: fused, the sum is not read "
        "back",
        a.another_count({"add + RMS norm, forward": 5}),
    ),
    Mistake(
        "the gradient that comes along the stream is read as well",
        a.another_count({"add + RMS norm, backward": 3}),
    ),
    Mistake(
        "x and the residual have one gradient: it is written once",
        a.another_count({"add + RMS norm, backward": 5}),
    ),
]
_BATCH_BYTES = [
    *_BYTES,
    Mistake(
        "x is counted as read once: a channel's mean needs the whole batch, which does not stay "
        "on the chip",
        a.another_count({"batch norm, forward": 2, "batch norm, backward": 3}),
    ),
    Mistake(
        "backward, the sums need x and dy both, and dx needs both once more",
        a.another_count({"batch norm, backward": 4}),
    ),
]
_bytes = partial(Criterion, reference=a.least_bytes, returns=("bytes",), call=a.each_pass)
least_bytes = tuple(
    _bytes(
        layer,
        points,
        draw=partial(a.draw_passes, (f"{layer}, forward", f"{layer}, backward")),
        mistakes=mistakes,
    )
    for layer, points, mistakes in (
        ("layer norm", 1, _LAYER),
        ("add + RMS norm", 2, _FUSED_BYTES),
        ("batch norm", 1, _BATCH_BYTES),
    )
)

_TIMES = [
    Mistake("the two times are added: they overlap, so the longer one counts", _roof(join=sum)),
    Mistake("the shorter time is taken: both must have passed", _roof(join=min)),
    Mistake("intensity is operations a byte, not bytes an operation", _roof(inverse=True)),
    Mistake(
        "the overhead is taken for a third that overlaps: it comes before the first byte",
        _roof(inside=True),
    ),
    Mistake(
        "the overhead is left out",
        lambda work, moved, peak, bandwidth, overhead: a.roof(work, moved, peak, bandwidth, 0.0),
    ),
]
_time = partial(
    Criterion, reference=a.roof, returns=("seconds", "intensity", "share"), mistakes=_TIMES
)
roof = (
    _time("a norm, under the slope", 2, draw=partial(a.draw_roof, 1)),
    _time("a product of matrices, under the flat roof", 2, draw=partial(a.draw_roof, 100)),
)

_NO_MASK = "the mask is missing where x is loaded: the lanes beyond n hold the next row"
_BLOCK = "the sum is divided by block: the padding is no part of the row, divide by n"
_LATER = (
    "programs share rows, so that two write to one place: program pid takes rows pid, "
    "pid + programs, …"
)
_ONE_ROW = "each program does one row only: there are more rows than programs"
_ROUNDED = "m // programs rows a program leave the last rows out"
_PER_ROW = "the weights are loaded again for each row: load them once, before the loop"
_ROWS = [
    Mistake(_NO_MASK, _row(masked=False, again=False)),
    Mistake(f"{_NO_MASK}, and count in the mean", _row(masked=False)),
    Mistake(
        "after the subtraction the lanes beyond n hold minus the mean, and their squares count: "
        "apply the mask once more",
        _row(again=False),
    ),
    Mistake(_BLOCK, _row(over=lambda block: block)),
    Mistake(
        "row r begins at r·block: the rows lie n apart in memory, only the tile is padded",
        _row(pitch=lambda block: block),
    ),
    Mistake(_LATER, _row(own="all later")),
    Mistake(_ONE_ROW, _row(own="one")),
    Mistake(_ROUNDED, _row(own="rounded down")),
    Mistake(
        "the mask is missing where y is stored: the lanes beyond n overwrite the next row",
        _row(guarded=False),
    ),
    Mistake(_PER_ROW, _row(weights=0)),
    Mistake("x is loaded twice: keep the row, that is what fusing is for", _row(reads=2)),
    Mistake("ε stands outside the square root", _row(root=lambda v, e: np.sqrt(v) + e)),
    Mistake("ε is missing", _row(root=lambda v, e: np.sqrt(v))),
    Mistake("this divides by the variance: divide by its root", _row(root=lambda v, e: v + e)),
    Mistake("the weight γ is not used", _row(affine=2)),
    Mistake("the bias β is not used", _row(affine=1)),
]
_ONE_PASS = Mistake(
    "the variance is the mean of squares less the square of the mean: far from zero no digit of "
    "it is left; the row is at hand, so subtract the mean first",
    _row(one_pass=True),
)
_y = partial(
    Criterion,
    reference=a.row_program,
    returns=("y", *_TRAFFIC),
    call=a.run_rows,
    rtol=SINGLE,
)
row_program = (
    _y("rows that fill the block", 1, draw=partial(a.draw_rows, 4, 4, 8, 8, 0), mistakes=_ROWS),
    _y("rows of 6 in a block of 8", 3, draw=partial(a.draw_rows, 4, 4, 6, 8, 0), mistakes=_ROWS),
    _y("11 rows, 4 programs", 2, draw=partial(a.draw_rows, 4, 11, 6, 8, 0), mistakes=_ROWS),
    _y(
        "float32 at mean 1000",
        2,
        draw=partial(a.draw_rows, 3, 7, 12, 16, 1000),
        mistakes=[_ONE_PASS, *_ROWS],
        rtol=2e-4,  # of two passes; one pass is far beyond it
    ),
)

_SUMS = [
    Mistake("the sum is not written: the next layer adds to it", _fuse(writes=False)),
    Mistake("the sum is stored and loaded again: normalize what you hold", _fuse(back=True)),
    Mistake("x is normalized and the residual added afterwards: add first", _fuse(stream="after")),
    Mistake(_NO_MASK, _fuse(masked=False)),
    Mistake(_BLOCK, _fuse(over=lambda block: block)),
    Mistake("the mean is subtracted: this is RMS norm", _fuse(mean=True)),
    Mistake(_LATER, _fuse(own="all later")),
    Mistake(_ONE_ROW, _fuse(own="one")),
    Mistake(_ROUNDED, _fuse(own="rounded down")),
    Mistake(_PER_ROW, _fuse(weights=0)),
]
_sum = partial(
    Criterion,
    reference=a.add_rms_program,
    returns=("total", "y", *_TRAFFIC),
    call=a.run_fused,
    mistakes=_SUMS,
    rtol=SINGLE,
)
add_rms_program = (
    _sum("rows that fill the block", 2, draw=partial(a.draw_fused, 3, 3, 8, 8)),
    _sum("rows of 5 in a block of 8, 3 programs", 3, draw=partial(a.draw_fused, 3, 10, 5, 8)),
)

_PARTS = [
    Mistake(
        "all programs store to the same row: who comes last wins; row pid is yours",
        _part(place=lambda pid, block: 0),
    ),
    Mistake(
        "partial row pid begins at pid·n, not at pid·block",
        _part(place=lambda pid, block: pid * block),
    ),
    Mistake("the sum is stored after every row: hold it, and store it once", _part(every=True)),
    Mistake("this is the gradient of the bias: multiply dy by x̂", _part(product=False)),
    Mistake(
        "the sum starts from what lies in partial, where nobody has written yet: start at zero",
        _part(onto=True),
    ),
    Mistake(
        "the mask is missing in the store: the lanes beyond n overwrite the next program's row",
        _part(masked=False),
    ),
    Mistake(_LATER, _part(own="all later")),
    Mistake(_ONE_ROW, _part(own="one")),
    Mistake(_ROUNDED, _part(own="rounded down")),
]
_dweight = partial(
    Criterion,
    reference=a.partial_program,
    returns=("dweight", *_TRAFFIC),
    call=a.run_partial,
    mistakes=_PARTS,
    rtol=SINGLE,
)
partial_program = (
    _dweight("rows that fill the block", 2, draw=partial(a.draw_partial, 3, 8, 8, 8)),
    _dweight("rows of 5 in a block of 8", 2, draw=partial(a.draw_partial, 4, 11, 5, 8)),
)

_GRID = [
    Mistake("one program a tile: no more are resident at a time", _grid(all_tiles=True)),
    Mistake("there are programs without a tile", _grid(cap=lambda device, tiles: device)),
    Mistake("the last tile is not full but has to be done: round up", _grid(up=False)),
    Mistake("two partial rows a program: dweight and dbias", _grid(width=1)),
    Mistake(
        "one program a multiprocessor: as many as are resident can run",
        lambda m, rows, multiprocessors, resident, n: a.grid(m, rows, multiprocessors, 1, n),
    ),
]
_programs = partial(
    Criterion, reference=a.grid, returns=("programs", "tiles", "bytes"), mistakes=_GRID
)
grid = (
    _programs("many rows", 2, draw=partial(a.draw_grid, True)),
    _programs("few rows", 1, draw=partial(a.draw_grid, False)),
)
