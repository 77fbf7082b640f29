"""Right answers, wrong answers and inputs for the questions of `checks`, one module an exercise."""
