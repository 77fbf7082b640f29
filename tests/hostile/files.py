"""Files that are no notebook, or one that no reader expects."""

import base64
import gzip
import io
import json
import tarfile
import zipfile

from submissions import submission

from hostile.loops import TASK
from hostile.registry import ALL, Attack, add, attack

HONEST = submission("batch_norm")


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../bomb.ipynb", bytes(10**7))
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("batch_norm.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


PICKLE = base64.b64decode("Y29zCnN5c3RlbQooUydleGl0IDEnCnRSLg==")  # os.system('exit 1')
INVALID = {
    "an_empty_file": (b"", "empty file"),
    "a_file_of_spaces": (b" \n\t" * 1000, "empty file"),
    "a_file_of_nulls": (bytes(10**6), "no JSON"),
    "half_a_notebook": (HONEST[: len(HONEST) // 2], "no JSON"),
    "a_pickle": (PICKLE, "no JSON"),
    "a_zip_with_a_path": (_zip(), "no JSON"),
    "a_tar_with_a_link": (_tar(), "no JSON"),
    "a_gzipped_notebook": (gzip.compress(HONEST), "no JSON"),
    "a_web_page": (b"<html><script>alert(1)</script></html>", "no JSON"),
    "javascript_instead_of_json": (b"({cells: alert(1)})", "no JSON"),
    "json_nested_deeply": (b"[" * 900_000 + b"]" * 900_000, "no JSON"),
    "json_of_a_million_objects": (b'{"cells": [' + b"{}," * 1_500_000 + b"{}]}", "more lists"),
    "a_number_of_a_million_digits": (b'{"cells": ' + b"9" * 10**6 + b"}", "no JSON"),
    "the_number_infinity": (b"Infinity", "format 4"),
    "a_notebook_of_format_3": (
        json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "1"}]}],
                    "nbformat": 3}).encode(), "format 4",
    ),
    "a_notebook_of_thirty_megabytes": (b'{"cells": ["' + b"x" * (30 << 20) + b'"]}', "20 MiB"),
    "five_thousand_cells": (
        json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 5000}).encode(), "2000 cells",
    ),
    "two_million_characters_of_code": (
        submission("batch_norm", {"normalize": "#" * (2 << 20)}), "characters of code",
    ),
    "another_exercise": (submission("layer_norm"), "one of its answer cells"),
    "text_that_is_no_unicode": (b'{"cells": ["\xff\xfe\xfa"]}', "no JSON"),
}  # fmt: skip
for _name, (_raw, _said) in INVALID.items():
    _about = f"Hands in {_name.replace('_', ' ')}."
    add(Attack(_name, _about, lambda raw=_raw: raw, ALL, status="INVALID", said=_said))


@attack()
def a_notebook_in_utf_16():
    """Writes an honest notebook in UTF-16, which is legal JSON: it keeps its marks."""
    return HONEST.decode().encode("utf-16")


@attack()
def a_mark_of_byte_order():
    """Puts a byte order mark before an honest notebook."""
    return b"\xef\xbb\xbf" + HONEST


@attack(TASK)
def half_characters_and_nulls_in_the_source():
    """Writes half characters, nulls and reversing marks into an answer."""
    return (
        f'{TASK} = "\ud800\x00\u202e"\n\x00'.encode("utf-16", "surrogatepass").decode(
            "utf-16", "replace"
        )
        + "\0"
    )


@attack(TASK)
def a_line_without_an_end():
    """Answers in one line, longer than most editors take."""
    return f"{TASK} = " + "1+" * 400_000 + "1"


@attack(TASK)
def source_nested_deeply():
    """Nests brackets, functions and blocks until the parser gives up."""
    return f"{TASK} = " + "(" * 90_000 + ")" * 90_000


@attack(TASK)
def names_of_look_alikes():
    """Defines the function under a name whose letters only look the same."""
    return "def bаtches_to_forget(momentum, share):\n    return 7\n"
