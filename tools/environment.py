"""Make or refresh `.venv`; standard library only, and readable to Python 3.6 so that it can say no.

Every failure is one line: what was expected, what came, and the repair.
"""

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
FRESH_GB = 4  # the packages with torch, and pip's copies of them while it installs
# A caller's own settings must not send packages elsewhere or put foreign ones in front of ours.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
NETWORK_SIGNS = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")
NETWORK_SIGNS += ("ReadTimeoutError", "SSLError", "connection broken by")
CONFLICT_SIGNS = ("ResolutionImpossible", "conflicting dependencies")


class Problem(Exception):
    """What keeps the environment from standing, in one line."""


def problem(expected: str, got: str, repair: str) -> Problem:
    """Word a problem the one way."""
    return Problem(f"expected {expected}, got {got}; {repair}")


def say(text: str) -> None:
    """Print one line of progress at once."""
    print("environment: " + text, flush=True)


def find_newer() -> str:
    """Return a new enough Python from the PATH, or an empty string."""
    for name in NEWER:
        path = shutil.which(name)
        # A pyenv shim is on the PATH even where the version behind it is not switched on.
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return path
    return ""


def require_python() -> None:
    """Go on under a new enough Python, or name the one that is missing."""
    if sys.version_info[:2] >= OLDEST:
        return
    newer = find_newer()
    if newer:
        sys.exit(subprocess.call([newer, *sys.argv]))
    raise problem(
        "Python 3.11 or newer",
        f"{sys.version.split()[0]} at {sys.executable}",
        "install one, then name it: make PYTHON=/path/to/python3.12 book",
    )


def require_venv_module() -> None:
    """Name the package that Debian splits off from Python."""
    for name in ("venv", "ensurepip"):
        if importlib.util.find_spec(name) is None:
            raise problem(
                "Python's own venv and ensurepip modules",
                "a Python without " + name,
                "install them (Debian, Ubuntu: apt-get install python3-venv)",
            )


def out_of_disk(got: str) -> Problem:
    """Word the problem of a full disk."""
    return problem(f"about {FRESH_GB} GB of free disk", got, "free some space, then run this again")


def require_disk(root: Path) -> None:
    """Refuse a fresh install that the disk cannot hold."""
    free = shutil.disk_usage(str(root)).free / 1e9
    if free < FRESH_GB:
        raise out_of_disk(f"{free:.1f} GB at {root}")


def wanted(root: Path) -> str:
    """Return a hash of everything that decides what `.venv` holds."""
    digest = hashlib.sha256("{}.{} {}".format(*sys.version_info[:2], root).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def read(path: Path) -> str:
    """Return a file's text, or an empty string where there is none."""
    return path.read_text(encoding="utf8", errors="replace") if path.is_file() else ""


def venv_fits(venv: Path) -> bool:
    """Say whether `.venv` was made in this very place by this version of Python."""
    config = read(venv / "pyvenv.cfg")
    return "version = {}.{}.".format(*sys.version_info[:2]) in config and str(venv) in config


def venv_python(venv: Path) -> Path:
    """Return the environment's interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def clean_environ() -> dict:
    """Return the caller's variables without those that redirect Python or pip."""
    return {key: value for key, value in os.environ.items() if key not in FOREIGN}


def run_logged(command: list, log: Path) -> bool:
    """Run a command with all its output in the log; say when pip starts to install."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=clean_environ(),
        cwd=str(log.parent.parent),
    )
    with process, log.open("a", encoding="utf8") as out:
        for line in process.stdout:
            out.write(line)
            if line.startswith("Installing collected packages:"):
                say("downloaded; installing {} packages".format(line.count(",") + 1))
    return process.returncode == 0


def explain(log: Path) -> Problem:
    """Turn a failed command's log into its one line."""
    text = read(log)
    see = "the whole log is " + str(log)
    if "No space left on device" in text:
        return out_of_disk("a full disk")
    if any(sign in text for sign in CONFLICT_SIGNS):
        got = "requirements that contradict each other"
        return problem("pyproject.toml and constraints.txt to agree", got, see)
    if any(sign in text for sign in NETWORK_SIGNS):
        return problem(
            "pip to reach its package index",
            "no connection",
            "check the network or pip's proxy and index settings, then run this again; " + see,
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    got = (errors or lines or ["no output"])[-1]
    return problem("pip to install the packages", repr(got), see)


def make_venv(venv: Path, log: Path) -> None:
    """Create `.venv`, or mend one that an interrupted run left behind."""
    say("creating .venv with Python " + sys.version.split()[0])
    # Where .venv is active this very Python lives in it: use the one that it was made from.
    base = getattr(sys, "_base_executable", sys.executable)
    if not run_logged([base, "-m", "venv", venv], log):
        raise explain(log)


def refresh(root: Path) -> None:
    """Install what pyproject.toml asks for, unless that was done before."""
    venv, want = root / ".venv", wanted(root)
    stamp, log = venv / "installed.sha256", venv / "install.log"
    if read(stamp) == want and venv_fits(venv):
        return
    require_venv_module()
    if not venv_fits(venv):
        require_disk(root)
        shutil.rmtree(str(venv), ignore_errors=True)
    venv.mkdir(exist_ok=True)
    log.write_text("", encoding="utf8")
    make_venv(venv, log)
    say("fetching the packages; the first time takes minutes (log: .venv/install.log)")
    pip = [venv_python(venv), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--progress-bar", "off", "-c", "constraints.txt", "-e", ".[all]"]
    if not run_logged(pip, log):
        raise explain(log)
    stamp.write_text(want, encoding="utf8")  # last: an interrupted install is done again
    say("ready")


def missing_packages(root: Path) -> list:
    """Return the lines of apt.txt that dpkg does not know as installed."""
    names = read(root / "apt.txt").split()
    if not shutil.which("dpkg-query"):
        return []
    ask = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names]
    found = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    installed = found.stdout.decode().splitlines()
    return [name for name in names if name + " installed" not in installed]


def may_install_packages() -> bool:
    """Say whether this is root on a system with apt."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and bool(shutil.which("apt-get"))


def add_packages(root: Path) -> None:
    """Install the missing system packages where allowed; name the others and go on."""
    missing = missing_packages(root)
    tried, log = root / ".venv" / "apt.txt", root / ".venv" / "install.log"
    # Once for each apt.txt: without a network every try costs minutes.
    if missing and may_install_packages() and read(tried) != read(root / "apt.txt"):
        say("installing system packages: " + " ".join(missing))
        run_logged(["apt-get", "update"], log)
        for name in missing:
            run_logged(["apt-get", "install", "-y", "--no-install-recommends", name], log)
        tried.write_text(read(root / "apt.txt"), encoding="utf8")
        missing = missing_packages(root)
    if missing:
        names = " ".join(missing)
        say(f"without {names} some tests are skipped; sudo apt-get install {names}")


def main(root: Path = ROOT) -> int:
    """Bring the environment up to date; return the exit status."""
    try:
        require_python()
        refresh(root)
        add_packages(root)
    except Problem as error:
        print(f"environment: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        cause = out_of_disk("a full disk") if error.errno == errno.ENOSPC else error
        print(f"environment: {cause}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("environment: interrupted; run this again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
