"""bulk: every way delivers every byte, a wrong checksum goes red, verdicts on both sides of each bound."""

from __future__ import annotations

import multiprocessing
import os
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from sharing_support import astride, claim_of, design_of, observe, verdict

from perflab.errors import CaseError, WrongAnswer
from perflab.experiments import _places, _transfers, bulk
from perflab.model import Case, Role, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED


def _case(way: str, size: int = 1000) -> Case:
    return Case(strategy=way, params=(("bytes", size),))


def test_each_way_is_timed_and_leaves_nothing() -> None:
    """Every case of the quick plan observes its time; no receiver and no segment is left."""
    cases = design_of("bulk").cases
    observed = observe("bulk", cases)
    assert len(observed) == len(cases) == 15 + 6
    for case, seen in observed.items():
        assert set(seen) == {"transfer_ns"}, case
        assert seen["transfer_ns"] > 0, case  # type: ignore[operator]


@pytest.mark.parametrize("way", bulk.WAYS)
@pytest.mark.parametrize("size", [1, 5000, 300_000])
def test_the_receiver_has_every_byte(way: str, size: int) -> None:
    """Blocks of odd sizes, below and above what a pipe takes at once, arrive with the checksum they left with."""
    block = os.urandom(size)
    with _transfers.transferring(way, block) as transfer:
        assert {transfer(), transfer()} == {zlib.adler32(block)}


@pytest.mark.parametrize("way", bulk.WAYS)
def test_a_receiver_that_saw_other_bytes_is_a_wrong_answer(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checksum that is not the block's is not timed, whichever way it went."""
    monkeypatch.setattr(_transfers, "zlib", SimpleNamespace(adler32=lambda block: 1))
    probe = bulk.probe(_case(way))
    with pytest.raises(WrongAnswer, match="checksum of 1000 bytes is 1, expected"):
        next(probe)(1)
    probe.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", [_transfers.KEPT, _transfers.FRESH])
def test_a_block_that_shared_memory_cannot_hold_is_refused(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing it would end the process by SIGBUS; the case fails in words instead."""
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=1, f_frsize=512))
    with pytest.raises(CaseError, match="512 bytes free"):
        next(bulk.probe(_case(way)))


def _fastest(size: str, ratio: Any, *places: str) -> dict[str, Any]:
    return {
        f"{size}, {place}, shared memory, kept / {other}": ratio
        for place in places or ("two cores",)
        for other in ("Pipe", "socket")
    }


BOTH = ("two cores", "one core")
ALL = {**_fastest("4 KiB", 0.9, *BOTH), **_fastest("64 KiB", 0.9, *BOTH), **_fastest("4 MiB", 0.5)}
BELOW = {
    f"{size}, {place}, shared memory, kept / Pipe": ratio
    for size, ratio in (("4 KiB", 1.1), ("64 KiB", 0.95))
    for place in BOTH
}
FRESH = {f"{size}, two cores, shared memory, fresh / shared memory, kept": 1.2 for size in ("4 KiB", "4 MiB")}


@pytest.mark.parametrize(
    ("claim", "seen", "expected"),
    [
        ("S18", ALL, CONFIRMED),
        ("S18", {**ALL, **_fastest("4 KiB", 1.1)}, REFUTED),
        ("S18", {**ALL, **_fastest("4 KiB", 1.1, "one core")}, REFUTED),
        ("S18", {**ALL, **_fastest("64 KiB", astride(1.0))}, UNRESOLVED),
        ("S18-large", _fastest("4 MiB", 0.8), CONFIRMED),
        ("S18-large", _fastest("4 MiB", 1.2), REFUTED),
        ("S18-large", _fastest("4 MiB", astride(1.0)), UNRESOLVED),
        ("S18-below", BELOW, CONFIRMED),
        ("S18-below", {**BELOW, "64 KiB, one core, shared memory, kept / Pipe": 0.85}, REFUTED),
        ("S18-below", {**BELOW, "64 KiB, one core, shared memory, kept / Pipe": astride(0.9)}, UNRESOLVED),
        ("S18-fresh", FRESH, CONFIRMED),
        ("S18-fresh", {**FRESH, "4 MiB, two cores, shared memory, fresh / shared memory, kept": 0.9}, REFUTED),
    ],
)
def test_verdicts_on_both_sides(claim: str, seen: dict[str, Any], expected: Verdict) -> None:
    """Faster and slower than the others, with and without something won."""
    assert verdict("bulk", claim, seen) is expected


@pytest.mark.parametrize(("plan", "most"), [("quick", 4), ("default", 32), ("full", 256)])
def test_the_sweep_reaches_as_far_as_there_is_time(plan: str, most: int) -> None:
    """The quick plan stops at 4 MiB; the largest block of the others is passed once a block of measurements."""
    design = design_of("bulk", Settings(plan))
    sizes = {int(case.param("bytes")) for case in design.cases}
    assert (min(sizes), max(sizes)) == (4096 if plan == "quick" else 64, most * 2**20)
    assert {group.name for group in design.groups if group.single} == ({f"{most} MiB"} - {"4 MiB"})
    deciding = [c.label for c in claim_of("bulk", "S18-large", Settings(plan)).clauses if c.role is Role.DECIDES]
    assert len(deciding) == (2 if plan == "quick" else 5)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="binds processes to cores")
def test_sender_and_receiver_run_where_they_are_put() -> None:
    """Both on one core, or on two if there are two; the sender only while it is measured."""
    cores = sorted(os.sched_getaffinity(0))
    for place, other in (("one core", cores[0]), ("two cores", cores[min(1, len(cores) - 1)])):
        with _transfers.transferring("Pipe", b"block", place):
            (receiver,) = multiprocessing.active_children()
            assert os.sched_getaffinity(receiver.pid or 0) == {other}
        with _places.placed(place):
            assert os.sched_getaffinity(0) == {cores[0]}
    assert sorted(os.sched_getaffinity(0)) == cores
