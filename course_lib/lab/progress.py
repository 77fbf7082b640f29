"""A progress bar for people, and silence for builds."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Iterate over `items` with a bar, rate and time left where somebody watches.

    The bar vanishes at the end. A chapter executed by the site's build or by the tests has no
    watcher: there it prints nothing, so that outputs do not depend on the machine's speed.
    """
    return tqdm(items, label, total, leave=False, disable=not _somebody_watches())


def _somebody_watches() -> bool:
    """Tell a person's notebook or terminal from a batch run.

    Notebook front ends let the kernel ask for input; nbclient and nbval do not.
    """
    if "IPython" in sys.modules:
        from IPython import get_ipython

        kernel = getattr(get_ipython(), "kernel", None)
        if kernel is not None:
            return bool(getattr(kernel, "_allow_stdin", False))
    return sys.stderr.isatty()
