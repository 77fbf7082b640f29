"""A dask scheduler and workers, each a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grading_runs import SECONDS

WORKER = "from distributed.cli.dask_worker import main; main()"
OTHER_VERSION = f"import course_lib; course_lib.__version__ = '0.0.1'; {WORKER}"
NO_PACKAGE = f"import sys; sys.modules['course_lib'] = None; {WORKER}"


def start(code, *arguments):
    """Start a Python process that serves a cluster and imports what the tests do."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, **quiet)


@contextlib.contextmanager
def started(code, *arguments):
    with start(code, *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def worker(address, code=WORKER):
    """Start a worker without a nanny: what is killed stays dead."""
    settings = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
    return started(code, address, *settings, "--local-directory", tempfile.gettempdir())


@contextlib.contextmanager
def scheduler_without_workers():
    """Start a scheduler of its own process, as on a cluster; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "from distributed.cli.dask_scheduler import main; main()"
    place = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with started(code, *place, "--dashboard-address", "127.0.0.1:0"):
        _await_port(port)
        yield f"tcp://127.0.0.1:{port}"


def _await_port(port):
    for _ in range(SECONDS * 10):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise TimeoutError(f"expected a scheduler at port {port} within {SECONDS} s")
