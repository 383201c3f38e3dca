"""What a program says of itself: the lines it printed, the error by which it ended, or one line of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from perflab.errors import WrongAnswer
from perflab.programs import Ended, run_program

_ERROR = re.compile(r"^(?:[a-z_]\w*\.)*([A-Z]\w*(?:Error|Exception)):?[ ]*(.*)$", re.MULTILINE)
"""The line of a traceback that names what was raised; its text may follow on lines of its own."""


def facts_of(source: str, limit_s: float = 10.0) -> dict[str, Any]:
    """Run a program that prints a JSON object as its last line; WrongAnswer for one that ends in any other way."""
    ended = run_program(source, limit_s=limit_s)
    how = f"did not end within {limit_s:g} s" if ended.hung else f"ended with status {ended.status}"
    try:
        found = json.loads(ended.out.strip().rpartition("\n")[2]) if ended.status == 0 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        said = ended.error or "wrote no error"
        raise WrongAnswer(f"the program {how} ({said}), expected a line of JSON as its last", ended.err)
    return found


def transcript(ended: Ended, without: Collection[str] = ()) -> str:
    """What was printed, its lines in alphabetical order, then each error once: processes print when they please.

    Lines that begin with one of the names in ``without`` and a colon are left out.
    """
    lines = sorted(
        line.strip() for line in ended.out.splitlines() if line.partition(":")[0].strip() not in {"", *without}
    )
    ends = ["hung"] if ended.hung else [f"status {ended.status}"] if ended.status else []
    return ", ".join([*lines, *errors_in(ended), *ends]) or "nothing"


def told(ended: Ended, name: str) -> str:
    """The rest of the line that begins with the name and a colon; "nothing" where there is none."""
    lines = (line.partition(": ") for line in ended.out.splitlines())
    return next((rest for before, _, rest in lines if before == name), "nothing")


def errors_in(ended: Ended) -> list[str]:
    """Each error whose traceback some process of the program wrote, once, in alphabetical order."""
    return sorted({f"{name}: {text}".rstrip(": ") for name, text in _ERROR.findall(ended.err)})
