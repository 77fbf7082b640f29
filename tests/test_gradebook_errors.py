"""What the gradebook says when its database cannot be had; never a password."""

import sqlite3

import pytest
from judged import result
from postgres_server import PASSWORD, new_database, postgres_server
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError
from submissions import assignment

from course_lib.grading.gradebook import database as gradebook_database
from course_lib.grading.gradebook.database import GradebookError
from course_lib.grading.gradebook.gradebook import import_results

EXERCISE = assignment("batch_norm")
ERRORS = {
    "no URL": ("hunter2", "expected the URL of a database"),
    "a port that is no number": ("postgresql://ann:hunter2@127.0.0.1:x/c", "%2F"),
    "no such kind": ("oracel://ann:hunter2@h/c", "expected the URL of a database"),
    "no driver": ("mysql://ann:hunter2@h/c", "expected a driver for mysql://ann@h/c"),
    "no server": ("postgresql://ann:hunter2@127.0.0.1:1/c", "check that the server runs"),
    "password as option": ("postgresql://127.0.0.1:1/c?password=hunter2", "the server runs"),
    "no folder": ("sqlite:////nowhere/at/all.db", "there is no folder /nowhere/at: create it"),
    "a file of another kind": ("sqlite:///{here}/text.db", "check that the file is nbgrader's"),
    "another program's tables": ("sqlite:///{here}/old.db", "nbgrader db upgrade"),
}


@pytest.fixture
def refused(tmp_path):
    """Return a function that imports into a database and returns the error."""

    def run(url):
        (tmp_path / "text.db").write_text("not a database" * 100, encoding="utf-8")
        with pytest.raises(GradebookError) as caught:
            import_results([result(EXERCISE)], {"batch_norm": EXERCISE}, tmp_path, url)
        return str(caught.value)

    return run


@pytest.mark.parametrize("case", ERRORS)
def test_the_error_says_what_to_do_and_no_password(refused, tmp_path, case):
    old = sqlite3.connect(tmp_path / "old.db")
    old.execute("CREATE TABLE course (number INTEGER)")
    old.close()
    url, said = ERRORS[case]
    error = refused(url.format(here=tmp_path))
    assert said in error
    assert "got" in error
    assert "hunter2" not in error


def test_a_wrong_password_is_told_and_not_shown(refused):
    with postgres_server() as server:
        url = make_url(new_database(server, "course")).set(password="hunter2/@")
        error = refused(url.render_as_string(hide_password=False))
        assert "password authentication failed" in error
        assert "hunter2" not in error
        assert PASSWORD not in error


def test_a_driver_that_quotes_the_password_is_quoted_without(refused, monkeypatch):
    def fail(url):
        raise OperationalError("", {}, OSError("no such user ann:hunter2/@"))

    monkeypatch.setattr(gradebook_database, "_create_tables", fail)
    error = refused("postgresql://ann:hunter2%2F%40@127.0.0.1/c")
    assert "no such user ann:***" in error
