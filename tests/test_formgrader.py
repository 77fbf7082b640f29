"""Formgrader in a browser, on the results of the judge."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

import pytest
from explore.page import chromium
from judged import invalid, result
from nbgrader.api import Gradebook
from notebooks import ROOT
from playwright.sync_api import expect
from submissions import assignment, submission

from course_lib.grading.gradebook.autograded import write_autograded, write_settings
from course_lib.grading.gradebook.gradebook import import_results

EXERCISE = assignment("batch_norm")
NORMALIZE = ("check_normalize", "batch_norm", "batch_norm")
START_SECONDS = 120
SCORE = "input.score >> nth=1"  # that of the second question, check_normalize


@pytest.fixture
def course(tmp_path):
    """A folder as `course grade` leaves it."""
    script = submission("batch_norm", extra=["'<script>document.title = \"forged\"</script>'"])
    for one in (result(EXERCISE, "ada", check_normalize=1.0), result(EXERCISE, "bob")):
        write_autograded(one, script, EXERCISE, ROOT, tmp_path)
        import_results([one, invalid(EXERCISE, "eve")], {"batch_norm": EXERCISE}, tmp_path)
    write_settings(tmp_path, ROOT)
    return tmp_path


@pytest.fixture
def formgrader(course):
    """Yield the address of formgrader's pages, served from that folder, and the key to them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root",
         f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"],
        cwd=course, env={**os.environ, "JUPYTER_CONFIG_DIR": str(course)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/formgrader"
        _await(f"{address}/gradebook?token={token}", server)
        yield address, token
    finally:
        server.terminate()
        server.wait()


def _await(address, server):
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return urllib.request.urlopen(address).close()
        except URLError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)


def normalize(course):
    """Return what the gradebook holds for ada's second question."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        grade = book.find_grade(*NORMALIZE, "ada")
        return grade.auto_score, grade.manual_score, grade.needs_manual_grade


def test_what_a_person_writes_in_formgrader_survives_a_regrade(course, formgrader):
    address, token = formgrader
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        ada = book.find_submission("batch_norm", "ada").notebooks[0].id
    with chromium() as browser:
        page = browser.new_page()
        # MathJax and the like come from elsewhere; the test needs none of it.
        page.route(lambda url: not url.startswith("http://127.0.0.1:"), lambda it: it.abort())
        page.set_extra_http_headers({"Authorization": f"token {token}"})
        page.goto(f"{address}/gradebook/batch_norm/batch_norm")
        page.get_by_text("15 / 18").first.wait_for()
        expect(page.get_by_text("Submission #")).to_have_count(2)  # without eve, whom no score has
        page.goto(f"{address}/submissions/{ada}/")
        # The page shows its fields first and asks for the scores in them after.
        expect(page.locator(SCORE)).to_have_attribute("placeholder", "1")
        expect(page.get_by_text("well done")).to_have_count(len(EXERCISE.questions))
        assert page.title() != "forged"
        with page.expect_response(lambda answer: answer.request.method == "PUT"):
            page.locator(SCORE).fill("2.5")
            page.locator(SCORE).press("Tab")
    assert normalize(course) == (1.0, 2.5, False)
    regraded = result(EXERCISE, "ada", check_normalize=0.0)
    import_results([regraded], {"batch_norm": EXERCISE}, course)
    assert normalize(course) == (0.0, 2.5, True)
