"""A real PostgreSQL server for tests, from the binaries in the package pgserver."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

PASSWORD = "sec/ret@1"  # with characters that a URL must escape
NOBODY = 65_534
LIBRARIES = "pgserver.libs"
START_SECONDS = 60


@contextmanager
def postgres_server() -> Iterator[URL]:
    """Yield the URL of a fresh server that listens on a socket alone, and stop it afterwards.

    The package's own Python code is not used: as root it adds a user to the machine and opens the
    folders above the data. PostgreSQL refuses to run as root, so there it runs as nobody, from a
    copy that nobody may read.
    """
    package = Path(find_spec("pgserver").submodule_search_locations[0])
    as_user = {}
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        if os.geteuid() == 0:
            shutil.copytree(package / "pginstall", home / "pgserver/pginstall")
            shutil.copytree(package.parent / LIBRARIES, home / LIBRARIES)
            package = home / "pgserver"
            as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(home, NOBODY, NOBODY)
        (home / "password").write_text(PASSWORD, encoding="utf-8")
        programs, data = package / "pginstall/bin", home / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "ann", "--auth=scram-sha-256",
             f"--pwfile={home / 'password'}", "--encoding=UTF8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=home, env={}, **as_user,
        )  # fmt: skip
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", home, "-h", "", "-F"],
            cwd=home, env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user,
        )  # fmt: skip
        try:
            url = URL.create("postgresql", "ann", PASSWORD, query={"host": folder})
            _await(url, server)
            yield url
        finally:
            server.send_signal(subprocess.signal.SIGQUIT)  # at once, whoever is connected
            server.wait()


def new_database(server: URL, name: str) -> str:
    """Create an empty database and return its URL, password and all."""
    _execute(server, f'CREATE DATABASE "{name}"')
    return server.set(database=name).render_as_string(hide_password=False)


def _await(url: URL, server: subprocess.Popen) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return _execute(url, "SELECT 1")
        except OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _execute(url: URL, command: str) -> None:
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(command))
    engine.dispose()
