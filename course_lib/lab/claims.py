"""Statements that a chapter makes about its own run, checked where they are made."""


class ClaimFailed(AssertionError):
    """The run contradicts a sentence of the chapter."""


def claim(text: str, condition: bool) -> None:
    """Print `text` with a tick if `condition` holds, and stop the chapter if it does not.

    Parameters
    ----------
    text : str
        The sentence, with the measured number in it.
    condition : bool
        Whether the run supports it. NumPy booleans of shape () count; arrays do not.

    Raises
    ------
    ClaimFailed
        If the condition is false: the text or the experiment must change.
    """
    if not bool(condition):
        raise ClaimFailed(f"the run contradicts this claim: {text}")
    print(f"✓ {text}")
