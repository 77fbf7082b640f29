"""Which file counts for each student and assignment, and which name is not to be trusted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from course_lib.grading.submissions.claims import Claim
from course_lib.grading.submissions.folder import Unusable, require_file_kind
from course_lib.grading.submissions.names import cleaned, composed, folded, is_safe, listed, made_up

UNKNOWN = "unknown"  # stands for every assignment that the course does not have
REASON_LENGTH = 1_000


class Plan(NamedTuple):
    """What to read for one student and assignment."""

    student: str  # a safe id
    assignment: str  # a known one, or UNKNOWN
    key: Any  # where the place finds it, None where `problem` says why it is not read
    problem: str
    late: bool | None = None  # where Canvas says so
    stamp: Any = None  # where the place finds when it came in


def plans(claims: list[Claim], assignments: Sequence[str]) -> list[Plan]:
    """Decide what to read for each student and assignment."""
    ids, doubts = _ids(claims)
    groups: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[ids[claim.student], claim.assignment or UNKNOWN].append(claim)
    found = []
    for (student, assignment), group in sorted(groups.items(), key=lambda item: item[0]):
        chosen, problem = None, doubts.get(group[0].student, "")
        if assignment == UNKNOWN:
            problem = _joined([problem, _unknown(group, assignments)])
        else:
            try:
                chosen = _chosen(group)
            except Unusable as error:
                problem = _joined([problem, str(error)])
        if problem or chosen is None:
            found.append(Plan(student, assignment, None, problem))
        else:
            found.append(Plan(student, assignment, chosen.key, "", chosen.late, chosen.stamp))
    return found


def _ids(claims: list[Claim]) -> tuple[dict[str, str], dict[str, str]]:
    """Return each name's id, and why a name is not to be trusted."""
    names, owners = defaultdict(set), defaultdict(set)
    for claim in claims:
        names[folded(claim.student)].add(claim.student)
        owners[claim.student].add(claim.owner)
    ids, doubts = {}, {}
    for name in owners:
        ids[name] = name_id = composed(name)
        same = names[folded(name)]
        if not is_safe(name_id):
            doubts[name] = (
                "expected a student's id of at most 100 letters, digits and _ . @ + - that starts "
                f"with neither . nor -, got {cleaned(name)}; rename it"
            )
        elif len(same) > 1:
            doubts[name] = (
                f"expected ids that differ in more than case or accents' coding, got "
                f"{listed(same)}, here {cleaned(name)}; rename one"
            )
        elif len(owners[name]) > 1:
            doubts[name] = (
                f"expected one name beside the id {cleaned(name)}, got {listed(owners[name])}; "
                "somebody took another's id, or the folder mixes downloads"
            )
    unsafe = {name for name in doubts if not is_safe(ids[name]) or len(names[folded(name)]) > 1}
    return ids | made_up(unsafe), doubts


def _unknown(group: list[Claim], assignments: Sequence[str]) -> str:
    """Say what stood there in the place of a known assignment."""
    unread = [claim for claim in group if not claim.problem]
    titles = [claim.origin for claim in unread if claim.is_notebook]
    others = [claim.origin for claim in unread if not claim.is_notebook]
    reasons = [claim.problem for claim in group if claim.problem]
    if titles:
        reasons.append(
            f"expected an assignment among {listed(assignments, most=50)}, got {listed(titles)}; "
            "rename it, or say which assignment all files belong to"
        )
    elif others:
        reasons.append(f"expected a notebook (.ipynb), got {listed(others)}; submit that")
    return _joined(reasons)


def _chosen(group: list[Claim]) -> Claim:
    """Return the one file to read among those of one student and assignment.

    Raises
    ------
    Unusable
        If there is none, or it is not clear which.
    """
    reasons = [claim.problem for claim in group if claim.problem]
    if reasons:
        raise Unusable(_joined(reasons))
    notebooks = [claim for claim in group if claim.is_notebook]
    if not notebooks:
        raise Unusable(
            f"expected a notebook (.ipynb), got {listed(c.origin for c in group)}; submit that"
        )
    candidates = [claim for claim in notebooks if claim.exact] or notebooks
    if len({claim.base for claim in candidates}) == 1:
        newest = max(claim.version for claim in candidates)
        candidates = [claim for claim in candidates if claim.version == newest]
    if len(candidates) > 1:
        raise Unusable(
            f"expected one notebook, got {len(candidates)}: "
            f"{listed(claim.origin for claim in candidates)}; keep the one that counts"
        )
    require_file_kind(candidates[0].kind)
    return candidates[0]


def _joined(reasons: Iterable[str]) -> str:
    text = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    return text if len(text) <= REASON_LENGTH else text[:REASON_LENGTH] + "…"
