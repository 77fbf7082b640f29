"""Results as the judge gives them, for tests that start where he ends."""

from course_lib.grading.assignment import Assignment


def result(assignment: Assignment, student: str = "ada", **scores: float | None) -> dict:
    """Return a result with all points, but for the questions named in `scores`."""
    questions = [
        {"id": test.grade_id, "score": scores.get(test.grade_id, test.points),
         "max_score": test.points, "status": "GRADED", "hint": "", "report": "well done"}
        for test in assignment.questions
    ]  # fmt: skip
    return {
        "student": student, "assignment": assignment.name, "status": "GRADED", "reason": "",
        "score": sum(question["score"] or 0.0 for question in questions),
        "max_score": assignment.max_score, "seconds": 0.1, "sandbox": True, "late": False,
        "questions": questions,
    }  # fmt: skip


def invalid(assignment: Assignment, student: str = "ada") -> dict:
    """Return the result of a file that nobody could read."""
    return result(assignment, student) | {
        "status": "INVALID", "reason": "it is no notebook", "score": None, "questions": [],
    }  # fmt: skip
