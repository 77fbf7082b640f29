"""The environment step: what it installs, when, and the one line that it prints when it cannot."""

import ast
import errno
import importlib.util
import shutil
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import environment
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
DiskUsage = namedtuple("DiskUsage", "total used free")


class Commands:
    """Stand in for the commands that the step runs: record each, write its log, succeed or not."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.output = ""
        self.works = True

    def __call__(self, command: list, log: Path) -> bool:
        """Pretend to run a command as `run_logged` does."""
        self.ran.append([str(part) for part in command])
        if "venv" in self.ran[-1]:
            version = "{}.{}.0".format(*sys.version_info)
            (log.parent / "pyvenv.cfg").write_text(f"version = {version}\ncommand = {log.parent}\n")
        log.write_text(self.output)
        return self.works or "venv" in self.ran[-1]

    def installs(self) -> int:
        """Count the calls of pip."""
        return sum("pip" in command for command in self.ran)


@pytest.fixture
def project(tmp_path):
    """Return a folder that looks like the project to the step."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "apt.txt").write_text("")
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """Replace every command of the step."""
    fake = Commands()
    monkeypatch.setattr(environment, "run_logged", fake)
    return fake


def failure(project, capsys) -> str:
    """Run the step, which must fail, and return the only line it prints on stderr."""
    assert environment.main(project) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_conda_users_get_the_same_packages():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, _, from_pip = conda["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert python == f"python{project['requires-python']}"
    assert from_pip == {"pip": ["-c constraints.txt", "-e .[all]"]}
    assert "all" in project["optional-dependencies"]


def test_the_step_and_the_package_agree_on_the_oldest_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">={}.{}".format(*environment.OLDEST)


def test_every_requirement_is_pinned():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert all(line.count("==") == 1 and "+" not in line and "/" not in line for line in pins)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = extras["optional-dependencies"]
    names = ("torch", "gpu", "book", "grade", "postgres", "dev")
    wanted = [Requirement(entry).name for name in names for entry in extras[name]]
    assert {canonicalize_name(name) for name in wanted} - {"course-lib"} <= pinned


def test_an_old_python_can_read_the_step():
    source = (ROOT / "tools" / "environment.py").read_text()
    assert ast.parse(source, feature_version=(3, 6)).body


def test_a_second_call_installs_nothing(project, commands):
    assert environment.main(project) == 0
    assert commands.installs() == 1
    assert environment.main(project) == 0
    assert commands.installs() == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_installs_again(project, commands, name):
    environment.main(project)
    with (project / name).open("a") as file:
        file.write("\n# changed\n")
    assert environment.main(project) == 0
    assert commands.installs() == 2


def test_another_python_installs_again(project, commands):
    environment.main(project)
    config = project / ".venv" / "pyvenv.cfg"
    config.write_text(config.read_text().replace("version = 3", "version = 2"))
    (project / ".venv" / "left_over").touch()
    assert environment.main(project) == 0
    assert commands.installs() == 2
    assert not (project / ".venv" / "left_over").exists()


def test_a_failed_install_is_done_again(project, commands, capsys):
    commands.works = False
    failure(project, capsys)
    commands.works = True
    assert environment.main(project) == 0
    assert commands.installs() == 2


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
            "ERROR: No matching distribution found for numpy",
            "expected pip to reach its package index, got no connection; check the network",
        ),
        (
            "ERROR: Could not install packages: [Errno 28] No space left on device",
            "expected about 4 GB of free disk, got a full disk; free some space",
        ),
        (
            "ERROR: ResolutionImpossible: for help visit the documentation",
            "expected pyproject.toml and constraints.txt to agree, got requirements that",
        ),
        ("ERROR: wheel is broken", "expected pip to install the packages, got 'ERROR: wheel is"),
        ("", "expected pip to install the packages, got 'no output'; the whole log is"),
    ],
)
def test_a_failure_of_pip_is_one_clear_line(project, commands, capsys, log, line):
    commands.works, commands.output = False, log
    assert line in failure(project, capsys)


def test_an_old_python_is_named(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setattr(environment, "find_newer", lambda: "")
    assert "expected Python 3.11 or newer, got 3." in failure(project, capsys)


def test_an_old_python_hands_over_to_a_newer_one(monkeypatch):
    called = []
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/bin/{name}")
    # The first is a shim without a Python behind it.
    statuses = iter([127, 0, 5])
    monkeypatch.setattr(
        environment.subprocess,
        "call",
        lambda command, **_: called.append(command) or next(statuses),
    )
    with pytest.raises(SystemExit) as handed_over:
        environment.require_python()
    assert called[-1] == ["/bin/python3.13", *sys.argv]
    assert handed_over.value.code == 5


def test_a_python_without_venv_is_named(project, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    line = failure(project, capsys)
    assert "expected Python's own venv and ensurepip modules" in line
    assert "apt-get install python3-venv" in line


def test_too_small_a_disk_is_refused_before_the_install(project, commands, monkeypatch, capsys):
    usage = DiskUsage(10e9, 9e9, 1e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "expected about 4 GB of free disk, got 1.0 GB" in failure(project, capsys)
    assert commands.ran == []


def test_a_disk_that_fills_up_is_named(project, monkeypatch, capsys):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(environment, "run_logged", fail)
    assert "expected about 4 GB of free disk, got a full disk" in failure(project, capsys)


def test_missing_system_packages_are_named_and_do_no_harm(project, commands, monkeypatch, capsys):
    monkeypatch.setattr(environment, "missing_packages", lambda root: ["chromium"])
    monkeypatch.setattr(environment, "may_install_packages", lambda: False)
    assert environment.main(project) == 0
    assert "apt-get install chromium" in capsys.readouterr().out


def test_missing_system_packages_are_tried_once(project, commands, monkeypatch):
    (project / "apt.txt").write_text("chromium\n")
    monkeypatch.setattr(environment, "missing_packages", lambda root: ["chromium"])
    monkeypatch.setattr(environment, "may_install_packages", lambda: True)
    for _ in range(2):
        assert environment.main(project) == 0
    installs = [command for command in commands.ran if command[:2] == ["apt-get", "install"]]
    assert [command[-1] for command in installs] == ["chromium"]


def test_the_callers_settings_do_not_redirect_pip(monkeypatch):
    for name in environment.FOREIGN:
        monkeypatch.setenv(name, "elsewhere")
    assert not set(environment.FOREIGN) & set(environment.clean_environ())
