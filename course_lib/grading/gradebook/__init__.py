"""Results in nbgrader's database and folders."""
