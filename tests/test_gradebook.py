"""Results in nbgrader's gradebook, in SQLite and on a real PostgreSQL server."""

from contextlib import contextmanager
from itertools import count

import pytest
from judged import invalid, result
from nbgrader.api import Base, Gradebook, MissingEntry
from postgres_server import new_database, postgres_server
from sqlalchemy import select
from submissions import assignment

from course_lib.grading.gradebook.gradebook import BATCH, import_results

EXERCISE = assignment("batch_norm")
ALL = {"batch_norm": EXERCISE}
NORMALIZE = ("check_normalize", "batch_norm", "batch_norm")  # 4 points
numbers = count()


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Yield the URL of an empty database."""
    if request.param == "postgresql":
        return new_database(request.getfixturevalue("server"), f"course{next(numbers)}")
    return f"sqlite:///{tmp_path / 'gradebook.db'}"


@pytest.fixture
def put(url, tmp_path):
    """Return a function that imports results."""

    def run(*results, assignments=ALL):
        return import_results(results, assignments, tmp_path, url)

    return run


@pytest.fixture
def book(url):
    """Return a function that opens the gradebook, as formgrader does."""

    @contextmanager
    def opened():
        with Gradebook(url) as gradebook:
            yield gradebook

    return opened


@pytest.fixture
def by_hand(book):
    """Return a function that does in the gradebook what a person does in formgrader."""

    def write(student="ada", **values):
        with book() as gradebook:
            grade = gradebook.find_grade(*NORMALIZE, student)
            for name, value in values.items():
                setattr(grade, name, value)
            gradebook.db.commit()

    return write


def content(gradebook):
    """Return every row of every table."""
    return {
        table.name: sorted(map(repr, gradebook.db.execute(select(table))))
        for table in Base.metadata.tables.values()
    }


def grade(gradebook, student="ada"):
    return gradebook.find_grade(*NORMALIZE, student)


def without(name):
    """Return the exercise without a question and the answer to it."""
    kept = (c for c in EXERCISE.cells if c.grade_id not in (name, name.removeprefix("check_")))
    return EXERCISE._replace(cells=tuple(kept))


def test_every_submission_has_the_judges_scores(put, book):
    students = [f"s{number}" for number in range(BATCH + 3)]  # more than one transaction
    results = [
        result(EXERCISE, student, check_normalize=number % 9 / 2)
        for number, student in enumerate(students)
    ]
    assert put(*results)[:2] == (len(students), len(students))
    with book() as gradebook:
        rows = gradebook.submission_dicts("batch_norm")
        assert {row["student"]: row["score"] for row in rows} == {
            one["student"]: one["score"] for one in results
        }
        assert {row["max_score"] for row in rows} == {EXERCISE.max_score}
        assert not any(row["needs_manual_grade"] for row in rows)
        assert grade(gradebook, "s7").auto_score == 3.5


def test_importing_twice_changes_nothing(put, book):
    results = [result(EXERCISE, "ada", check_normalize=0.0), result(EXERCISE, "bob")]
    put(*results)
    with book() as gradebook:
        before = content(gradebook)
    assert put(*results)[:2] == (2, 0)
    with book() as gradebook:
        assert content(gradebook) == before


def test_a_persons_work_survives_a_regrade_and_is_shown_to_him_again(put, book, by_hand):
    put(result(EXERCISE, check_normalize=1.0))
    by_hand(manual_score=3.0, extra_credit=0.5)
    with book() as gradebook:
        comment = gradebook.find_comment("normalize", "batch_norm", "batch_norm", "ada")
        comment.manual_comment = "see me"
        gradebook.db.commit()
    put(result(EXERCISE, check_normalize=2.0))
    with book() as gradebook:
        found = grade(gradebook)
        assert (found.auto_score, found.manual_score, found.extra_credit) == (2.0, 3.0, 0.5)
        assert (found.score, found.needs_manual_grade) == (3.5, True)
        comment = gradebook.find_comment("normalize", "batch_norm", "batch_norm", "ada")
        assert comment.comment == "see me"


def test_a_reviewed_grade_stays_reviewed_while_the_judge_says_the_same(put, book, by_hand):
    put(result(EXERCISE, check_normalize=1.0))
    by_hand(manual_score=3.0, needs_manual_grade=False)
    put(result(EXERCISE, check_normalize=1.0))
    with book() as gradebook:
        assert not grade(gradebook).needs_manual_grade


@pytest.mark.parametrize("score", [None, 0.0])
def test_a_question_that_nobody_could_judge_asks_for_a_person(put, book, score):
    lost = result(EXERCISE, check_normalize=score)
    next(q for q in lost["questions"] if q["id"] == "check_normalize")["status"] = "CRASH"
    put(lost)
    with book() as gradebook:
        assert (grade(gradebook).auto_score, grade(gradebook).needs_manual_grade) == (score, True)


def test_a_question_whose_points_change_is_updated(put, book):
    put(result(EXERCISE))
    cells = [c._replace(points=8.0) if c.grade_id == NORMALIZE[0] else c for c in EXERCISE.cells]
    dearer = EXERCISE._replace(cells=tuple(cells))
    put(result(dearer), assignments={"batch_norm": dearer})
    with book() as gradebook:
        assert (grade(gradebook).score, grade(gradebook).max_score) == (8.0, 8.0)
        assert gradebook.find_assignment("batch_norm").max_score == EXERCISE.max_score + 4


def test_a_new_question_is_ungraded_where_it_was_not_asked(put, book):
    less = without("check_normalize")
    put(result(less, "ada"), result(less, "bob"), assignments={"batch_norm": less})
    put(result(EXERCISE, "bob"))
    with book() as gradebook:
        assert (grade(gradebook).auto_score, grade(gradebook).needs_manual_grade) == (None, True)
        assert grade(gradebook, "bob").auto_score == 4.0


def test_a_removed_question_leaves_with_a_warning_that_names_what_is_lost(put, book, by_hand):
    put(result(EXERCISE, "ada"), result(EXERCISE, "bob"))
    by_hand("bob", manual_score=2.5)
    less = without("check_normalize")
    done = put(result(less, "ada"), assignments={"batch_norm": less})
    assert done.warnings == (
        "batch_norm: the question check_normalize is no more and leaves the gradebook, with what "
        "people gave: bob (score 2.5)",
    )
    with book() as gradebook:
        scores = {row["student"]: row["score"] for row in gradebook.submission_dicts("batch_norm")}
        assert scores == dict.fromkeys(("ada", "bob"), EXERCISE.max_score - 4)
        names = {cell.name for cell in gradebook.find_notebook(*NORMALIZE[1:]).source_cells}
        assert names.isdisjoint({"check_normalize", "normalize"})


def test_written_answers_and_tasks_of_the_instructors_stay(put, book):
    put(result(EXERCISE))
    with book() as gradebook:
        written = "essay", "batch_norm", "batch_norm"
        gradebook.add_grade_cell(*written, max_score=5, cell_type="markdown")
        gradebook.add_solution_cell(*written)
        gradebook.add_source_cell(*written, cell_type="markdown", source="Why?")
    assert put(result(EXERCISE)).warnings == ()
    with book() as gradebook:
        assert gradebook.find_grade_cell(*written).max_score == 5
        assert gradebook.find_solution_cell(*written)


def test_what_has_no_score_is_left_out_and_told(put, book):
    done = put(result(EXERCISE, "ada"), invalid(EXERCISE, "bob"))
    assert done.left_out == ("bob/batch_norm: INVALID, no score: it is no notebook",)
    with book() as gradebook:
        assert [student.id for student in gradebook.students] == ["ada"]  # a known one exports as 0


def test_a_score_that_is_no_more_leaves_the_gradebook(put, book):
    put(result(EXERCISE, "ada"), result(EXERCISE, "bob"))
    assert put(invalid(EXERCISE, "ada")).warnings == ()
    with book() as gradebook:
        assert [row["student"] for row in gradebook.submission_dicts("batch_norm")] == ["bob"]
        with pytest.raises(MissingEntry):
            gradebook.find_submission("batch_norm", "ada")


def test_a_score_that_is_no_more_leaves_what_a_person_gave(put, book, by_hand):
    put(result(EXERCISE))
    by_hand(manual_score=2.0)
    (warning,) = put(invalid(EXERCISE)).warnings
    assert warning.startswith("ada/batch_norm has no score by the judge any more")
    with book() as gradebook:
        grades = gradebook.find_submission("batch_norm", "ada").notebooks[0].grades
        assert {one.auto_score for one in grades} == {None}
        assert all(one.needs_manual_grade for one in grades)
        assert grade(gradebook).score == 2.0


def test_results_of_another_version_of_the_exercise_are_left_out(put):
    (line,) = put(result(without("check_normalize"))).left_out
    assert "questions are not the exercise's (check_normalize)" in line


def test_a_question_of_the_overlay_is_an_ordinary_one(put, book, tmp_path):
    source = "from course_lib.grading.checks.batch_norm import normalize\n"
    (tmp_path / "batch_norm.py").write_text(source, encoding="utf-8")
    more = assignment("batch_norm", tmp_path)
    put(result(more, overlay_normalize=1.5), assignments={"batch_norm": more})
    with book() as gradebook:
        found = gradebook.find_grade("overlay_normalize", "batch_norm", "batch_norm", "ada")
        assert (found.score, found.max_score) == (1.5, 4.0)
