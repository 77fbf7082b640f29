"""What a run of the benchmark leaves: rows, tables, a picture, an exit status."""

import json
import platform
from pathlib import Path

import pytest
from bench_toys import TOY, implementation
from bs4 import BeautifulSoup

from course_lib.bench import (
    accuracy_table,
    bench_command,
    machine,
    ratio,
    read_record,
    share_figure,
    speed_table,
)
from course_lib.bench.record import ACCURACY_FIELDS, FIELDS, Record, write_record
from course_lib.bench.report import accuracy_lines, lines
from course_lib.grading.command_line import main

DEFAULTS = {
    "op": "layer_norm", "direction": "both", "dtype": "float32", "layout": "contiguous",
    "shape": (4096, 768), "model": "BERT base", "threads": 1, "status": "measured",
    "samples": 9, "median": 2e-3, "lower": 1e-3, "upper": 3e-3, "clock": "wall", "share": 0.25,
    "copy_bandwidth": 10**10,
}  # fmt: skip


def row(implementation, **values):
    return dict.fromkeys(FIELDS) | DEFAULTS | {"implementation": implementation} | values


def accuracy_row(implementation, mean, **values):
    base = dict.fromkeys(ACCURACY_FIELDS) | {"op": "layer_norm", "layout": "contiguous"}
    base |= {"dtype": "float32", "implementation": implementation, "mean": mean}
    return base | {"status": "measured", "error_y": 6e-7, "error_dx": 2e-3} | values


RECORD = Record(
    {"device": "a machine"},
    [
        row("torch"),
        row("fast NumPy", median=5e-4, share=1.0),
        row("numba", status="not measured", reason="numba is not installed", median=None,
            share=None),
        row("torch", threads=2, median=1e-3),
        row("off", status="wrong", reason="an error", error_rel=0.5),
    ],
    [accuracy_row("torch", 0.0), accuracy_row("torch", 1e6, status="wrong", error_y=None),
     accuracy_row("numba", 0.0, status="not measured")],
)  # fmt: skip


def cells(table):
    soup = BeautifulSoup(table.data, "html.parser")
    return [[cell.text for cell in line.find_all(["th", "td"])] for line in soup.find_all("tr")]


@pytest.fixture
def toy_bench(monkeypatch):
    """Let `course bench` measure one small case and two implementations, in no time."""

    def off(outputs):
        return tuple(output + 1 for output in outputs)

    def listed(device, *, quick, ops, dtypes):
        return [TOY] if "layer_norm" in (ops or ("layer_norm",)) else []

    monkeypatch.setattr(bench_command, "cases", listed)
    monkeypatch.setattr(bench_command, "accuracy_cases", lambda ops: [TOY])
    both = (implementation("torch"), implementation("off", off))
    monkeypatch.setattr(bench_command, "IMPLEMENTATIONS", both)
    monkeypatch.setattr(bench_command.machine, "keep_memory", lambda size: machine.KEPT)
    monkeypatch.setattr(bench_command.machine, "cache_bytes", lambda device: 0)


def bench(tmp_path, *flags):
    return main(["bench", "--device", "cpu", "--minutes", "0.001", "--root", str(tmp_path), *flags])


def test_record_comes_back_as_it_was_written(tmp_path):
    write_record(tmp_path / "r.json", RECORD)
    assert read_record(tmp_path / "r.json") == RECORD


def test_row_with_other_keys_is_refused(tmp_path):
    write_record(tmp_path / "r.json", RECORD)
    stored = json.loads((tmp_path / "r.json").read_text())
    stored["fields"][0] = "operation"
    (tmp_path / "r.json").write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="record it again with `make bench`"):
        read_record(tmp_path / "r.json")


def test_record_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "r.json"
    write_record(path, RECORD)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_record(path, RECORD._replace(rows=[row("torch", median=float("nan"))]))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_failed_replacement_leaves_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    write_record(path, RECORD)

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_record(path, Record({}, [], []))
    assert list(tmp_path.iterdir()) == [path]
    assert read_record(path) == RECORD


def test_whole_run_records_its_device_and_says_what_was_wrong(toy_bench, tmp_path, capsys):
    assert bench(tmp_path) == 1
    record = read_record(tmp_path / "book/data/bench-cpu.json")
    status = {(one["implementation"], one["direction"]): one["status"] for one in record.rows}
    assert {key for key, value in status.items() if value == "wrong"} == {
        ("off", "forward"), ("off", "backward"), ("off", "both"),
    }  # fmt: skip
    assert "wrong: off, layer_norm forward float32" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "book/data").iterdir()] == ["bench-cpu.json"]


def test_run_without_a_fault_returns_zero(toy_bench, tmp_path):
    assert bench(tmp_path, "--implementation", "torch") == 0


@pytest.mark.parametrize(
    "flags",
    [["--quick"], ["--op", "layer_norm"], ["--direction", "both"], ["--dtype", "float32"],
     ["--implementation", "torch"]],
)  # fmt: skip
def test_part_of_a_run_leaves_the_record_alone(toy_bench, tmp_path, flags):
    bench(tmp_path, *flags)
    assert not (tmp_path / "book").exists()
    assert read_record(tmp_path / "_build/bench-cpu.json").rows


def test_flags_choose_rows(toy_bench, tmp_path):
    out = tmp_path / "rows.json"
    bench(tmp_path, "--direction", "forward", "--implementation", "off", "--out", str(out))
    found = read_record(out).rows
    assert {(one["implementation"], one["direction"]) for one in found} == {("off", "forward")}


def test_interrupted_run_keeps_its_rows_elsewhere(toy_bench, tmp_path, monkeypatch, capsys):
    path = tmp_path / "book/data/bench-cpu.json"
    write_record(path, RECORD)
    before = path.read_bytes()

    def stopped(plan, advance):
        yield [row("torch")]
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_command, "run", stopped)
    assert bench(tmp_path) == 130
    assert path.read_bytes() == before
    assert read_record(tmp_path / "_build/bench-cpu.partial.json").rows == [row("torch")]
    assert "1 rows are in" in capsys.readouterr().err


def test_unknown_operation_is_wrong_use(toy_bench, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        bench(tmp_path, "--op", "layernorm")
    assert stopped.value.code == 2


def test_gpu_that_is_missing_is_wrong_use(monkeypatch, capsys):
    monkeypatch.setattr(bench_command.torch.cuda, "is_available", lambda: False)
    assert main(["bench", "--device", "cuda"]) == 2
    assert "leave the flag out" in capsys.readouterr().err


def test_header_names_the_device_and_no_place(monkeypatch):
    header = machine.describe("cpu", (1,), machine.KEPT)
    assert header["versions"]["torch"]
    assert header["device"]
    text = json.dumps(header)
    assert str(Path.home()) not in text
    assert platform.node() not in text


def test_speed_table_says_what_was_not_measured():
    found = cells(speed_table(RECORD, "layer_norm"))
    assert found[0][:3] == ["implementation", "BERT base, 4096×768", "BERT large, 4096×1024"]
    names = ["torch", "fast NumPy", "numba", "off"]
    times = ["2 ms · 25%", "500 µs · 100%", "not measured", "2 ms · 25% wrong"]
    assert [line[:2] for line in found[1:]] == [*map(list, zip(names, times, strict=True))]
    assert {line[2] for line in found[1:]} == {"not measured"}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_tables_of_no_record_say_not_measured(tmp_path, device):
    empty = read_record(tmp_path / "none.json")
    for table in (speed_table(empty, "group_norm", device=device), accuracy_table(empty, "l")):
        lines = cells(table)[1:]
        assert lines
        assert {cell for line in lines for cell in line[1:]} == {"not measured"}


def test_numpy_stands_in_every_column_of_threads():
    found = cells(speed_table(RECORD, "layer_norm", threads=2))
    assert [line[0] for line in found[1:]] == ["fast NumPy", "torch"]


def test_gpu_table_shows_the_eager_time_too():
    record = RECORD._replace(rows=[row("torch", median=1e-5, eager_median=3e-5)])
    assert cells(speed_table(record, "layer_norm"))[1][1] == "10 µs · 25% (eager 30 µs)"


def test_accuracy_table_shows_errors_and_what_was_lost():
    found = cells(accuracy_table(RECORD, "layer_norm"))
    assert found[0] == ["implementation", "mean 0", "mean 10⁶"]
    assert found[1] == ["torch", "y 6·10⁻⁷ · dx 2·10⁻³", "y NaN · dx 2·10⁻³"]
    assert found[2] == ["numba", "not measured", "not measured"]


def test_ratio_is_above_one_where_the_second_is_faster():
    assert ratio(RECORD, "layer_norm", "torch", "fast NumPy") == [4.0]
    assert ratio(RECORD, "layer_norm", "torch", "numba") == []


def test_terminal_shows_torchs_time_over_each():
    (line,) = (one for one in lines(RECORD) if one.startswith("layer_norm") and "1 thr." in one)
    assert line.split()[-5:] == ["1.00", "4.00", "not", "measured", "1.00!"]


def test_terminal_shows_the_errors_at_large_means():
    assert "y NaN · dx 2·10⁻³" in "\n".join(accuracy_lines(RECORD))


def test_figure_marks_each_shape_and_says_what_is_missing():
    (figure,) = share_figure(RECORD, ops=("layer_norm",), implementations=("torch", "numba"))
    drawn, missing = figure.axes[0].lines
    assert drawn.get_xdata() == [25]
    assert missing.get_label() == "numba: not measured"


def test_figure_of_no_record_says_not_measured(tmp_path):
    (figure,) = share_figure(read_record(tmp_path / "none.json"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["not measured"]
