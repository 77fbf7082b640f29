"""Right and wrong answers for the exercise on kernels, and the memory that its programs run on."""

import numpy as np
from numpy.random import Generator

Array = np.ndarray
GARBAGE = 777.0  # what lies in memory where nobody has written
LEAST = {  # tensors read, tensors written
    "layer norm, forward": (1, 1),
    "layer norm, backward": (2, 1),
    "add + RMS norm, forward": (2, 2),
    "add + RMS norm, backward": (3, 1),
    "batch norm, forward": (2, 1),
    "batch norm, backward": (4, 1),
}


class Memory:
    """Flat arrays by name, and the number of bytes that programs read from them and write."""

    def __init__(self, arrays: dict[str, Array]):
        self.arrays = {name: array.ravel().copy() for name, array in arrays.items()}
        self.read = self.written = 0

    def load(self, name, offsets, mask=True) -> Array:
        """Return the values at `offsets`, 0 where the mask is off; beyond the array is garbage."""
        array, offsets, mask = self._lanes(name, offsets, mask)
        inside = mask & (offsets >= 0) & (offsets < array.size)
        values = np.where(mask, array.dtype.type(GARBAGE), array.dtype.type(0))
        values[inside] = array[offsets[inside]]
        self.read += int(mask.sum()) * array.itemsize
        return values

    def store(self, name, offsets, values, mask=True) -> None:
        """Write `values` to `offsets` where the mask is on; what lies beyond the array is lost."""
        array, offsets, mask = self._lanes(name, offsets, mask)
        inside = mask & (offsets >= 0) & (offsets < array.size)
        array[offsets[inside]] = np.broadcast_to(values, offsets.shape)[inside]
        self.written += int(mask.sum()) * array.itemsize

    def _lanes(self, name, offsets, mask) -> tuple[Array, Array, Array]:
        if name not in self.arrays:
            raise KeyError(f"expected one of {', '.join(self.arrays)}, got {name!r}")
        offsets, mask = np.atleast_1d(offsets), np.atleast_1d(mask)
        if not np.issubdtype(offsets.dtype, np.integer) or mask.dtype != bool:
            raise TypeError(
                f"expected integer offsets and a mask of booleans, got {offsets.dtype} and "
                f"{mask.dtype}"
            )
        return self.arrays[name], *np.broadcast_arrays(offsets, mask)


def launch(program, inputs, outputs):
    """Run the programs, the last one first; return the arrays they wrote, and the traffic.

    `inputs` holds the arrays to load, and programs, m, n, block and maybe eps; `outputs` are the
    shapes of the arrays to store, by name.
    """
    arrays = {name: value for name, value in inputs.items() if isinstance(value, np.ndarray)}
    arrays |= {name: np.full(shape, GARBAGE, np.float32) for name, shape in outputs.items()}
    sizes = [inputs[name] for name in ("m", "n", "block", "eps") if name in inputs]
    memory, programs = Memory(arrays), inputs["programs"]
    for pid in reversed(range(programs)):
        program(pid, programs, memory.load, memory.store, *sizes)
    written = [memory.arrays[name].reshape(shape) for name, shape in outputs.items()]
    return *written, memory.read, memory.written


def run_rows(program, inputs):
    """Return y and the traffic of programs that normalize rows."""
    return launch(program, inputs, {"y": inputs["x"].shape})


def run_fused(program, inputs):
    """Return the sum, y and the traffic of programs that add a residual and normalize."""
    shape = inputs["x"].shape
    return launch(program, inputs, {"total": shape, "y": shape})


def run_partial(program, inputs):
    """Return the sum of the partial rows that programs left, and the traffic."""
    shape = (inputs["programs"], inputs["n"])
    partial, *traffic = launch(program, inputs, {"partial": shape})
    return partial.sum(0), *traffic


def each_pass(function, inputs):
    """Return the bytes of each pass that the inputs name."""
    sizes = [inputs[name] for name in ("m", "n", "itemsize")]
    return np.array([function(name, *sizes) for name in inputs["passes"]])


# Right and wrong answers


def least_bytes(name, m, n, itemsize, *, count=sum):
    return count(LEAST[name]) * m * n * itemsize


def another_count(changed):
    """Make a wrong answer in which the passes of `changed` move another number of tensors."""
    return lambda name, m, n, itemsize: changed.get(name, sum(LEAST[name])) * m * n * itemsize


def roof(work, moved, peak, bandwidth, overhead, *, join=max, inverse=False, inside=False):
    parts = [work / peak, moved / bandwidth]
    seconds = max(*parts, overhead) if inside else overhead + join(parts)
    return seconds, moved / work if inverse else work / moved, overhead / seconds


def rows_of(pid, programs, m, n, own="strided"):
    """Yield the first offset of each row of a program: its own, or in a way that is wrong."""
    ways = {
        "strided": range(pid, m, programs),
        "all later": range(pid, m),
        "one": range(pid, min(pid + 1, m)),
        "rounded down": range(pid * (m // programs), (pid + 1) * (m // programs)),
    }
    return (row * n for row in ways[own])


def row_program(
    pid, programs, load, store, m, n, block, eps, *, own="strided", masked=True, again=True,
    guarded=True, over=None, pitch=None, one_pass=False, weights=1, reads=1, root=None, affine=3,
):  # fmt: skip
    columns = np.arange(block)
    mask = columns < n
    count = over(block) if over else n
    for _ in range(weights if weights == 1 else 0):
        weight, bias = load("weight", columns, mask), load("bias", columns, mask)
    for start in rows_of(pid, programs, m, pitch(block) if pitch else n, own):
        for _ in range(reads):
            x = load("x", start + columns, mask if masked else True)
        if weights != 1:
            weight, bias = load("weight", columns, mask), load("bias", columns, mask)
        mean = x.sum() / count
        centered = np.where(mask, x - mean, 0) if again else x - mean
        var = np.square(centered).sum() / count
        if one_pass:
            var = np.square(x).sum() / count - mean**2
        y = centered / (root(var, eps) if root else np.sqrt(var + eps))
        y = y * (weight if affine & 1 else 1) + (bias if affine & 2 else 0)
        store("y", start + columns, y, mask if guarded else True)


def add_rms_program(
    pid, programs, load, store, m, n, block, eps, *, own="strided", writes=True, back=False,
    stream="sum", over=None, masked=True, again=1, mean=False, weights=1,
):  # fmt: skip
    columns = np.arange(block)
    mask = columns < n
    weight = load("weight", columns, mask) if weights == 1 else None
    for start in rows_of(pid, programs, m, n, own):
        here = start + columns
        weight = load("weight", columns, mask) if weights != 1 else weight
        x = load("x", here, mask if masked else True)
        residual = load("residual", here, mask if masked else True)
        total = x + residual
        if writes:
            store("total", here, total, mask)
        total = load("total", here, mask) if back else total
        z = x if stream == "after" else total
        z = np.where(mask, z - z.sum() / n, 0) if mean else z
        square = np.square(z).sum() / (over(block) if over else n)
        y = z / np.sqrt(square + eps) * weight
        store("y", here, y + residual if stream == "after" else y, mask)


def partial_program(
    pid, programs, load, store, m, n, block, *, own="strided", place=None, every=False,
    product=True, onto=False, masked=True,
):  # fmt: skip
    columns = np.arange(block)
    mask = columns < n
    here = (place(pid, block) if place else pid * n) + columns
    total = load("partial", here, mask) if onto else np.zeros(block, np.float32)
    for start in rows_of(pid, programs, m, n, own):
        dy = load("dy", start + columns, mask)
        x_hat = load("x_hat", start + columns, mask)
        total = total + (dy * x_hat if product else dy)
        if every:
            store("partial", here, total, mask)
    if not every:
        store("partial", here, total, mask if masked else True)


def grid(m, rows, multiprocessors, resident, n, *, cap=min, up=True, width=2, all_tiles=False):
    tiles = -(-m // rows) if up else m // rows
    programs = tiles if all_tiles else cap(multiprocessors * resident, tiles)
    return programs, -(-tiles // programs), programs * width * n * 4


# Inputs


def draw_passes(passes, rng: Generator):
    m, n = (int(size) for size in rng.integers(100, 5000, 2))
    return {"passes": passes, "m": m, "n": n, "itemsize": int(rng.choice([2, 4]))}


def draw_roof(intensity, rng: Generator):
    """Draw a machine whose ratio is 20 operations a byte, and work of about `intensity`."""
    bandwidth, moved = rng.uniform(1e12, 4e12), rng.uniform(1e7, 1e8)
    return {
        "work": float(moved * intensity * rng.uniform(0.8, 1.2)),
        "moved": float(moved),
        "peak": float(20 * bandwidth),
        "bandwidth": float(bandwidth),
        "overhead": float(moved / bandwidth * rng.uniform(0.2, 0.6)),
    }


def draw_sizes(programs, m, n, block):
    return {"programs": programs, "m": m, "n": n, "block": block}


def draw_rows(programs, m, n, block, mean, rng: Generator):
    x = (mean + rng.normal(0, 2, (m, 1)) + rng.normal(size=(m, n))).astype(np.float32)
    weight, bias = rng.normal(size=(2, n)).astype(np.float32)
    arrays = {"x": x, "weight": weight, "bias": bias}
    return arrays | draw_sizes(programs, m, n, block) | {"eps": 0.01 if mean else 0.1}


def draw_fused(programs, m, n, block, rng: Generator):
    x, residual = (rng.normal(size=(2, m, n)) + rng.normal(size=(2, m, 1))).astype(np.float32)
    arrays = {"x": x, "residual": residual, "weight": rng.normal(size=n).astype(np.float32)}
    return arrays | draw_sizes(programs, m, n, block) | {"eps": 0.1}


def draw_partial(programs, m, n, block, rng: Generator):
    dy, x_hat = rng.normal(size=(2, m, n)).astype(np.float32)
    return {"dy": dy, "x_hat": x_hat} | draw_sizes(programs, m, n, block)


def draw_grid(many, rng: Generator):
    """Draw more tiles than programs fit on the device, or fewer; the last tile is not full."""
    multiprocessors, resident, rows = (
        int(rng.integers(*ends)) for ends in ((9, 99), (2, 9), (2, 9))
    )
    tiles = multiprocessors * resident * 5 // 2 if many else multiprocessors * resident // 3
    return {
        "m": tiles * rows - 1,
        "rows": rows,
        "multiprocessors": multiprocessors,
        "resident": resident,
        "n": int(rng.integers(100, 5000)),
    }
