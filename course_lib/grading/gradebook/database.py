"""Open nbgrader's gradebook, and say clearly what keeps it from opening."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.script import ScriptDirectory
from nbgrader.api import Base, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

EXAMPLES = "sqlite:////home/ann/grades.db or postgresql://ann@grades.example.org/course"


class GradebookError(RuntimeError):
    """The gradebook's database cannot be had, and how to get it."""


def database_url(directory: Path, db: str | None) -> str:
    """Return where the gradebook of a run is: `db`, else a SQLite file in its folder."""
    return db or f"sqlite:///{directory.absolute() / 'gradebook.db'}"


def without_password(url: str) -> URL:
    """Return the parts of a URL that anybody may read.

    Raises
    ------
    GradebookError
        If it is no URL.
    """
    try:
        whole = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is the latter
        # What cannot be taken apart may hold a password anywhere, so none of it is shown.
        raise GradebookError(
            f"expected the URL of a database, such as {EXAMPLES}, got a text of another form; "
            "characters such as @ / : # in a password are written %40 %2F %3A %23"
        ) from None
    open_parts = {key: value for key, value in whole.query.items() if "pass" not in key.lower()}
    user, host, port, name = whole.username, whole.host, whole.port, whole.database
    return URL.create(whole.drivername, user, None, host, port, name, open_parts)


@contextmanager
def open_gradebook(url: str) -> Iterator[Gradebook]:
    """Open the gradebook at `url`, made there if there is none.

    Raises
    ------
    GradebookError
        On opening or later, if the database fails; no message holds the password.
    """
    shown = without_password(url).render_as_string()
    book = None
    try:
        _create_tables(url)
        book = Gradebook(url)
        yield book
    except ModuleNotFoundError as error:
        raise GradebookError(
            f"expected a driver for {shown}, got: {error}; for PostgreSQL: "
            "pip install 'psycopg[binary]'"
        ) from None
    except ArgumentError as error:  # no such kind of database
        raise GradebookError(
            f"expected the URL of a database, such as {EXAMPLES}, got {shown}: {error}"
        ) from None
    except DBAPIError as error:
        said = _hidden(f"{type(error.orig).__name__}: {error.orig}", url)
        raise GradebookError(
            f"expected a gradebook at {shown}, got {said}; {_repair(error, url)}"
        ) from None
    except SQLAlchemyError as error:
        said = _hidden(f"{type(error).__name__}: {error}", url)
        raise GradebookError(f"expected a gradebook at {shown}, got {said}") from None
    finally:
        if book is not None:
            book.close()


def _create_tables(url: str) -> None:
    """Make an empty database a gradebook.

    nbgrader would do it too, but asks the program `alembic` for the version: that takes a second
    and fails where the environment's programs are not on the PATH.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if inspect(connection).get_table_names():
                return
            Base.metadata.create_all(connection)
            version = ScriptDirectory(ALEMBIC_DIR).get_current_head()
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": version})
    finally:
        engine.dispose()


def _hidden(said: str, url: str) -> str:
    """Return what a driver said on one line, without the password."""
    whole = make_url(url)
    secrets = [whole.password, *(v for k, v in whole.query.items() if "pass" in k.lower())]
    for secret in filter(None, secrets):
        said = said.replace(str(secret), "***")
    return " ".join(said.split())


def _repair(error: DBAPIError, url: str) -> str:
    whole = make_url(url)
    said = str(error.orig).lower()
    if "no such column" in said or ("does not exist" in said and "column" in said):
        return "it is of another version of nbgrader: back it up, then run `nbgrader db upgrade`"
    if whole.get_backend_name() == "sqlite":
        folder = os.path.dirname(os.path.abspath(whole.database or ""))
        if not os.path.isdir(folder):
            return f"there is no folder {folder}: create it"
        if "locked" in said:
            return "another program writes to it: close formgrader or wait, then try again"
        return "check that the file is nbgrader's and that you may write to it and to its folder"
    return (
        "check that the server runs and takes connections from here, that the database exists "
        "(createdb), and that name and password are right (or in PGPASSFILE)"
    )
