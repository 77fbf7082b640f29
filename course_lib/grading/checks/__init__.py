"""The questions of each exercise; a module here has the name of its exercise."""
