"""The journal keeps whole lines only, and reading refuses what is not a run, in one line."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import pytest

from perflab import store
from perflab.errors import BadInput, BadRun
from perflab.model import BlockRecord, Failure, GroupRecord, RoundRecord, Run, Settings


def append_all(journal, lines):
    """Append line after line."""
    for line in lines:
        journal.append(line)


RUN = Run(
    settings=Settings(
        "quick", 2, ("fork", "spawn"), "fork", (("range_sum/python", 31.5),), (("workers", (1, 2)),), (3, 11)
    ),
    experiments=("null",),
    seed=7,
    environment={"python": "3.11.7"},
    code_hash="abc",
    started="2026-01-02T03:04:05Z",
    blocks=(),
    version="0.1.0",
    grid={"null": ("a", "b")},
)
ROUND = RoundRecord({"a": {"wall_ns": 12.5}, "b": {"outcome": "abc"}}, ("b", "a"), {"wall_ns": 3e7}, True, True)
GROUP = GroupRecord(
    "g", (ROUND,), {"a": {"cold_ns": 5}}, {"a": 3}, {"c": Failure("hung", "no answer", "stack")}, {"gil": True}
)
BLOCK = BlockRecord("null", 0, 99, (GROUP,), {"samples": 0.5, "wall": 1.0})
END = {"kind": "end", "interrupted": False, "wall_s": 1.5}


def written(folder, *lines):
    """A journal in ``folder`` with a header and ``lines``; its path."""
    with store.journal(folder) as journal:
        journal.append(store.header(RUN))
        for line in lines:
            journal.append(line)
    return folder / store.JOURNAL


def test_a_run_is_read_back_as_it_was_written(tmp_path):
    """Header, blocks and closing line survive the way to disk and back, field by field."""
    written(tmp_path, store.block_line(BLOCK), END)
    assert store.load(tmp_path) == replace(RUN, blocks=(BLOCK,), ended=END)


@pytest.mark.parametrize(("told", "expected"), [("3.13.0rc2+", (3, 13)), ("3.9.1", (3, 9)), ("", None)])
def test_a_run_keeps_the_version_that_measured_it(tmp_path, told, expected):
    """Whatever Python reads it: designs differ by version, and the run holds what that one designed."""
    with store.journal(tmp_path) as journal:
        journal.append(store.header(replace(RUN, environment={"python": told})))
    assert store.load(tmp_path).settings.python == (expected or Settings().python)


def test_the_file_itself_is_a_run_as_well(tmp_path):
    """RUN may be the folder or its run.jsonl."""
    path = written(tmp_path)
    assert store.load(path) == store.load(tmp_path)


@pytest.mark.parametrize("keep", [1, 10, 200])
def test_a_torn_last_line_is_dropped(tmp_path, keep):
    """Whatever part of the last line reached the disk, the lines before it are the run."""
    path = written(tmp_path, store.block_line(BLOCK))
    whole = path.read_bytes()
    path.write_bytes(whole + json.dumps(store.block_line(BLOCK)).encode()[:keep])
    assert store.load(path).blocks == (BLOCK,)


def test_appending_after_a_torn_line_cuts_it_off(tmp_path):
    """A resumed journal holds no trace of the line that kill -9 tore."""
    path = written(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"kind":"bl')
    with store.journal(tmp_path) as journal:
        journal.append(store.block_line(BLOCK))
    assert store.load(path).blocks == (BLOCK,)


def test_every_truncation_is_a_shorter_run_or_refused(tmp_path):
    """Cut at any byte, the file is read as the blocks that are whole, or refused for want of a header."""
    path = written(tmp_path, store.block_line(BLOCK), store.block_line(replace(BLOCK, block=1)))
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        if length < header:
            with pytest.raises(BadRun):
                store.load(path)
        else:
            assert len(store.load(path).blocks) == whole[:length].count(b"\n") - 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello\n", "not a perflab run"),
        (b"[1, 2]\n", "not a perflab run"),
        (b'{"schema": "pyperf/1"}\n', "expected 'perflab.run/1'"),
        (b'{"schema": "perflab.run/2"}\n', "newer"),
        (b'{"schema": "perflab.run/1"}\n', "corrupt in line 1"),
        (b"\x80\x04pickle\n", "not a perflab run"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(tmp_path, data, words):
    """Corrupt, foreign and newer files each get their own line, and no traceback of a parser."""
    (tmp_path / store.JOURNAL).write_bytes(data)
    with pytest.raises(BadRun, match=words) as caught:
        store.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"block": -1}, "corrupt in line 2"),
        ({"block": "0"}, "corrupt in line 2"),
        ({"kind": "blot"}, "expected 'block' or 'end'"),
        ({"ledger": {"samples": "x"}}, "corrupt in line 2"),
        ({"groups": [{"name": "g"}]}, "corrupt in line 2"),
    ],
)
def test_a_damaged_block_is_refused_by_its_line(tmp_path, change, words):
    """A whole line that is not a block says which line and what is wrong with it."""
    written(tmp_path, {**store.block_line(BLOCK), **change})
    with pytest.raises(BadRun, match=words):
        store.load(tmp_path)


def test_not_a_number_is_refused(tmp_path):
    """NaN is not a measurement, neither written nor read."""
    path = written(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"kind": "end", "interrupted": false, "wall_s": NaN}\n')
    with pytest.raises(BadRun, match="NaN is not a measurement"):
        store.load(path)
    with store.journal(tmp_path / "..") as journal, pytest.raises(ValueError, match="JSON compliant"):
        journal.append({"wall_s": float("nan")})


def test_a_missing_run_says_what_was_expected(tmp_path):
    """A path without a run names what should be there."""
    with pytest.raises(BadRun, match="expected a folder that 'perflab run-all' wrote"):
        store.load(tmp_path / "nothing")


def test_a_full_disk_leaves_a_whole_journal(tmp_path, monkeypatch):
    """When a line does not fit, the journal ends with the line before it, and the error says how to go on."""
    real, left = os.pwrite, [2000]

    def pwrite(fd, data, offset):
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(fd, data[: left[0]], offset)
        left[0] -= taken
        return taken

    with store.journal(tmp_path) as journal:
        journal.append(store.header(RUN))
        monkeypatch.setattr(os, "pwrite", pwrite)
        lines = [store.block_line(BLOCK)] * 100
        with pytest.raises(BadInput, match="No space left on device; what was measured before is stored"):
            append_all(journal, lines)
    data = (tmp_path / store.JOURNAL).read_bytes()
    assert data.endswith(b"\n")
    assert 0 < len(store.load(tmp_path).blocks) < 100


def _interrupted(*arguments):
    raise KeyboardInterrupt


def test_an_interrupted_line_does_not_spoil_the_next(tmp_path, monkeypatch):
    """Ctrl-C in the middle of a long line leaves nothing behind a shorter one that follows."""
    real = os.pwrite

    def half(fd, data, offset):
        real(fd, data[: len(data) // 2], offset)
        raise KeyboardInterrupt

    with store.journal(tmp_path) as journal:
        journal.append(store.header(RUN))
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", half)
            with pytest.raises(KeyboardInterrupt):
                journal.append(store.block_line(BLOCK))
        journal.append(END)
    assert store.load(tmp_path) == replace(RUN, ended=END)


def test_a_whole_line_outlives_an_interrupt(tmp_path, monkeypatch):
    """Ctrl-C while a line that is already whole is flushed to disk does not cost the block in it."""
    with store.journal(tmp_path) as journal:
        journal.append(store.header(RUN))
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", _interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.append(store.block_line(BLOCK))
        journal.append(END)
    assert store.load(tmp_path) == replace(RUN, blocks=(BLOCK,), ended=END)


def test_an_unwritable_folder_is_bad_input(tmp_path):
    """A journal that cannot be opened says so and names --out."""
    with pytest.raises(BadInput, match="--out"), store.journal(tmp_path / "missing"):
        raise AssertionError("opened")


def test_latest_points_to_the_newest_run(tmp_path):
    """reports/latest is a link beside the run, replaced whole."""
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        written(folder)
        store.point_latest(folder)
        assert (tmp_path / "latest").resolve() == folder.resolve()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one", "two"]


def test_latest_is_a_text_file_where_links_fail(tmp_path, monkeypatch):
    """Without links, latest holds the folder's name, and loading follows it."""
    from pathlib import Path

    def refuse(self, target):
        raise OSError(errno.EPERM, "links are not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = tmp_path / "one"
    folder.mkdir()
    written(folder)
    store.point_latest(folder)
    assert (tmp_path / "latest").read_text() == "one"
    assert store.load(tmp_path / "latest").seed == RUN.seed


def test_writing_aside_never_leaves_half_a_file(tmp_path, monkeypatch):
    """A file is replaced whole or stays as it was, and nothing is left beside it."""
    path = tmp_path / "report.md"
    store.write_aside(path, b"old")

    def fail(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        store.write_aside(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.md"]
