"""The instructor's secret, from which hidden inputs are drawn."""

import secrets
from pathlib import Path


def read_seed(file: Path) -> bytes:
    """Return the secret in `file`, without the white space around it.

    Raises
    ------
    ValueError
        If it is missing or empty.
    """
    text = file.read_bytes().strip() if file.is_file() else b""
    if not text:
        raise ValueError(
            f"expected the secret of `course grade` in {file}, got none; run `course "
            "grade` once, which writes one, or name the file that it used"
        )
    return text


def seed_of(directory: Path) -> bytes:
    """Return the secret of ``DIR/seed``; the first run writes it, readable by its user alone."""
    file = directory / "seed"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex() + "\n", encoding="ascii")
    return read_seed(file)
