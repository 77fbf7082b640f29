"""Show code of the package inside a chapter, so that a chapter never holds a copy."""

import ast
import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def source(
    thing: Callable, *, part: tuple[str, str] | None = None, docstring: bool = False
) -> Markdown:
    """Return the source of a function or class as highlighted code.

    Parameters
    ----------
    thing : function or class
    part : pair of str, optional
        Show the lines from the first that holds the first text to the next that holds the second.
    docstring : bool
        Keep the docstrings; chapters leave them out, since the text around says it better.
    """
    code = textwrap.dedent(inspect.getsource(thing))
    if not docstring:
        code = _without_docstrings(code)
    if part is not None:
        code = _part(code.splitlines(), *part)
    return Markdown(f"```python\n{code.rstrip()}\n```")


def _part(lines: list[str], first: str, last: str) -> str:
    """Cut out the lines from `first` to `last`, and shift them to the margin."""
    starts = [number for number, line in enumerate(lines) if first in line]
    ends = [number for number, line in enumerate(lines) if last in line and starts]
    ends = [number for number in ends if number >= starts[0]]
    if not starts or not ends:
        raise ValueError(
            f"expected lines with {first!r} and then {last!r}, got none; was it edited?"
        )
    return textwrap.dedent("\n".join(lines[starts[0] : ends[0] + 1]))


def _without_docstrings(code: str) -> str:
    """Cut docstrings out by line number, which keeps the comments that `ast.unparse` would lose."""
    lines = code.splitlines()
    drop: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            text = node.body[0]
            after = text.end_lineno or text.lineno
            blank = after < len(lines) and not lines[after].strip()
            drop.update(range(text.lineno, after + 1 + blank))
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in drop)
