"""Show code of the package inside a chapter, so that a chapter never holds a copy."""

import ast
import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def source(thing: Callable, *, docstring: bool = False) -> Markdown:
    """Return the source of a function or class as highlighted code.

    Parameters
    ----------
    thing : function or class
    docstring : bool
        Keep the docstrings; chapters leave them out, since the text around says it better.
    """
    code = textwrap.dedent(inspect.getsource(thing))
    if not docstring:
        code = _without_docstrings(code)
    return Markdown(f"```python\n{code.rstrip()}\n```")


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
