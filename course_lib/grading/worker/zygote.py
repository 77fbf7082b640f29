"""A process with everything imported, which forks a locked-in worker for each submission.

It never runs a learner's code. Its parent sends jobs over a socket, each with two descriptors: the
worker's own connection, and that of its warden. The warden is the worker's parent: it kills it
when the judge says so or is gone, and tells how it ended.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time

from . import isolation, loop, wire

REPLY = 4096


def main() -> None:
    """Serve forks over the socket of descriptor `sys.argv[1]` until its other end is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    program = os.read(int(sys.argv[3]), 1 << 20) if settings["sandbox"] else b""
    if settings["uid"] is not None:
        isolation.become(settings["uid"])
    for package in settings["packages"]:
        importlib.import_module(package)
    if "torch" in settings["packages"]:
        from . import torch_norms

        torch_norms.switch_off()
        # torch imports it, with all of sympy, at the first gradient: a quarter of a second in each
        # worker if it is not here already.
        importlib.import_module("torch.fx.experimental.symbolic_shapes")
    gc.collect()
    gc.freeze()  # what is imported stays shared with the children
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens need no funeral
    control.send(b"ready")
    while True:
        word, descriptors, *_ = socket.recv_fds(control, REPLY, 2)
        if not word:
            return
        if os.fork() == 0:
            control.close()
            _warden(*descriptors, settings, program)
        for descriptor in descriptors:
            os.close(descriptor)


def _warden(connection: int, judge: int, settings: dict, program: bytes) -> None:
    """Start the worker, watch over it, report its end; never return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    report = socket.socket(fileno=judge)
    try:
        if settings["sandbox"]:
            isolation.unshare()
        # Held open, since the worker hides /proc from the namespace that both are in.
        processes = os.open("/proc" if os.path.isdir("/proc") else "/", os.O_RDONLY)
        worker = os.fork()
        if worker == 0:
            _worker(connection, settings, program)
        os.close(connection)
        _watch(worker, report, processes)
    except BaseException as error:
        with contextlib.suppress(OSError):
            report.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
    os._exit(0)


def _watch(worker: int, report: socket.socket, processes: int) -> None:
    """Wait until the worker ends, or kill it when the judge says so or hangs up."""
    done = 0
    while not done:
        if select.select([report], [], [], 0.02)[0]:
            if report.recv(16) == b"time":
                report.send(json.dumps(_time_of(worker, processes)).encode())
                continue
            os.kill(worker, signal.SIGKILL)  # as its namespace's first process it takes all along
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGKILL)  # where there is no namespace
            _, status, usage = os.wait4(worker, 0)
            break
        done, status, usage = os.wait4(worker, os.WNOHANG)
    end = {"status": os.waitstatus_to_exitcode(status), "rss": usage.ru_maxrss << 10}
    with contextlib.suppress(OSError):
        report.send(json.dumps(end).encode())


def _time_of(worker: int, processes: int) -> dict:
    """Return the processor time that a process has had, and whether it wants more just now."""
    try:
        with open(f"{worker}/stat", opener=lambda *to: os.open(*to, dir_fd=processes)) as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:  # it has gone, or the system has no such file
        return {"seconds": 0.0, "runs": False}
    ticks = int(fields[11]) + int(fields[12])
    return {"seconds": ticks / os.sysconf("SC_CLK_TCK"), "runs": fields[0] in "RD"}


def _worker(connection: int, settings: dict, program: bytes) -> None:
    """Lock this process in and serve the judge; never return."""
    judge = socket.socket(fileno=connection)
    try:
        os.setsid()  # so that a signal to one's own group reaches nobody else
        _close_others(connection)
        if settings["sandbox"]:
            isolation.lock_in(isolation.Limits(**settings["limits"]), program)
    except BaseException as error:
        wire.send(judge, {"failed": f"{type(error).__name__}: {error}"}, [])
        os._exit(1)
    try:
        loop.serve(judge)
    finally:
        os._exit(0)


def _close_others(connection: int) -> None:
    """Leave standard input, output and error on nothing, and the connection; close the rest."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, connection)
    os.closerange(connection + 1, os.sysconf("SC_OPEN_MAX") if connection < 1000 else 4096)


if __name__ == "__main__":
    time.tzset()
    main()
