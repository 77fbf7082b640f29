"""Statements that a chapter makes about its own run, checked where they are made."""

import re

_RAISED = str.maketrans("+-0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class ClaimFailed(AssertionError):
    """The run contradicts a sentence of the chapter."""


def claim(text: str, condition: bool) -> None:
    """Print `text` with a tick if `condition` holds, and stop the chapter if it does not.

    Parameters
    ----------
    text : str
        The sentence, with the measured number in it: 2e-09 and -3 are printed as 2·10⁻⁹ and −3.
    condition : bool
        Whether the run supports it. NumPy booleans of shape () count; arrays do not.

    Raises
    ------
    ClaimFailed
        If the condition is false: the text or the experiment must change.
    """
    text = typeset(text)
    if not bool(condition):
        raise ClaimFailed(f"the run contradicts this claim: {text}")
    print(f"✓ {text}")


def typeset(text: str) -> str:
    """Return the text with its numbers as a book prints them: powers of ten and minus signs."""
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?)0*(\d+)\b", _power_of_ten, text)
    return re.sub(r"(?<![\w)\]-])-(?=\.?\d)", "−", text)


def _power_of_ten(number: re.Match) -> str:
    digits, sign, power = number.groups()
    if float(digits) == 0:
        return "0"
    factor = "" if digits == "1" else f"{digits}·"
    return f"{factor}10{(sign.strip('+') + power).translate(_RAISED)}"
