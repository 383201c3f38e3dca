"""Where expectations stand: a file that was named, or the nearest pyproject.toml with a [tool.perflab.expect]."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from perflab.check.expectations import EXAMPLE
from perflab.errors import BadInput

PROJECT = "pyproject.toml"
TABLE = "[tool.perflab.expect]"


@dataclass(frozen=True, slots=True)
class Source:
    """A table of expectations and the file it stands in."""

    file: Path
    table: Mapping[str, Any]


def find(named: Path | None, folder: Path) -> Source | None:
    """The file that was named, or else the nearest pyproject.toml from ``folder`` upwards that has the table.

    None where no pyproject.toml has it. BadInput for a named file without expectations, and for unreadable TOML.
    """
    if named is not None:
        return Source(named, _of_named(named, _document(named)))
    for file in (place / PROJECT for place in _upwards(folder)):
        if file.is_file():
            table = _nested(file, _document(file))
            if table is not None:
                return Source(file, table)
    return None


def nowhere(folder: Path) -> BadInput:
    """The error for a check without anything to check: where it was looked for, and how it is written."""
    return BadInput(
        f"no expectations: no {PROJECT} in {folder.resolve()} or a folder above it has a table {TABLE}; write one "
        f"there, or in a file for --expect, with a line for each claim, as in {EXAMPLE}"
    )


def _of_named(file: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The nested table where the file has one; else its top level, unless it is a project file."""
    table = _nested(file, document)
    if table is None and ("tool" in document or file.name == PROJECT):
        raise BadInput(f"{file} has no table {TABLE}: write it with a line for each claim, as in {EXAMPLE}")
    return document if table is None else table


def _nested(file: Path, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    own = _table(file, "tool.perflab", _table(file, "tool", document.get("tool", {})).get("perflab", {}))
    if "expect" in own:
        return _table(file, "tool.perflab.expect", own["expect"])
    for key in own:
        # Nearer than usual: 'export' and the like are no misspellings of it.
        if get_close_matches(key, ("expect", "expectations"), n=1, cutoff=0.75):
            raise BadInput(f"{file} has the unknown key '{key}' in [tool.perflab]: did you mean 'expect'?")
    return None


def _table(file: Path, name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput(f"{file}: {name} is {value!r}, expected a table; write [{name}] and below it {EXAMPLE}")
    return value


def _document(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}; name a TOML file, as in {EXAMPLE}") from None
    except ValueError as error:  # TOML's own error, and that of the encoding
        raise BadInput(f"{file} is not TOML ({error}); write one expectation a line, as in {EXAMPLE}") from None


def _upwards(folder: Path) -> tuple[Path, ...]:
    start = folder.resolve()
    return (start, *start.parents)
