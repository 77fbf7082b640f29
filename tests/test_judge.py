"""The judge: right work gets all points through the sandbox, wrong work its own hint."""

import json

import pytest
from notebooks import SOLUTIONS
from submissions import SEED, assignment, locked_pool, scores, solution, submission, unsolved

from course_lib.grading.check import load_question
from course_lib.grading.examine import examine
from course_lib.grading.judge.judge import grade

NAMES = [path.stem for path in SOLUTIONS]
pool = pytest.fixture(scope="module")(locked_pool)


@pytest.fixture
def graded(pool):
    """Return a function that grades a submission of an exercise."""

    def run(name, raw, overlay=None):
        return grade(assignment(name, overlay), raw, SEED, pool)

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_solution_gets_all_points(graded, name):
    result = graded(name, submission(name))
    assert (result["status"], result["reason"]) == ("GRADED", "")
    assert result["score"] == result["max_score"] == assignment(name).max_score
    assert [q["hint"] for q in result["questions"]] == [""] * len(result["questions"])


@pytest.mark.parametrize("name", NAMES)
def test_an_unsolved_exercise_gets_none(graded, name):
    result = graded(name, unsolved(name))
    assert (result["status"], result["score"]) == ("GRADED", 0.0)
    assert all(q["hint"].startswith("not written yet") for q in result["questions"])


def test_the_result_is_json_with_every_field(graded):
    result = json.loads(json.dumps(graded("batch_norm", submission("batch_norm"))))
    assert list(result) == [
        "assignment", "status", "reason", "score", "max_score", "questions", "seconds", "sandbox",
    ]  # fmt: skip
    assert list(result["questions"][0]) == ["id", "score", "max_score", "status", "hint", "report"]
    assert result["sandbox"] is True


NO_EPS = """
def normalize(x, weight, bias, eps):
    mean, var = channel_statistics(x)
    shape = (1, -1, *[1] * (x.ndim - 2))
    x_hat = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape))
    return weight.reshape(shape) * x_hat + bias.reshape(shape)
"""


def test_a_wrong_answer_gets_its_own_hint_and_costs_its_own_points(graded):
    result = graded("batch_norm", submission("batch_norm", {"normalize": NO_EPS}))
    right = scores(graded("batch_norm", submission("batch_norm")))
    got = scores(result)
    wrong = next(q for q in result["questions"] if q["id"] == "check_normalize")
    assert "ε is missing" in wrong["hint"]
    assert 0 <= got["normalize"] < right["normalize"]
    # batch_norm, a later task, calls it and loses its part in it; nothing else is touched.
    same = {name for name in right if got[name] == right[name]}
    assert same >= set(right) - {"normalize", "batch_norm"}


def test_a_hidden_report_holds_no_number(graded):
    known = []

    def notes(x):
        known.append(float(x.flat[0]))
        return x.mean(axes := (0, *range(2, x.ndim))), x.var(axes)

    examine("batch_norm.channel_statistics", load_question("batch_norm.channel_statistics"), notes)
    visible_only = f"""
def channel_statistics(x):
    axes = (0, *range(2, x.ndim))
    return x.mean(axes), x.var(axes, ddof=int(x.flat[0] not in {known}))
"""
    result = graded("batch_norm", submission("batch_norm", {"channel_statistics": visible_only}))
    report = result["questions"][0]["report"]
    hidden = report[report.index("hidden inputs") :]
    assert "unbiased" in hidden or "n − 1" in hidden or "m − 1" in hidden
    assert "should be" not in hidden


def test_in_place_changes_reach_the_judge_and_forbidden_ones_are_seen(graded):
    spoils = (
        solution("batch_norm")["channel_statistics"]
        + "\n"
        + (
            "right = channel_statistics\n"
            "def channel_statistics(x):\n"
            "    answer = right(x)\n"
            "    x *= 2\n"
            "    return answer\n"
        )
    )
    result = graded("batch_norm", submission("batch_norm", {"channel_statistics": spoils}))
    assert "caller's array x was changed" in result["questions"][0]["hint"]


def test_gradients_of_a_torch_layer_come_from_the_workers_graph(graded):
    detached = """
def layer(x, running_mean, running_var, weight, bias):
    with torch.no_grad():
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean += 0.1 * (mean - running_mean)
        running_var += 0.1 * (x.var(0) - running_var)
    return weight * (x - mean) * torch.rsqrt(var + 1e-5) + bias
"""
    result = graded("batch_norm_backward", submission("batch_norm_backward", {"layer": detached}))
    wrong = next(q for q in result["questions"] if q["id"] == "check_layer")
    assert "detached" in wrong["hint"]
    assert wrong["score"] == 1.0  # the memory is right


def test_a_memory_that_holds_the_graph_is_seen_through_the_pipe(graded):
    held = solution("batch_norm_backward")["layer"].replace("with torch.no_grad():", "if True:")
    result = graded("batch_norm_backward", submission("batch_norm_backward", {"layer": held}))
    assert "holds a graph" in result["questions"][-1]["hint"]


def test_torchs_own_norms_are_switched_off_and_say_so(graded):
    borrowed = """
def layer(x, running_mean, running_var, weight, bias):
    return torch.nn.functional.batch_norm(x, running_mean, running_var, weight, bias, True)
"""
    result = graded("batch_norm_backward", submission("batch_norm_backward", {"layer": borrowed}))
    assert scores(result)["layer"] == 0
    assert "switched off here" in result["questions"][-1]["report"]


def test_a_numpy_exercise_has_no_torch(graded):
    result = graded("batch_norm", submission("batch_norm", {"normalize": "import torch"}))
    wrong = next(q for q in result["questions"] if q["id"] == "check_normalize")
    assert "normalize is not defined" in wrong["hint"]
    assert "No module named 'torch'" in wrong["hint"]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("while True: pass", "TIMEOUT", "longer than allowed"),
        ("import os; os._exit(0)", "CRASH", "ended itself with code 0"),
        ("import ctypes; ctypes.string_at(0)", "CRASH", "killed by signal 11"),
    ],
)
@pytest.mark.parametrize("where", ["cell", "call"])
def test_a_question_that_kills_its_worker_leaves_the_others_graded(
    graded, code, status, said, where
):
    if where == "call":
        code = f"def batches_to_forget(momentum, share):\n    {code}"
    result = graded("batch_norm", submission("batch_norm", {"batches_to_forget": code}))
    right = {cell.grade_id: cell.points for cell in assignment("batch_norm").questions}
    assert result["status"] == status
    assert said in result["reason"]
    for question in result["questions"]:
        lost = question["id"] == "check_batches_to_forget"
        assert question["status"] == (status if lost else "GRADED")
        assert question["score"] == (0.0 if lost else right[question["id"]])


def test_no_score_is_given_where_no_question_could_be_judged(graded):
    endless = ["import os; os._exit(1)"]
    work = submission("batch_norm", dict.fromkeys(solution("batch_norm"), endless[0]))
    result = graded("batch_norm", work)
    assert (result["status"], result["score"]) == ("CRASH", None)


def test_what_is_no_notebook_is_invalid_and_has_no_score(graded):
    result = graded("batch_norm", b"%PDF-1.4")
    assert (result["status"], result["score"], result["questions"]) == ("INVALID", None, [])
    assert result["max_score"] == 18.0


def test_an_overlays_questions_are_graded_with_the_others(graded, tmp_path):
    (tmp_path / "batch_norm.py").write_text(
        "from course_lib.grading.checks import batch_norm\n"
        "batches_to_forget = batch_norm.batches_to_forget\n"
    )
    result = graded("batch_norm", submission("batch_norm"), tmp_path)
    added = result["questions"][-1]
    assert added["id"] == "overlay_batches_to_forget"
    assert added["score"] == added["max_score"] > 0
    assert result["max_score"] > assignment("batch_norm").max_score


def test_a_check_that_fails_by_itself_is_no_silent_zero(graded, tmp_path):
    (tmp_path / "batch_norm.py").write_text(
        "from course_lib.grading.examine import Criterion\n"
        "normalize = (Criterion('broken', 1, draw=lambda rng: 1 / 0, reference=abs),)\n"
    )
    result = graded("batch_norm", submission("batch_norm"), tmp_path)
    assert result["status"] == "CRASH"
    assert "the check itself failed: ZeroDivisionError" in result["reason"]


def test_an_import_that_is_missing_here_does_not_take_its_cell_along(graded):
    uses = "def batches_to_forget(momentum, share):\n    return m.ceil(m.log(share, 1 - momentum))"
    work = submission("batch_norm", {"batches_to_forget": uses}, ["import torch\nimport math as m"])
    assert graded("batch_norm", work)["score"] == 18.0
