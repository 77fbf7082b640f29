"""Build the site into `_build/html`, warnings as errors, and tell the truth on every run.

Sphinx warns about a page only when it reads that page, so an incremental build stays silent about
an old fault. Here a build either finds every input as the last success left it, and does nothing,
or reads every page again; only the notebooks' executions are kept, until the code changes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ("course_lib", "book/data", "constraints.txt")  # what an executed notebook depends on
PAGES = ("_config.yml", "_toc.yml", "book", "exercises", "solutions", "tools/book.py")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
EXECUTED = ("book", "solutions")  # the exercises' checks fail until the reader has solved them
SECONDS_A_CELL = 300
QUIET = ["--IPKernelApp.log_level=40"]  # errors only: each kernel would warn that it uses TCP
CACHES = {"__pycache__", ".ipynb_checkpoints", "_build"}
ANSI = re.compile(r"\x1b\[[0-9;]*m")
FAULT = re.compile(r"(\S+: )?(WARNING|ERROR|CRITICAL|SEVERE): |[\w.]+(Error|Exception|Failed): \S")
CELL_LINE = re.compile(r"(?<=\.ipynb):(\d+)(\d{4}):")  # MyST-NB numbers cell 5, line 2 as 50002
SHOWN = 20


def files(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files behind the names, folders opened, in a fixed order."""
    for name in names:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not CACHES.intersection(file.parts):
                yield file


def fingerprint(root: Path, names: tuple[str, ...]) -> str:
    """Return a hash of the names and contents of all files behind the names."""
    digest = hashlib.sha256()
    for file in files(root, names):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def read(path: Path) -> str:
    """Return a file's text, or an empty string where there is none."""
    return path.read_text(encoding="utf8") if path.is_file() else ""


def drop_stale_executions(root: Path, build: Path) -> None:
    """Forget executed notebooks when the code they ran has changed: their own text has not."""
    cache, code = build / ".jupyter_cache", fingerprint(root, CODE)
    stamp = cache / "code.sha256"
    if read(stamp) != code:
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        stamp.write_text(code, encoding="utf8")


def execute_notebooks(root: Path, build: Path) -> None:
    """Fill the builder's cache with what it lacks, one notebook a core.

    A notebook that fails is left out: the builder meets it again, and reports it as its own.
    """
    from jupyter_cache import get_cache
    from jupyter_cache.executors.utils import create_cache_bundle, single_nb_execution

    cache = get_cache(build / ".jupyter_cache")
    paths = [path for path in files(root, EXECUTED) if path.suffix == ".ipynb"]
    records = [cache.add_nb_to_project(str(path)) for path in paths]
    missing = {record.pk for record in cache.list_unexecuted()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {}
        for record in records:
            if record.pk in missing:
                notebook = cache.get_project_notebook(record.pk)
                here = str(Path(record.uri).parent)
                job = pool.submit(
                    single_nb_execution,
                    notebook.nb,
                    here,
                    SECONDS_A_CELL,
                    allow_errors=False,
                    extra_arguments=QUIET,
                )
                jobs[job] = notebook
        for job in as_completed(jobs):
            if job.exception() is None and job.result().err is None:
                notebook, seconds = jobs[job], job.result().time
                bundle = create_cache_bundle(notebook, None, None, seconds, None)
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                page = Path(notebook.uri).relative_to(root).as_posix()
                print(f"book: {page} executed in {seconds:.1f} s", flush=True)


def run_builder(root: Path, log: Path) -> tuple[int, list[str]]:
    """Run Jupyter Book and return status and output lines."""
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [jupyter_book, "build", ".", "-W", "-n", "--keep-going"]
    environ = {**os.environ, "PYTHONIOENCODING": "utf8"}
    lines = []
    with subprocess.Popen(
        command,
        cwd=root,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf8",
        errors="replace",
    ) as process:
        for raw in process.stdout:
            line = ANSI.sub("", raw).rstrip().replace(f"{root}{os.sep}", "")
            lines.append(line)
    log.write_text("\n".join(lines) + "\n", encoding="utf8")
    return process.returncode, lines


def faults(lines: list[str]) -> list[str]:
    """Pick the lines that name a fault, each once, with notebook lines as cell and line."""
    named = [CELL_LINE.sub(r" (cell \1):", line) for line in lines if FAULT.match(line)]
    return list(dict.fromkeys(named)) or [line for line in lines if line.strip()][-3:]


def report_failure(lines: list[str], log: Path) -> None:
    """Print the faults again where the reader looks first, at the end."""
    found = faults(lines)
    print(f"book: the build failed (log: {log})", file=sys.stderr)
    for line in found[:SHOWN]:
        print(f"  {line}", file=sys.stderr)
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN} more in the log", file=sys.stderr)


def build_site(root: Path) -> int:
    """Build where anything changed since the last success; return the exit status."""
    build = root / "_build"
    index, stamp = build / "html" / "index.html", build / "built.sha256"
    inputs = fingerprint(root, (*CODE, *PAGES))
    if not (index.is_file() and read(stamp) == inputs):
        stamp.unlink(missing_ok=True)
        for stale in ("html", ".doctrees"):
            shutil.rmtree(build / stale, ignore_errors=True)
        drop_stale_executions(root, build)
        # One thread a kernel: figures do not depend on the number of cores.
        os.environ.update(dict.fromkeys(THREADS, "1"))
        print("book: executing the notebooks that changed, then reading every page", flush=True)
        execute_notebooks(root, build)
        log = build / "book.log"
        status, lines = run_builder(root, log)
        if status != 0:
            report_failure(lines, log.relative_to(root))
            return 1
        stamp.write_text(inputs, encoding="utf8")  # last: only a success may be skipped next time
    print(f"book: {index.relative_to(root)} is up to date; `make serve` shows it")
    return 0


if __name__ == "__main__":
    sys.exit(build_site(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT))
