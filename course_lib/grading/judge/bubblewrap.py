"""The file system that a zygote sees: the interpreter, the declared packages and the worker."""

import importlib.metadata
import os
import sys
import sysconfig
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement

from course_lib.grading import worker

ALWAYS = ("numpy", "matplotlib")  # learners draw; without it their import cell would stop there
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Each may hold packages that an exercise does not declare.
OTHERS = (f"{sysconfig.get_path('stdlib')}/site-packages", "/usr/lib/python3/dist-packages")


def environment(path: str) -> dict[str, str]:
    """Return what a zygote's environment must hold; `path` is where it finds the worker."""
    return {
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        **dict.fromkeys(THREADS, "1"),
    }


def locked_python(program: str, packages: tuple[str, ...], as_root: bool) -> list[str]:
    """Return the command that starts a Python which sees itself, the packages and the worker."""
    python = os.path.realpath(sys.executable)
    command = [program, "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    command += ["--unshare-uts", "--hostname", "sandbox", "--unshare-cgroup-try", "--clearenv"]
    if as_root:
        command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    for path in _system_folders(python):
        command += _show(path, path, "--ro-bind-try")
    for folder in filter(os.path.isdir, OTHERS):
        command += ["--tmpfs", folder]
    for file in package_files({*ALWAYS, *packages}):
        command += _show(str(file), f"/packages/{file.name}")
    command += _show(str(Path(worker.__file__).parent), "/code/worker")
    for device in ("null", "zero", "random", "urandom"):
        command += _show(f"/dev/{device}", f"/dev/{device}", "--dev-bind")
    command += ["--proc", "/proc", "--dir", "/tmp", "--remount-ro", "/", "--chdir", "/"]
    settings = environment("/packages:/code") | {"HOME": "/tmp", "PATH": "/nowhere"}
    for name, value in settings.items():
        command += ["--setenv", name, value]
    return [*command, "--", python, "-S", "-s"]


def _show(path: str, at: str, how: str = "--ro-bind") -> list[str]:
    # Above a file bubblewrap would make folders that only root may enter.
    return ["--dir", os.path.dirname(at), how, path, at]


def _system_folders(python: str) -> list[str]:
    """Return what the interpreter itself needs, and no more of the system."""
    library = sysconfig.get_config_var("LDLIBRARY") or ""
    shared = os.path.join(sysconfig.get_config_var("LIBDIR") or "", library)
    folders = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", python]
    return [*folders, sysconfig.get_path("stdlib"), *([shared] if library.endswith(".so") else [])]


def package_files(names: set[str]) -> list[Path]:
    """Return the folders and files of packages and of all that they require."""
    return _package_files(frozenset(names))


@cache
def _package_files(names: frozenset[str]) -> list[Path]:
    found: dict[str, Path] = {}
    queue, seen = list(names), set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # not needed on this system, or not installed: importing it will say so
        for file in distribution.files or ():
            top = file.parts[0]
            if top != ".." and not top.startswith("__pycache__"):
                found[top] = Path(distribution.locate_file(top))
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return [path for _, path in sorted(found.items()) if path.exists()]
