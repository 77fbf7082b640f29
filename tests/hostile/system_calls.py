"""System calls that lead out of a process, each made directly: none may do anything.

The numbers are those of x86-64; on another processor the filter is the same, by names.
"""

import platform

from hostile.registry import attack, right_if

TASK = "batches_to_forget"
ON_X86 = platform.machine() == "x86_64"
# Number on x86-64, and arguments in Python.
SHARED_MEMORY = {
    "memfd_create": (319, "b'x', 0"),
    "memfd_secret": (447, "0"),
    "shmget": (29, "0, 4096, 0o1600"),
    "semget": (64, "0, 1, 0o1600"),
    "msgget": (68, "0, 0o1600"),
    "mq_open": (240, "b'hostile', 0o102, 0o600, None"),
}
OTHER_PROCESSES = {
    "ptrace": (101, "16, 1, 0, 0"),  # PTRACE_ATTACH
    "process_vm_readv": (310, "1, b'', 0, b'', 0, 0"),
    "process_vm_writev": (311, "1, b'', 0, b'', 0, 0"),
    "pidfd_open": (434, "1, 0"),
    "pidfd_send_signal": (424, "3, 9, None, 0"),
    "kcmp": (312, "1, 1, 0, 0, 0"),
    "tkill": (200, "1, 0"),
    "rt_sigqueueinfo": (129, "1, 0, None"),
    "sched_setaffinity": (203, "0, 8, b'\\xff' * 8"),
}
SOCKETS = {
    "socket_tcp": (41, "2, 1, 0"),
    "socket_udp": (41, "2, 2, 0"),
    "socket_raw": (41, "2, 3, 1"),
    "socket_unix": (41, "1, 1, 0"),
    "socket_netlink": (41, "16, 3, 0"),
    "socket_vsock": (41, "40, 1, 0"),
    "socketpair": (53, "1, 1, 0, ctypes.create_string_buffer(8)"),
}
NAMESPACES = {
    "unshare": (272, "0x10000000"),
    "setns": (308, "0, 0"),
    "mount": (165, "b'none', b'/tmp', b'tmpfs', 0, None"),
    "umount2": (166, "b'/proc', 2"),
    "pivot_root": (155, "b'/', b'/tmp'"),
    "chroot": (161, "b'/tmp'"),
    "sethostname": (170, "b'mine', 4"),
    "fsopen": (430, "b'tmpfs', 0"),
    "move_mount": (429, "-100, b'/', -100, b'/tmp', 0"),
}
KERNEL = {
    "bpf": (321, "0, ctypes.create_string_buffer(128), 128"),
    "perf_event_open": (298, "ctypes.create_string_buffer(128), 0, -1, -1, 0"),
    "io_uring_setup": (425, "4, ctypes.create_string_buffer(256)"),
    "userfaultfd": (323, "1"),
    "add_key": (248, "b'user', b'hostile', b'x', 1, -3"),
    "keyctl": (250, "0, -3, 1"),
    "seccomp": (317, "0, 0, None"),
    "landlock": (444, "None, 0, 1"),
    "init_module": (175, "None, 0, b''"),
    "reboot": (169, "0, 0, 0, None"),
}
WATCHING = {
    "inotify_init": (294, "0"),
    "fanotify_init": (300, "0, 0"),
    "personality": (135, "0xffffffff"),
    "timer_create": (222, "1, None, ctypes.create_string_buffer(8)"),
    "prctl": (157, "36, 0, 0, 0, 0"),  # PR_SET_CHILD_SUBREAPER
}
FILES = {
    "symlink": (88, "b'/etc/passwd', b'/tmp/hostile_link'"),
    "link": (86, "b'/dev/null', b'/tmp/hostile_null'"),
    "mknod": (133, "b'/tmp/hostile_pipe', 0o10600, 0"),
    "name_to_handle_at": (303, "-100, b'/', ctypes.create_string_buffer(200), b'aaaa', 0"),
    "open_by_handle_at": (304, "-100, ctypes.create_string_buffer(200), 0"),
}
PROCESSES = {
    "fork": (57, ""),
    "vfork": (58, ""),
    "clone": (56, "17, 0, 0, 0, 0"),
    "clone3": (435, "ctypes.create_string_buffer(88), 88"),
    "execve": (59, "b'/bin/true', None, None"),
    "setuid": (105, "0"),
    "capset": (126, "b'\\x22\\x05\\x08\\x20' + bytes(4), b'\\xff' * 24"),
}
# 336 passes every filter: the kernel keeps it for its own probes.
UNKNOWN = {f"number_{n}": (n, "-1, -1, -1, -1") for n in (*range(337, 439), *range(440, 600))}


def making(calls: dict[str, tuple[int, str]]) -> str:
    return right_if(f"""
        import ctypes
        library = ctypes.CDLL(None, use_errno=True)
        for number, arguments in {[*calls.values()]!r}:
            ctypes.set_errno(0)
            done = library.syscall(number, *eval(f"({{arguments}},)" if arguments else "()"))
            # Anything but EPERM means that the kernel looked at it.
            broken |= done >= 0 or ctypes.get_errno() != 1
    """)


FAMILIES = {
    "shared_memory": SHARED_MEMORY,
    "other_processes": OTHER_PROCESSES,
    "sockets": SOCKETS,
    "namespaces": NAMESPACES,
    "the_kernels_machinery": KERNEL,
    "watching": WATCHING,
    "files_of_other_kinds": FILES,
    "processes": PROCESSES,
    "numbers_that_no_filter_knows": UNKNOWN,
}
# A test may show that these work without a sandbox: they leave nothing behind.
HARMLESS = ("sockets", "watching")
for _name, _calls in FAMILIES.items():

    def _make(calls=_calls):
        return making(calls)

    _make.__name__ = f"system_calls_for_{_name}"
    _make.__doc__ = f"Calls the kernel by bare numbers: {', '.join([*_calls][:10])}."
    if ON_X86:
        attack(TASK, real=_name in HARMLESS)(_make)


def system_calls_of_another_architecture():
    """Calls the kernel through the 32-bit gate and the x32 numbers, past a filter for 64 bits."""
    return (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid); int 0x80; ret\n"
        "address = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        f"{right_if('broken = ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0')}"
    )


def system_calls_of_x32():
    """Calls socket by its x32 number."""
    return right_if("""
        import ctypes
        broken = ctypes.CDLL(None).syscall(0x40000000 + 41, 1, 1, 0) >= 0
    """)


if ON_X86:
    for _gate in (system_calls_of_another_architecture, system_calls_of_x32):
        attack(TASK, status="CRASH", said="signal 31")(_gate)
