"""Many submissions, each judged once, whatever stops the run."""
