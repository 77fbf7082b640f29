"""Lock this process in: namespaces, limits, and the filter of system calls.

Called by a fresh child of the zygote before it runs the first line of a learner's code. The order
matters: mounts need the privileges of the new user namespace, the filter forbids everything that
came before it.
"""

import contextlib
import ctypes
import os
import resource
from typing import NamedTuple

CLONE = {"user": 0x10000000, "mount": 0x00020000, "pid": 0x20000000, "ipc": 0x08000000,
         "uts": 0x04000000, "net": 0x40000000}  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
FILES = 16 << 20  # bytes of one file
SCRATCH = 64 << 20  # bytes of /tmp


class Limits(NamedTuple):
    """What one worker may use."""

    memory: int = 1 << 30  # bytes beyond what the warm process holds
    seconds: int = 120  # of processor time; the judge's own clock is the tighter one


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _must(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def become(uid: int) -> None:
    """Give up root for a user that owns nothing; limits do not bind root."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # The change of user made /proc/self root's, and the child has its own user map to write there.
    _must(_libc().prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def unshare() -> None:
    """Enter namespaces of one's own; the next child is the first process of a new one."""
    uid, gid = os.geteuid(), os.getegid()
    flags = 0
    for flag in CLONE.values():
        flags |= flag
    _must(_libc().unshare(flags), "unshare")
    for name, text in (
        ("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")
    ):  # fmt: skip
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def own_folders() -> None:
    """Hide /proc, and put an empty folder of limited size where one may write."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    _mount(b"/tmp", flags, f"size={SCRATCH},nr_inodes=1000,mode=700".encode())
    _mount(b"/proc", flags | MS_RDONLY, b"size=0,nr_inodes=1,mode=755")


def _mount(target: bytes, flags: int, options: bytes) -> None:
    _must(_libc().mount(b"none", target, b"tmpfs", ctypes.c_ulong(flags), options), "mount")


def lock_in(limits: Limits, program: bytes) -> None:
    """Do all that follows the namespaces."""
    limit(limits)
    die_first()
    own_folders()
    os.chdir("/tmp")
    drop_privileges()
    # A dump would go to the host's own handler, which reads it as root.
    _must(_libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")
    filter_calls(program)


def limit(limits: Limits) -> None:
    """Cap memory, files, processes and processor time."""
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    caps = {
        resource.RLIMIT_AS: held + limits.memory,
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_FSIZE: FILES,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, value in caps.items():
        resource.setrlimit(kind, (value, value))


def die_first() -> None:
    """Where the machine's memory ends, let the kernel take this process before all others."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def drop_privileges() -> None:
    """Give up every capability that the user namespace lent."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _must(_libc().capset(header, (ctypes.c_uint32 * 6)()), "capset")


def filter_calls(program: bytes) -> None:
    """Let through only the system calls of the list; all others return an error."""
    _must(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    rules = _Filter(len(program) // 8, program)
    _must(
        _libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(rules), 0, 0),
        "prctl(PR_SET_SECCOMP)",
    )
