"""nbgrader's settings for this course: `solutions/` is its source, `exercises/` its release."""

from nbgrader.converters import GenerateAssignment

c = get_config()  # noqa: F821, given by the loader of this file
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.GenerateAssignment.preprocessors = [
    *GenerateAssignment.class_traits()["preprocessors"].default(),
    "course_lib.grading.release.MakeExercise",
]
