"""What people give in formgrader reaches every table and export, and nothing else changes it."""

import csv
import functools
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hand_ins import WORK, tree
from judged import invalid, result
from nbgrader.api import Grade, Gradebook
from notebooks import ROOT
from stand_in_judge import Pool
from stored_results import store
from submissions import assignment, unsolved

from course_lib.grading import grade_command
from course_lib.grading.command_line import main
from course_lib.grading.gradebook.autograded import write_settings
from course_lib.grading.gradebook.deadlines import set_deadlines
from course_lib.grading.gradebook.gradebook import import_results
from course_lib.grading.gradebook.marks import read_marks
from course_lib.grading.jobs.jobs import run_jobs
from course_lib.grading.report.exports import write_canvas, write_gradescope, write_moodle
from course_lib.grading.report.feedback import write_feedback
from course_lib.grading.report.report import summary, write_report

EXERCISE = assignment("batch_norm")
PLACE = "batch_norm", "batch_norm"
NORMALIZE = "check_normalize"  # 4 of 18 points
WITH_17 = {  # 3 of them for it
    "exports/canvas.csv": ",17\n",
    "exports/moodle/batch_norm.csv": ",17\n",
    "exports/gradescope/ada/batch_norm/results.json": '"Normalize",\n   "score": 3.0,',
    "feedback/ada/batch_norm.html": "<strong>17</strong> of 18",
}


def crash(student, score):
    """Return a result in which one question ended its process."""
    lost = result(EXERCISE, student, check_normalize=score) | {"status": "CRASH", "reason": "why"}
    next(q for q in lost["questions"] if q["id"] == NORMALIZE)["status"] = "CRASH"
    return lost


@pytest.fixture
def graded(tmp_path):
    """Return a function that does what `course grade` does once it has results."""

    def write(*results):
        store(tmp_path, *results)
        import_results(results, {"batch_norm": EXERCISE}, tmp_path)
        write_settings(tmp_path, ROOT)
        return tmp_path

    return write


def by_hand(directory, student="ada", question=NORMALIZE, *, waits=False, **values):
    """Do what formgrader does when a person types a score."""
    with book(directory) as gradebook:
        grade = gradebook.find_grade(question, *PLACE, student)
        grade.needs_manual_grade = waits
        for name, value in values.items():
            setattr(grade, name, value)
        gradebook.db.commit()


def book(directory):
    return Gradebook(f"sqlite:///{directory / 'gradebook.db'}")


def in_formgrader(directory):
    """Return each student's total and points, and whether he waits for a person."""
    with book(directory) as gradebook:
        rows = gradebook.submission_dicts("batch_norm")
    names = "score", "max_score", "needs_manual_grade"
    return {row["student"]: tuple(row[name] for name in names) for row in rows}


def reported(directory):
    """Report; return the rows of grades.csv by student, and of questions.csv by both."""
    report = write_report(directory, read_marks(directory))
    with (directory / "grades.csv").open(newline="") as file:
        grades = {row["student"]: row for row in csv.DictReader(file)}
    with (directory / "report/questions.csv").open(newline="") as file:
        questions = {(row["student"], row["question"]): row for row in csv.DictReader(file)}
    return report, grades, questions


def test_the_totals_are_formgraders(graded):
    rng = np.random.default_rng(0)
    students = [f"s{number}" for number in range(8)]
    directory = graded(*(result(EXERCISE, s, check_normalize=rng.uniform(0, 4)) for s in students))
    for student in students[1:]:
        manual, extra = rng.uniform(0, 5, 2)
        manual, extra = [(manual, None), (None, extra), (manual, extra)][int(student[1:]) % 3]
        by_hand(directory, student, manual_score=manual, extra_credit=extra)
    _, grades, _ = reported(directory)
    for student, (score, points, _) in in_formgrader(directory).items():
        # The table rounds to four digits.
        assert float(grades[student]["score"]) == pytest.approx(score, abs=1e-4)
        assert float(grades[student]["max_score"]) == points
        assert grades[student]["grading"] == ("automatic" if student == "s0" else "manual")


def test_each_question_says_who_gave_its_points(graded):
    directory = graded(result(EXERCISE, check_normalize=1.0))
    by_hand(directory, manual_score=2.5, extra_credit=0.25)
    _, _, questions = reported(directory)
    mine = questions["ada", NORMALIZE]
    assert (mine["score"], mine["percent"], mine["grading"]) == ("2.75", "68.75", "manual")
    assert {row["grading"] for row in questions.values()} == {"automatic", "manual"}
    assert [name for _, name in questions] == [test.grade_id for test in EXERCISE.questions]


def test_what_waits_for_a_person_is_no_zero(graded):
    directory = graded(crash("ada", None), result(EXERCISE, "bob"))
    by_hand(directory, question=EXERCISE.questions[0].grade_id, manual_score=3.0)  # as before
    report, grades, questions = reported(directory)
    assert (grades["ada"]["grading"], grades["ada"]["score"]) == ("needs manual grade", "14")
    assert in_formgrader(directory)["ada"] == (14, 18, True)
    mine = questions["ada", NORMALIZE]
    assert (mine["grading"], mine["score"], mine["percent"]) == ("needs manual grade", "", "")
    assert [grade.student for grade in report.attention] == ["ada"]
    assert grades["bob"]["grading"] == "automatic"


def test_what_a_person_has_seen_needs_none_any_more(graded):
    directory = graded(crash("ada", 0.0))
    assert reported(directory)[0].attention
    by_hand(directory, manual_score=0.0)
    report, grades, _ = reported(directory)
    assert report.attention == ()
    assert (grades["ada"]["status"], grades["ada"]["grading"]) == ("CRASH", "manual")


def test_a_written_answer_counts_once_it_is_graded(graded):
    directory = graded(result(EXERCISE), result(EXERCISE, "bob"))
    with book(directory) as gradebook:
        gradebook.add_task_cell("essay", *PLACE, max_score=5, cell_type="markdown")
        cell = gradebook.find_task_cell("essay", *PLACE)
        for student in ("ada", "bob"):
            notebook = gradebook.find_submission_notebook(*PLACE, student)
            gradebook.db.add(Grade(cell_id=cell.id, notebook_id=notebook.id))
        gradebook.db.commit()
    by_hand(directory, "bob", "essay", manual_score=3.0)
    report, grades, questions = reported(directory)
    assert [(g["score"], g["max_score"]) for g in grades.values()] == [("18", "23"), ("21", "23")]
    assert [g["grading"] for g in grades.values()] == ["needs manual grade", "manual"]
    assert questions["ada", "essay"]["score"] == ""
    assert "needs manual grade" in summary(report)
    assert "needs manual grade" in (directory / "report/index.html").read_text()


def test_the_exports_have_formgraders_totals(graded):
    directory = graded(result(EXERCISE, check_normalize=1.0))
    by_hand(directory, manual_score=2.5)
    marks = read_marks(directory)
    for write in (write_canvas, write_moodle):
        with write(directory, marks=marks).files[0].open(newline="") as file:
            assert next(r for r in csv.reader(file) if r[0] == "ada")[-1] == "16.5"
    (file,) = write_gradescope(directory, marks=marks).files
    found = json.loads(file.read_text())
    tests = {test["name"]: test["score"] for test in found["tests"]}
    assert tests["Normalize"] == 2.5
    assert found.get("score", sum(tests.values())) == 16.5


def test_a_students_page_has_the_persons_points(graded):
    directory = graded(result(EXERCISE, check_normalize=1.0))
    by_hand(directory, manual_score=2.5)
    write_feedback(directory, read_marks(directory))
    page = (directory / "feedback/ada/batch_norm.html").read_text()
    assert "2.5 of 4 points" in page
    assert page.count("A person gave these points") == 1
    assert "<strong>16.5</strong> of 18" in page


def test_a_score_that_the_judge_took_back_leaves_the_persons(graded):
    directory = graded(result(EXERCISE))
    by_hand(directory, manual_score=2.0)
    graded(invalid(EXERCISE) | {"max_score": 18.0})
    _, grades, questions = reported(directory)
    assert (grades["ada"]["status"], grades["ada"]["score"]) == ("INVALID", "2")
    assert grades["ada"]["grading"] == "needs manual grade"
    assert sorted(row["score"] for row in questions.values()) == [""] * 6 + ["2"]


def test_what_never_stood_in_the_gradebook_has_no_score(graded):
    _, grades, _ = reported(graded(invalid(EXERCISE) | {"max_score": 18.0}))
    assert (grades["ada"]["score"], grades["ada"]["grading"]) == ("", "needs manual grade")


def test_more_than_all_points_are_drawn_with_all(graded):
    directory = graded(result(EXERCISE))
    by_hand(directory, extra_credit=3.0)
    report, grades, _ = reported(directory)
    assert grades["ada"]["percent"] == "116.67"
    assert "90 to 100 %: 1" in (directory / "report/index.html").read_text()
    assert report.assignments[0].percents == (116.67,)


def test_a_date_moved_in_formgrader_counts_in_the_next_report(graded):
    came = "2026-12-01T22:59:30+00:00"
    directory = graded(result(EXERCISE) | {"submitted": came, "late": True})
    for hour, said in ((22, "true"), (23, "false")):
        set_deadlines(directory, due={"batch_norm": datetime(2026, 12, 1, hour, tzinfo=UTC)})
        assert reported(directory)[1]["ada"]["late"] == said


def test_course_grade_again_loses_nothing(tmp_path, monkeypatch, capsys):
    scores = {"check_normalize": 1.0}
    stand_in = functools.partial(
        run_jobs, grade=lambda *_: result(EXERCISE, **scores), make_pool=Pool
    )
    monkeypatch.setattr(grade_command, "run_jobs", stand_in)
    source = tree(tmp_path / "in", {WORK.format("ada"): unsolved("batch_norm")})
    out, url = tmp_path / "out", f"sqlite:///{tmp_path / 'gradebook.db'}"
    arguments = ["grade", str(source), "--out", str(out), "--root", str(ROOT), "--db", url]
    main(arguments)
    by_hand(tmp_path, manual_score=2.5, extra_credit=0.5)
    for score, grading in ((1.0, "manual"), (2.0, "needs manual grade")):
        scores["check_normalize"] = score
        main([*arguments, "--seed-file", str(_seed(tmp_path, score))])  # another job, judged anew
        main(["report", str(out)])  # whose gradebook is not in its folder
        assert f",17,18,94.44,{grading}," in (out / "grades.csv").read_text()
        for path, found in WITH_17.items():
            assert found in (out / path).read_text()
    assert "1 need a person" in capsys.readouterr().out
    assert main(["report", str(out), "--db", "nosuch://x"]) == 2
    assert "course report: expected" in capsys.readouterr().err


def _seed(folder, score):
    path = folder / f"seed{score}"
    path.write_text(f"{score}" * 16)
    return path
