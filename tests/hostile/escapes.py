"""Ways out of the sandbox by the usual calls: files, descriptors, processes, the network."""

from notebooks import ROOT

from hostile.registry import attack, right_if

TASK = "batches_to_forget"


@attack(TASK, real=True)
def forks():
    """Forks, by every module that can."""
    return right_if("""
        import os
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        broken = True
    """)


@attack(TASK)
def a_fork_bomb():
    """Forks for ever, each child in a session of its own."""
    return right_if("""
        import os
        while True:
            if os.fork() == 0:
                os.setsid()
            broken = True
    """)


@attack(TASK, real=True)
def starts_programs():
    """Starts a shell by subprocess, os.system and posix_spawn."""
    return right_if("""
        import os, subprocess, sys
        try:
            broken = os.system("true") == 0
            subprocess.run([sys.executable, "-c", ""], check=True)
        except OSError:
            os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
            broken = True
    """)


@attack(TASK, real=True)
def starts_processes():
    """Starts workers by multiprocessing."""
    return right_if("""
        import multiprocessing
        child = multiprocessing.get_context("fork").Process(target=print)
        child.start()
        child.join()
        broken = True
    """)


@attack(TASK, real=True)
def starts_threads():
    """Starts threads, one of which would outlive the question."""
    return right_if("""
        import threading
        threading.Thread(target=print, daemon=True).start()
        broken = True
    """)


@attack(TASK)
def reaches_the_network():
    """Asks for names and connects, over TCP, UDP and abstract unix sockets."""
    return right_if("""
        import socket, urllib.request
        for attempt in (
            lambda: socket.create_connection(("127.0.0.1", 22), .2),
            lambda: socket.getaddrinfo("localhost", 80),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)),
            lambda: socket.socket(socket.AF_UNIX).connect("\\0hostile"),
            lambda: urllib.request.urlopen("http://127.0.0.1:1", timeout=.2),
        ):
            try:
                broken |= bool(attempt())
            except OSError:
                continue
    """)


@attack(TASK, real=True)
def reads_the_machine():
    """Reads files that every Linux machine has."""
    return right_if("""
        import os
        for path in ("/etc/passwd", "/etc/hosts", "/bin/sh", "/proc/stat", "/var/log", "/home"):
            broken |= os.path.exists(path)
    """)


@attack(TASK, real=True)
def reads_the_courses_folder():
    """Follows links and parents to where the course lies."""
    return right_if(f"""
        import os
        os.chdir("/")
        for path in ({str(ROOT)!r}, "/code/worker/../../.." + {str(ROOT / "tests")!r},
                     "/packages/../" + {str(ROOT / "course_lib/grading/judge/judge.py")!r}):
            broken |= os.path.exists(path)
    """)


@attack(TASK, real=True)
def reads_processes():
    """Lists /proc, its own memory map and environment there."""
    return right_if("""
        import os
        for path in ("self/environ", "self/maps", "1/cmdline", "self/fd", "self/root", "kcore"):
            broken |= os.path.exists(f"/proc/{path}")
        broken |= bool(os.listdir("/proc"))
    """)


@attack(TASK)
def links_out_of_its_folder():
    """Makes links in its folder that lead out of it."""
    return right_if("""
        import os
        os.symlink("/", "/tmp/root")
        broken = True
    """)


@attack(TASK)
def writes_beside_its_folder():
    """Writes wherever a folder lets it."""
    return right_if("""
        import os
        for folder, folders, files in os.walk("/"):
            for name in (".pth", "sitecustomize.py", "numpy.py"):
                try:
                    if not folder.startswith("/tmp"):
                        open(os.path.join(folder, name), "w").close()
                        broken = True
                except OSError:
                    pass
            if folder.count("/") > 2:
                folders.clear()
    """)


@attack(TASK)
def runs_a_library_that_it_wrote():
    """Writes a shared library into its folder and loads it, and maps it as code."""
    return right_if("""
        import ctypes, mmap
        with open("/tmp/x.so", "wb+") as file:
            file.write(open("/lib/x86_64-linux-gnu/libm.so.6", "rb").read())
            file.flush()
            try:
                mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)
                broken = True
            except OSError:
                ctypes.CDLL("/tmp/x.so")
                broken = True
    """)


@attack(TASK)
def raises_its_limits():
    """Raises each limit of its own, and those of other processes."""
    return right_if("""
        import resource
        for pid in (0, 1, 2, 3):
            for kind in range(16):
                try:
                    soft, hard = resource.prlimit(pid, kind)
                    if hard >= 0:
                        resource.prlimit(pid, kind, (hard + 1, hard + 1))
                        broken = True
                except (OSError, ValueError):
                    continue
    """)


@attack(TASK)
def becomes_another_user():
    """Asks for other users, groups and capabilities by every call of os."""
    return right_if("""
        import os
        for name in ("setuid", "setgid", "seteuid", "setegid"):
            for number in (0, 1000, 65534):
                try:
                    getattr(os, name)(number)
                    broken = True
                except OSError:
                    continue
    """)


@attack(TASK)
def pushes_keys_into_a_terminal():
    """Looks for a terminal behind each descriptor, and types into it."""
    return right_if("""
        import fcntl, os
        for number in range(256):
            try:
                broken |= os.isatty(number)
                fcntl.ioctl(number, 0x5412, b"x")  # TIOCSTI
                broken = True
            except OSError:
                continue
        os.open("/dev/tty", os.O_RDWR)
        broken = True
    """)


@attack(TASK, status="CRASH", said="broke the protocol")
def writes_to_every_descriptor():
    """Writes its wish into each descriptor that it inherited: one is the judge's."""
    return (
        "import os\nfor number in range(256):\n    try: os.write(number, b'\\xff score 18.0' * 9)\n"
        "    except OSError: pass\n"
    )


@attack(TASK)
def inherited_descriptors():
    """Looks for descriptors that are neither null, nor the judge's."""
    return right_if("""
        import os, stat
        sockets = 0
        for number in range(256):
            try:
                found = os.fstat(number)
            except OSError:
                continue
            sockets += stat.S_ISSOCK(found.st_mode)
            null = stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(1, 3)
            broken |= not null and not stat.S_ISSOCK(found.st_mode)
        broken |= sockets != 1
    """)


@attack(TASK, status="CRASH", said="cut its connection")
def closes_every_descriptor():
    """Closes its connection and goes on."""
    return "import os\nos.closerange(0, 1000)\nwhile True: pass"
