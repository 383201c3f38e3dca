"""Put a document where the user asked for it, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from perflab import store
from perflab.errors import BadInput


def write(text: str, out: Path, journal: Path) -> None:
    """Replace ``out`` by the document; BadInput where that cannot be, or would destroy the run or a device."""
    target = out.resolve()
    if target == journal.resolve():
        raise BadInput(f"{out} is the run itself, and an export would destroy it; choose another file with --out")
    if target.exists() and not target.is_file():
        raise BadInput(f"{out} is no file that could be replaced; choose another with --out, or leave --out for stdout")
    try:
        store.write_aside(target, text.encode(errors="backslashreplace"))
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror}; choose another file with --out") from None
