"""Report each planted error and the claim that saw it: `_build/reports/planted_errors.md`.

`mutants.planted` marks the tests and `mutants.assert_rejected` keeps what their claims said; this
plugin of pytest, loaded by conftest.py, carries both from the workers to one table.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import mutants
import pytest

import course_lib

REPORT = Path("_build/reports/planted_errors.md")
LAYERS = {path.stem for path in Path(course_lib.__path__[0]).glob("*_layers/*.py")}
SHARED = ("moments", "shapes", "affine")  # of all norms: an error belongs to the one that sees it

# The list of errors that real learners and real libraries make: what a planted one is called here.
LIST = {
    "biased running variance": "^biased running variance|^variance averaged",
    "unbiased variance used to normalize": "^unbiased (co)?variance",
    "ε outside the square root": "^eps (outside the root|added|inside the root)",
    "ε missing": r"\beps (missing|ignored)",
    "statistics detached from the graph": r"\bdetached",
    "input gradient without the mean term": "^gradient without the means?( term)?$",
    "input gradient without the x̂ term": "without the (x_hat|y term|varian|neigh)|left along it",
    "weight left out of the input gradient": "left out of the gradient",
    "wrong axes": r"\bax[ei]s\b|last$|^batch (for|in|and) |^(columns|whole|all) |sequence$",
    "γ or β ignored": r"^(weight|bias|gain|g|scale|length|alpha|factor) ignored",
    "E[x²] − E[x]²": r"^E\[x\^2\]",
    "statistics in half precision": r"\bhalf precision\b",
    "running statistics missing from the state": "missing from the state",
    "running statistics kept with their graph": "kept with (its|their) graph",
    "running statistics updated in evaluation": "(moved|updated) in evaluation",
    "momentum of the other convention": "^momentum of the other convention",
    "first batch overwritten": "overwrites the first|replaces the memory|memory overwritten",
    "(x − mean)/var": "^divided by the (variance|mean square|square)",
    "broadcast that works only for square inputs": "fits squares|along the inputs$",
    "the caller's array modified in place": "changed in place",
    "integer input truncated": "^integers truncated",
    "a constant channel giving NaN": "(gives?|becomes?) NaN|divided by 0",
    "a batch of one accepted": "^(batch of )?one( value| position)? accepted",
    "DeepNorm as x + αg": r"^x \+ αg",
    "gain initialized at random": "^(gain|start) at random",
}  # fmt: skip


class Planted(NamedTuple):
    """One planted error, and who saw it."""

    error: str
    norm: str  # whose tests saw it
    module: str
    right: str
    wrong: str
    claim: str
    said: str | None  # None: no claim saw it


def norm_of(where: str, claim: Callable, test_file: str) -> str:
    """Return the layer that an error is about.

    It is what the claim names, for example ``partial(claim, "batch_norm")``, or else the subject of
    the claim's file, or the module, or the subject of the test's file.
    """
    named = [value for value in getattr(claim, "args", ()) if isinstance(value, str)]
    module = where.rsplit(".", 1)[-1]
    files = (getattr(claim, "func", claim).__module__, test_file)
    seen, planted = (
        re.sub(r"^test_|(_mutants|_modules|_compiled|_processes)$", "", f) for f in files
    )
    about = [*named, seen, module, planted]
    return next((name for name in about if name in LAYERS and name not in SHARED), module)


def on_the_list(error: str) -> list[str]:
    """Return the entries of the list that an error is an example of."""
    return [entry for entry, pattern in LIST.items() if re.search(pattern, error)]


def pytest_configure(config):
    """Let `--strict-markers` know the mark of `mutants.planted`."""
    config.addinivalue_line(
        "markers", "planted_error(name): the test plants the error of this name"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Give the report of a test that planted an error the row of the table."""
    mark = item.get_closest_marker("planted_error")
    if mark and call.when == "call":
        given = item.callspec.params
        row = Planted(
            mark.args[0],
            norm_of(given["where"], given["claim"], item.path.stem),
            given["where"],
            given["right"],
            given["wrong"],
            mutants.name_of(given["claim"]),
            mutants.SAID.pop() if mutants.SAID and not call.excinfo else None,
        )
        item.user_properties.append(("planted error", list(row)))
    return (yield)


def pytest_terminal_summary(terminalreporter):
    """Write the report, of whatever tests ran here or in the workers."""
    rows = [
        Planted(*value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == "planted error"
    ]
    if rows:
        path = Path(terminalreporter.config.rootpath, REPORT)
        path.parent.mkdir(parents=True, exist_ok=True)
        command = " ".join(["pytest", *map(str, terminalreporter.config.invocation_params.args)])
        path.write_text(table(rows, command), encoding="utf-8")
        terminalreporter.write_line(f"planted errors: {summary(rows)}; {REPORT}")


def summary(rows: Iterable[Planted]) -> str:
    """Count the errors, their modules and the survivors."""
    rows = list(rows)
    alive = sum(row.said is None for row in rows)
    modules = len({row.module for row in rows})
    return f"{len(rows)} in {modules} modules, {f'{alive} SURVIVED' if alive else 'all killed'}"


def table(rows: Iterable[Planted], command: str) -> str:
    """Return the report of a command in Markdown."""
    rows = sorted(rows, key=lambda row: (row.norm, row.module, row.error, row.claim, row.wrong))
    lines = [
        "# Planted errors",
        "",
        f"{summary(rows)}. Each was put into a copy of a module of `course_lib` by the tests that "
        f"`{command}` ran; the claim, which holds for the right module, had to fail.",
        "",
        "## The list of errors that real learners and real libraries make",
        "",
        "| error of the list | planted | in the tests of |",
        "|---|---:|---|",
    ]
    for entry in LIST:
        found = [row for row in rows if entry in on_the_list(row.error)]
        lines.append(f"| {entry} | {len(found)} | {', '.join(sorted({r.norm for r in found}))} |")
    lines += [
        "",
        "## Each planted error",
        "",
        "| norm | planted error | module | right → wrong | killed by | what the claim said |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        change = f"{code(row.right)} → {code(row.wrong)}"
        said = "**nothing: it is alive**" if row.said is None else plain(row.said)
        cells = (row.norm, plain(row.error), row.module, change, plain(row.claim), said)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return source on one line, as code in a cell; a pipe or a backtick would end it."""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else "nothing"


def plain(text: str, width: int = 100) -> str:
    """Return words on one line, shortened, with nothing that Markdown would read as its own."""
    words = " ".join(text.split())
    short = words if len(words) <= width else words[: width - 1].rstrip() + "…"
    return re.sub(r"([|*_<>\[\]`\\$])", r"\\\1", short)
