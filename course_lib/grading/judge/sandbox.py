"""Start locked-in workers: bubblewrap around a warm zygote that forks one for each submission.

The trusted side of `course_lib.grading.worker`. bubblewrap gives the zygote a file system with the
interpreter, the declared packages and nothing else; each fork then enters namespaces of its own.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from course_lib.grading import worker
from course_lib.grading.judge import bubblewrap

UID = 61_184  # owns nothing, on no system; the zygote of a grader that runs as root becomes it
START_SECONDS = 120  # importing torch on a loaded machine
# What Python, NumPy and torch use once imported: no new process, program, socket or mount.
CALLS = (
    "access arch_prctl brk chdir clock_getres clock_gettime clock_nanosleep close dup dup2 dup3 "
    "epoll_create1 epoll_ctl epoll_wait eventfd2 exit exit_group faccessat faccessat2 fchdir "
    "fchmod fdatasync fstat fstatfs fsync ftruncate futex get_mempolicy get_robust_list getcpu "
    "getcwd getdents64 getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid "
    "getpriority getrandom getresgid getresuid getrlimit getrusage getsid gettid gettimeofday "
    "getuid kill lseek lstat madvise mkdir mkdirat mlock mmap mprotect mremap munlock munmap "
    "nanosleep newfstatat open openat pipe pipe2 poll ppoll pread64 preadv prlimit64 pselect6 "
    "pwrite64 pwritev read readlink readlinkat readv recvfrom recvmsg rename renameat renameat2 "
    "restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getparam sched_getscheduler "
    "sched_yield select sendmsg sendto set_robust_list set_tid_address setitimer shutdown "
    "sigaltstack stat statfs statx sysinfo tgkill time times truncate umask uname unlink unlinkat "
    "utimensat wait4 waitid write writev "
)
# Of these only some commands. No locks: by one on a file that all see, a worker could tell another
# what it was asked; nor by what it had the system read from disk (no mincore, no fadvise64).
COMMANDS = {
    "fcntl": (0, 1, 2, 3, 4, 1030),  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, …CLOEXEC
    "ioctl": (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451),  # terminals: read; FIO…
}


class NoSandbox(RuntimeError):
    """Untrusted code cannot be locked in on this machine."""


class Zygote:
    """A warm process that forks workers.

    Parameters
    ----------
    packages : tuple of str
        What the exercise declares, such as ``("numpy", "torch")``.
    sandbox : bool
        False only for code of one's own: the worker can then read and write what you can.

    Raises
    ------
    NoSandbox
        If the machine cannot lock code in, with the reason and the way out.
    """

    def __init__(self, packages: tuple[str, ...], *, sandbox: bool = True):
        self.packages, self.sandbox = packages, sandbox
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115, open as long as the zygote
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self.process = self._start(theirs, os.name == "posix" and os.geteuid() == 0)
            self._await_ready()
        except BaseException:
            self.control.close()
            self.errors.close()
            raise

    def fork(self) -> tuple[socket.socket, socket.socket]:
        """Return the connection to a fresh worker, and that to its warden."""
        ours, theirs = socket.socketpair()
        watch, warden = socket.socketpair()
        with theirs, warden:
            socket.send_fds(self.control, [b"fork"], [theirs.fileno(), warden.fileno()])
        return ours, watch

    @property
    def alive(self) -> bool:
        """Whether it can still fork."""
        return self.process.poll() is None

    def close(self) -> None:
        """End it, and with it every worker."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def _start(self, control: socket.socket, as_root: bool) -> subprocess.Popen:
        program, settings = self._settings(as_root)
        with tempfile.TemporaryFile() as filter_file:
            filter_file.write(program)
            filter_file.seek(0)
            pass_fds = (control.fileno(), filter_file.fileno())
            arguments = [str(pass_fds[0]), json.dumps(settings), str(pass_fds[1])]
            # -P: a learner's numpy.py may lie in the current folder.
            command = [sys.executable, "-P", "-m", "worker.zygote", *arguments]
            environment = bubblewrap.environment(str(Path(worker.__file__).parent.parent))
            if self.sandbox:
                command = [*_locked_python(self.packages, as_root), *command[1:]]
            return subprocess.Popen(
                command,
                env=os.environ | environment,
                pass_fds=pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                start_new_session=True,
            )

    def _settings(self, as_root: bool) -> tuple[bytes, dict]:
        wide = "torch" in self.packages
        settings = {
            "packages": self.packages,
            "sandbox": self.sandbox,
            "uid": UID if as_root and self.sandbox else None,
            "limits": {"memory": (3 if wide else 1) << 30, "seconds": 120},
        }
        return _program() if self.sandbox else b"", settings

    def _await_ready(self) -> None:
        self.control.settimeout(START_SECONDS)
        try:
            ready = self.control.recv(16)
        except TimeoutError:
            ready = b""
        self.control.settimeout(None)
        if ready != b"ready":
            self.process.kill()
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read(4000).decode(errors="replace").strip().splitlines()
            raise NoSandbox(_remedy(said[-1] if said else "no word from it"))


def _remedy(said: str) -> str:
    hint = "run the grader in a container that allows user namespaces, or on another machine"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        hint = (
            "Ubuntu restricts user namespaces: as root, put a profile for bwrap into "
            "/etc/apparmor.d (apt-get install apparmor-profiles), or set "
            "kernel.apparmor_restrict_unprivileged_userns=0"
        )
    return (
        f"expected a sandbox for the learners' code, got: {said}; {hint}; for code that you wrote "
        "yourself there is --no-sandbox"
    )


@cache
def _program() -> bytes:
    """Return the filter of system calls, compiled for this machine."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError) as error:  # the package, or the library behind it
        raise NoSandbox(_remedy(f"{error} (apt-get install libseccomp2)")) from None
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(1))
    for name in CALLS.split():
        try:
            rules.add_rule(pyseccomp.ALLOW, name)
        except (ValueError, OSError):  # this processor has no such call
            continue
    for name, commands in COMMANDS.items():
        for command in commands:
            rules.add_rule(pyseccomp.ALLOW, name, pyseccomp.Arg(1, pyseccomp.EQ, command))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _locked_python(packages: tuple[str, ...], as_root: bool) -> list[str]:
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandbox(_remedy("no bwrap (apt-get install bubblewrap, dnf install bubblewrap)"))
    return bubblewrap.locked_python(program, packages, as_root)


def wait_for_end(watch: socket.socket, seconds: float = 5.0) -> dict:
    """Return what the warden says of a worker's end; empty if it says nothing in time."""
    try:
        watch.settimeout(seconds)
        return json.loads(watch.recv(4096) or b"{}")
    except (TimeoutError, OSError, ValueError):
        return {}


def time_of(watch: socket.socket) -> tuple[float, bool]:
    """Return the worker's processor seconds, and whether it wants more just now."""
    try:
        watch.settimeout(5.0)
        watch.send(b"time")
        answer = json.loads(watch.recv(4096))
        return float(answer["seconds"]), answer["runs"] is True
    except (TimeoutError, OSError, ValueError, KeyError, TypeError):
        return 0.0, False  # its end is on the way


def kill(watch: socket.socket) -> None:
    """Have the warden kill its worker."""
    try:
        watch.send(b"kill")
    except OSError:
        time.sleep(0)  # the warden has gone already, and its worker with it
