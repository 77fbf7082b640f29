"""Honest work keeps every point, however it is written and wherever it was saved."""

import warnings
from itertools import groupby

import numpy as np
import pytest
from honest import EVERY_ANSWER
from honest.habits import AFTER, EXTRA, LEAVES, LINES, left
from notebooks import write
from submissions import SEED, assignment, locked_pool, notebook, solution, submission

from course_lib.grading import check
from course_lib.grading.check import load_question
from course_lib.grading.examine import examine
from course_lib.grading.judge.judge import grade
from course_lib.grading.self_check import self_check

pool = pytest.fixture(scope="module")(locked_pool)
EXERCISES = ("batch_norm", "batch_norm_backward")
TASKS = {task: list(group) for task, group in groupby(EVERY_ANSWER, lambda a: (a.exercise, a.task))}
answers = pytest.mark.parametrize("answer", EVERY_ANSWER, ids=lambda answer: answer.label)


@pytest.fixture(scope="module")
def judged(pool):
    """Return a function that grades learner k, who has the k-th answer to every task."""
    results = {}

    def learner(exercise, k):
        if (exercise, k) not in results:
            mine = [group[k % len(group)] for key, group in TASKS.items() if key[0] == exercise]
            extra = [cell for answer in mine for cell in answer.extra]
            raw = submission(exercise, {answer.task: answer.source for answer in mine}, extra)
            results[exercise, k] = grade(assignment(exercise), raw, SEED, pool)
        return results[exercise, k]

    return learner


@pytest.fixture
def lost(pool):
    """Return a function that grades a notebook and says which points it lost, and why."""

    def found(exercise, raw):
        result = grade(assignment(exercise), raw, SEED, pool)
        assert (result["status"], result["reason"]) == ("GRADED", "")
        return {q["id"]: q["report"] for q in result["questions"] if q["score"] < q["max_score"]}

    return found


@pytest.mark.parametrize("exercise", EXERCISES)
def test_every_task_has_at_least_three_other_answers(exercise):
    for task, source in solution(exercise).items():
        others = {answer.source for answer in TASKS[exercise, task]}
        assert len(others - {source}) >= 3


@answers
def test_an_honest_answer_keeps_every_point(judged, answer):
    result = judged(answer.exercise, TASKS[answer.exercise, answer.task].index(answer))
    assert (result["status"], result["reason"]) == ("GRADED", "")
    question = next(q for q in result["questions"] if q["id"] == f"check_{answer.task}")
    assert question["score"] == question["max_score"], question["report"]


@answers
def test_the_learners_own_check_gives_the_same_points(monkeypatch, answer):
    monkeypatch.setenv("COURSE_SEED", SEED.decode())
    points = {q.grade_id: q.points for q in assignment(answer.exercise).questions}
    for hidden in (False, True):
        with warnings.catch_warnings(), np.errstate():
            warnings.simplefilter("ignore")
            function = learners_function(answer)
            earned = check(f"{answer.exercise}.{answer.task}", function, hidden=hidden)
        assert earned == points[f"check_{answer.task}"]


def learners_function(answer):
    """Run the notebook's cells here, the answer in its place; return the function."""
    given = [cell.source for cell in assignment(answer.exercise).cells if cell.kind == "given"]
    solved = solution(answer.exercise) | {answer.task: answer.source}
    names = {"__name__": "__main__"}
    for source in [*given, *answer.extra, *solved.values()]:
        exec(compile(source, "<cell>", "exec"), names)
    return names[answer.task]


@pytest.mark.parametrize(
    "answer",
    [answer for answer in EVERY_ANSWER if "precision" in answer.name or "float32" in answer.name],
    ids=lambda answer: answer.label,
)
def test_no_seed_takes_points_from_work_in_float32(answer):
    name = f"{answer.exercise}.{answer.task}"
    function, criteria = learners_function(answer), load_question(name)
    found = [examine(name, criteria, function, seed) for seed in range(1, 41)]
    assert [f.report for f in found if f.earned < f.points] == []


def test_a_line_of_ipython_leaves_the_rest_of_its_cell(lost):
    cells = [f"{line}\nwide_{number} = 3" for number, line in enumerate(LINES)]
    wide = "".join(f"assert wide_{number} == 3, {line!r}\n" for number, line in enumerate(LINES))
    needed = {"normalize": f"assert wide == 3\n{wide}{solution('batch_norm')['normalize']}"}
    assert lost("batch_norm", submission("batch_norm", needed, cells)) == {}


@pytest.mark.parametrize("habit", AFTER)
def test_what_stands_below_an_answer_costs_nothing(lost, habit):
    given = {
        task: source + AFTER[habit].format(task, "batch_norm")
        for task, source in solution("batch_norm").items()
    }
    assert lost("batch_norm", submission("batch_norm", given)) == {}


@pytest.mark.parametrize("leave", LEAVES, ids=lambda leave: leave.__name__)
def test_a_notebook_keeps_every_point_however_it_was_left(lost, leave):
    assert lost("batch_norm", left(submission("batch_norm"), leave)) == {}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_cells_beside_the_answers_and_all_habits_cost_nothing(lost, exercise):
    raw = submission(exercise, extra=list(EXTRA.values()))
    changes = [change for change in LEAVES if change.__name__ != "imports_edited"]
    assert lost(exercise, left(raw, *changes)) == {}


def test_the_habits_are_honest_in_a_real_notebook(tmp_path):
    work = notebook("batch_norm", extra=[*EXTRA.values()])
    outcomes = self_check(write(work, tmp_path / "batch_norm.ipynb"))
    assert {o.question: o.report for o in outcomes if not o.passed} == {}
