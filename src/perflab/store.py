"""The journal of a run: appended line by line while measuring, read back whole afterwards.

``run.jsonl`` holds a header line, then one line for each finished block, then a closing line. A line is written
whole and flushed to disk before the next block begins; a torn last line is dropped on reading.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from perflab.errors import BadInput, BadRun
from perflab.model import BlockRecord, Failure, GroupRecord, RoundRecord, Run, Settings

SCHEMA = "perflab.run/1"
JOURNAL = "run.jsonl"


def header(run: Run) -> dict[str, Any]:
    """The first line of a journal: everything of a run but its blocks and its end."""
    return {
        "schema": SCHEMA,
        "version": run.version,
        "started": run.started,
        "seed": run.seed,
        "plan": run.settings.plan,
        "settings": run.settings.to_json(),
        "experiments": list(run.experiments),
        "grid": {name: list(ids) for name, ids in run.grid.items()},
        "environment": dict(run.environment),
        "code_hash": run.code_hash,
    }


def block_line(record: BlockRecord) -> dict[str, Any]:
    """A finished block as JSON types."""
    return {"kind": "block", **asdict(record)}


def block_from(fields: Mapping[str, Any]) -> BlockRecord:
    """The inverse of :func:`block_line`."""
    groups = tuple(_group_from(group) for group in fields["groups"])
    return BlockRecord(fields["experiment"], fields["block"], fields["seed"], groups, fields["ledger"])


def _group_from(fields: Mapping[str, Any]) -> GroupRecord:
    rounds = tuple(RoundRecord(**{**one, "order": tuple(one["order"])}) for one in fields["rounds"])
    failures = {case: Failure(**failure) for case, failure in fields["failures"].items()}
    return GroupRecord(**{**fields, "rounds": rounds, "failures": failures})


@contextmanager
def journal(folder: Path) -> Iterator[Journal]:
    """The journal of ``folder`` open for appending, its torn last line (if any) cut off."""
    path = folder / JOURNAL
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}; choose another folder with --out") from None
    try:
        yield Journal(fd, path)
    finally:
        os.close(fd)


class Journal:
    """An open journal that only grows, by whole lines."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd, self.path = fd, path
        self._length = _whole_length(path)
        os.ftruncate(fd, self._length)

    @property
    def empty(self) -> bool:
        """Whether nothing has been written yet."""
        return self._length == 0

    def append(self, fields: Mapping[str, Any]) -> None:
        """Write one line and flush it to disk.

        What an earlier call left when the disk was full or Ctrl-C came in between is cut off first, so that the
        journal holds whole lines only.
        """
        line = (json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n").encode()
        before = self._length
        try:
            os.ftruncate(self._fd, before)
            written = 0
            while written < len(line):
                written += os.pwrite(self._fd, line[written:], before + written)
            self._length += len(line)  # the line is whole: Ctrl-C during what follows must not cost it
            os.fsync(self._fd)
        except OSError as error:
            self._length = before
            with suppress(OSError):
                os.ftruncate(self._fd, before)
            raise BadInput(
                f"cannot write {self.path}: {error.strerror}; what was measured before is stored: "
                f"free some space and continue with --resume --out {self.path.parent}"
            ) from None


def _whole_length(path: Path) -> int:
    data = path.read_bytes()
    return data.rfind(b"\n") + 1


def load(path: Path) -> Run:
    """Read a run back from its folder or its ``run.jsonl``; BadRun says in one line what is wrong with the file."""
    file = find(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadRun(f"cannot read {file}: {error.strerror}") from None
    lines = data.split(b"\n")
    torn = lines.pop()
    if not lines:
        what = "is empty" if not torn else "has no whole first line"
        raise BadRun(f"{file} {what}: expected a run's header; nothing was stored in it")
    documents = [_parse(file, number, line) for number, line in enumerate(lines, 1)]
    return _run_from(file, documents)


def find(path: Path) -> Path:
    """The journal meant by ``path``: the file itself, one in the folder, or the one ``latest`` names as text."""
    if path.is_file() and path.name == "latest":
        path = path.parent / path.read_text().strip()
    if path.is_dir():
        path = path / JOURNAL
    if not path.exists():
        raise BadRun(f"no run at {path}: expected a folder that 'perflab run-all' wrote, or its {JOURNAL}")
    return path


def _parse(file: Path, number: int, line: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a measurement")

    try:
        return json.loads(line, parse_constant=refuse)
    except ValueError as error:
        what = "is not a perflab run" if number == 1 else f"is corrupt in line {number}"
        raise BadRun(f"{file} {what} ({error}); measure again, or give a folder that 'perflab run-all' wrote") from None


def _as_measured(settings: Settings, environment: Mapping[str, Any]) -> Settings:
    """With the version of Python that measured, which another one may now read."""
    found = re.match(r"(\d+)\.(\d+)", str(environment.get("python", "")))
    return replace(settings, python=(int(found[1]), int(found[2]))) if found else settings


def _run_from(file: Path, documents: list[Any]) -> Run:
    head = documents[0]
    _check_schema_name(file, head)
    _check(file, 1, head, "header")
    for number, document in enumerate(documents[1:], 2):
        _check(file, number, document, _kind(file, number, document))
    blocks = [block_from(one) for one in documents[1:] if one["kind"] == "block"]
    ends = [one for one in documents[1:] if one["kind"] == "end"]
    return Run(
        settings=_as_measured(Settings.from_json(head["settings"]), head["environment"]),
        experiments=tuple(head["experiments"]),
        seed=head["seed"],
        environment=head["environment"],
        code_hash=head["code_hash"],
        started=head["started"],
        blocks=tuple(blocks),
        version=head["version"],
        ended=ends[-1] if ends else {},
        grid={name: tuple(ids) for name, ids in head["grid"].items()},
    )


def _check_schema_name(file: Path, head: Any) -> None:
    name = head.get("schema") if isinstance(head, dict) else None
    if name == SCHEMA:
        return
    family, _, version = str(name).partition("/")
    if family == "perflab.run" and version.isdigit() and int(version) > 1:
        raise BadRun(f"{file} is of schema {name}, newer than this perflab reads ({SCHEMA}); upgrade perflab")
    raise BadRun(f"{file} is not a perflab run: its first line has schema {name!r}, expected {SCHEMA!r}")


def _kind(file: Path, number: int, document: Any) -> str:
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind not in {"block", "end"}:
        raise BadRun(f"{file} is corrupt in line {number}: its kind is {kind!r}, expected 'block' or 'end'")
    return str(kind)


def _check(file: Path, number: int, document: Any, kind: str) -> None:
    from fastjsonschema import JsonSchemaValueException

    try:
        _validators()[kind](document)
    except JsonSchemaValueException as error:
        raise BadRun(f"{file} is corrupt in line {number}: {error.message.replace('data', kind, 1)}") from None


@cache
def _validators() -> dict[str, Any]:
    """Checks compiled from the published schema, by kind of line."""
    from importlib.resources import files

    import fastjsonschema

    schema = json.loads(files("perflab").joinpath("schemas/run-1.json").read_text())
    kinds = ("header", "block", "end")
    return {kind: fastjsonschema.compile({**schema["$defs"][kind], "$defs": schema["$defs"]}) for kind in kinds}


def write_aside(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: aside in the same folder, flushed, renamed over ``path``, the folder flushed."""
    fd, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def point_latest(folder: Path) -> None:
    """Make ``latest`` beside ``folder`` point to it: a link, or a text file with its name where links fail."""
    latest, aside = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    with suppress(FileNotFoundError):
        aside.unlink()
    try:
        aside.symlink_to(folder.name)
    except OSError:
        aside.write_text(folder.name)
    os.replace(aside, latest)


def code_hash() -> str:
    """A digest of perflab's own code, kernels included: a run is continued only by the code that began it."""
    from hashlib import sha256

    import perflab

    root, digest = Path(str(perflab.__file__)).parent, sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".so", ".pyd"}:
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
