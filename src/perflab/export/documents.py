"""JSON that every parser reads: no NaN, and no document without a single number in it."""

from __future__ import annotations

import json
from collections.abc import Sized
from typing import Any

from perflab.errors import BadInput


def as_json(content: Any) -> str:
    """The document with a line break at its end; ValueError for NaN, which JSON does not know."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def refuse_empty(found: Sized, nouns: str) -> None:
    """BadInput for a document without content: the other tools call that a broken file."""
    if not found:
        raise BadInput(
            f"the run has no {nouns}: nothing to export; "
            "'perflab show RUN' tells what it measured, --format csv exports all of it"
        )
