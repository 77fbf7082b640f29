"""The instructor's page: what needs a person, how the scores spread, which question was hard."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from course_lib.grading.report.item_statistics import QuestionStatistics
from course_lib.grading.report.pages import render
from course_lib.grading.results import humanized, number
from course_lib.lab.plots import SERIES, panels, standalone
from course_lib.lab.progress import progress

if TYPE_CHECKING:
    from course_lib.grading.report.report import AssignmentSummary, Report

LISTED = 200  # submissions that the page names; the table has all
MEANINGS = {
    "GRADED": "graded, but a question waits for a person's score in formgrader.",
    "INVALID": "nothing could be read. Look at the file, or ask for it again.",
    "TIMEOUT": "a question ran too long and was stopped. The others are graded.",
    "CRASH": "a question ended its own process or broke the check. The others are graded.",
}
UNKNOWN = "a status that this version does not know. Look at the result."


class Picture(NamedTuple):
    """A plot and its caption."""

    svg: Markup
    caption: str


def page(report: "Report") -> str:
    """Return ``report/index.html``."""
    statuses = [*MEANINGS, *sorted({g.status for g in report.grades} - set(MEANINGS))]
    seen = {grade.status for grade in report.attention}
    return render(
        "report.html",
        report=report,
        students=len({grade.student for grade in report.grades}),
        statuses=statuses,
        meanings=[(s, MEANINGS.get(s, UNKNOWN)) for s in statuses if s in seen],
        listed=LISTED,
        details=[_detail(report, item) for item in progress(report.assignments, "drawing")],
        number=number,
        humanized=humanized,
        decimal=_decimal,
        share=_share,
    )


def _detail(report: "Report", item: "AssignmentSummary") -> dict:
    questions = [question for question in report.questions if question.assignment == item.name]
    known = [question for question in questions if question.mean is not None]
    figures = [_distribution(item)] if item.percents else []
    figures += [_difficulty(known)] if known else []
    hinted = [question for question in questions if question.hints]
    return {"name": item.name, "questions": questions, "figures": figures, "hinted": hinted}


def _distribution(item: "AssignmentSummary") -> Picture:
    """Draw how many submissions earned which share of the points."""
    counts, edges = np.histogram(np.minimum(item.percents, 100), np.arange(0, 101, 10))
    (figure,), (axes,) = panels(width=4.2, height=2.6)
    axes.bar(edges[:-1] + 5, counts, width=9, color=SERIES[0])
    axes.set(xlabel="points, % of all", ylabel="submissions", xlim=(0, 100))
    axes.set_xticks(range(0, 101, 20))
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="x", visible=False)
    spans = ", ".join(
        f"{low:g} to {low + 10:g} %: {count}"
        for low, count in zip(edges[:-1], counts, strict=True)
        if count
    )
    alt = f"Histogram of the scores of {item.name}. Submissions by share of the points: {spans}."
    caption = (
        f"Scores: {len(item.percents)} submissions, mean {item.mean:.1f}\N{NO-BREAK SPACE}%, "
        f"median {item.median:.1f}\N{NO-BREAK SPACE}%, from {min(item.percents):.1f} to "
        f"{max(item.percents):.1f}\N{NO-BREAK SPACE}%."
    )
    return Picture(Markup(standalone(figure, alt)), caption)


def _difficulty(questions: list[QuestionStatistics]) -> Picture:
    """Draw the mean share of the points of each question, the number beside each bar."""
    names = [humanized(question.question) for question in questions]
    shares = [100 * question.mean for question in questions]
    (figure,), (axes,) = panels(width=5.4, height=0.9 + 0.27 * len(questions))
    places = np.arange(len(questions))
    axes.barh(places, shares, height=0.62, color=SERIES[0])
    for place, share in zip(places, shares, strict=True):
        axes.text(share + 1.5, place, f"{share:.0f} %", va="center", fontsize=9.5)
    axes.set_yticks(places, [name if len(name) <= 34 else name[:33] + "…" for name in names])
    axes.invert_yaxis()
    axes.set(xlabel="mean share of the points, %", xlim=(0, 112))
    axes.set_xticks(range(0, 101, 20))
    axes.grid(axis="y", visible=False)
    pairs = zip(names, shares, strict=True)
    words = ", ".join(f"{name} {share:.0f} %" for name, share in pairs)
    alt = f"Bars: mean share of the points of each question of {questions[0].assignment}: {words}."
    hardest = names[int(np.argmin(shares))]
    caption = f"Questions in the notebook's order. Hardest: “{hardest}”, {min(shares):.0f} %."
    return Picture(Markup(standalone(figure, alt)), caption)


def _decimal(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"
