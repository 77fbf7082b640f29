"""A digest of this package: references, checks and judge decide a grade as much as a notebook."""

import functools
import hashlib
from pathlib import Path

import course_lib

APART = ("lab", "explore")  # what chapters draw and measure with grades nobody


@functools.cache
def own_source() -> str:
    """Return the digest of every file that may change a grade."""
    folder, digest = Path(course_lib.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] not in APART:
            for part in (name.as_posix().encode(), path.read_bytes()):
                digest.update(len(part).to_bytes(8))
                digest.update(part)
    return digest.hexdigest()
