"""What runs beside the learner's code, inside the sandbox.

The folder is mounted there alone, without the rest of course_lib: it imports Python, NumPy, torch
where an exercise declares it, and nothing that knows a test, a reference or a solution.
"""
