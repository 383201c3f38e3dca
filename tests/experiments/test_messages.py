"""messages: every way echoes what it was sent, damaged messages are counted, verdicts on both sides of each bound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sharing_support import METHODS, astride, claim_of, design_of, observe, verdict

from perflab.errors import WrongAnswer
from perflab.experiments import _channels, messages
from perflab.experiments._partner import context, partners
from perflab.model import Case, Settings, Verdict

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
DESIGN = design_of("messages")


def test_each_case_observes_what_it_promises_and_leaves_nothing() -> None:
    """Round trips by every way there is, damage, and what the program printed."""
    observed = observe("messages", DESIGN.cases)
    trips, writers, program = "round trips", "two writers", "program"
    promised = {trips: {"round_trip_ns"}, writers: {"damaged_fraction"}, program: {"outcome", "first_line"}}
    assert {case.strategy for case in DESIGN.cases if case.param("task") == trips} == set(_channels.CHANNELS)
    for case in DESIGN.cases:
        assert set(observed[case.id]) == promised[str(case.param("task"))], case.id
        assert observed[case.id].get("round_trip_ns", 1) > 0, case.id  # type: ignore[operator]
        if case.param("lock") == "Lock":
            assert observed[case.id]["damaged_fraction"] == 0, case.id
        if case.param("task") == program:
            assert observed[case.id]["outcome"] == messages.COMPLETE


@pytest.mark.parametrize("way", _channels.CHANNELS)
def test_two_ends_opened_in_one_process_hear_each_other(way: str) -> None:
    """What either side sends, the other receives, in order and whole."""
    with _channels.CHANNELS[way](context()) as given:
        near, far = (_channels.end(way, given, side) for side in (0, 1))
        for letter in (b"a", b"b", b"c"):
            near.send(letter * _channels.MESSAGE_BYTES)
            assert far.receive() == letter * _channels.MESSAGE_BYTES
            far.send(letter.upper() * _channels.MESSAGE_BYTES)
            assert near.receive() == letter.upper() * _channels.MESSAGE_BYTES


def test_a_spinner_gives_up_on_a_side_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many looks it says that nothing came."""
    monkeypatch.setattr(_channels, "GIVEN_UP", 2)
    with _channels.CHANNELS[_channels.SPINNING](context()) as given:
        assert _channels.end(_channels.SPINNING, given, 0).receive() == b""


def test_another_message_than_was_sent_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that echoes something else is not timed."""

    @contextmanager
    def deaf(kind: str, started_by: Any, place: str) -> Iterator[_channels.End]:
        yield _channels.End(lambda message: None, lambda: b"something else")

    monkeypatch.setattr(messages, "echoing", deaf)
    with pytest.raises(WrongAnswer, match="something else"):
        next(messages.probe(messages._way("Pipe", "two cores")))(1)


class _Scripted:
    """The reading end of a Pipe that holds these messages, and then ends in an error."""

    def __init__(self, *found: bytes) -> None:
        self.found = list(found)

    def poll(self, seconds: float) -> bool:
        return True

    def recv_bytes(self, most: int) -> bytes:
        if not self.found or len(self.found[0]) > most:
            raise OSError("bad message length")
        return self.found.pop(0)


def test_writers_end_when_nobody_reads() -> None:
    """A writer that is left with more than fits ends with the reader, and does not wait for ever."""
    started_by = context()
    reader, writer = started_by.Pipe()
    given = (reader, writer, 97, 2**20, 3, started_by.Barrier(1), None)
    with partners(started_by, (_channels.write, given)) as (process,):
        writer.close()
        reader.close()
        process.join(10)
        assert process.exitcode == 0


@pytest.mark.parametrize(
    ("found", "whole"),
    [
        ((b"aaaa", b"bbbb", b"aaaa"), 3),
        ((b"aaaa", b"aabb", b"bbbb"), 2),
        ((b"aaaa", b"bb", b"aaaa"), 2),
        ((b"aaaa", b"aaaabb", b"bbbb"), 1),
        ((), 0),
    ],
)
def test_only_messages_of_one_letter_and_full_length_are_whole(found: tuple[bytes, ...], whole: int) -> None:
    """Mixed and short ones are damaged, and nothing counts after a length that cannot be."""
    assert _channels._whole(_Scripted(*found), 4, 4) == whole


TOO_EARLY = "print('task2 send abc'); print('Got it'); print('task1 recv abc')"
OVERTAKEN = "print('task1 recv abc'); print('task2 send abc'); print('Got it')"


@pytest.mark.parametrize(
    ("source", "outcome", "first"),
    [
        (TOO_EARLY, "task2 send abc; Got it; task1 recv abc", "task2 send abc"),
        (OVERTAKEN, messages.COMPLETE, "task1 recv abc"),
        ("raise ValueError('no')", "ValueError: no", ""),
    ],
)
def test_another_transcript_is_kept_as_it_is(
    source: str, outcome: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only three lines with the answer last are the tutorial's; anything else is told."""
    monkeypatch.setattr(messages, "PROGRAM", source)
    found = messages._transcript(Case(strategy="Pipe", start_method="spawn"))
    assert found == {"outcome": outcome, "first_line": first}


LARGE, LOCKED = (
    "damaged of those of 256 KiB, without a lock",
    "none damaged of those of 256 KiB, with a lock round each",
)
SMALL = "none damaged of those of 64 bytes, without a lock"


def _everywhere(way: str, ratio: Any) -> dict[str, Any]:
    return {f"{way} / Pipe, {place}": ratio for place in ("two cores", "one core")}


@pytest.mark.parametrize(
    ("claim", "seen", "expected"),
    [
        ("S27", _everywhere("Queue", 1.1), CONFIRMED),
        ("S27", _everywhere("Queue", 0.9), REFUTED),
        ("S27", {**_everywhere("Queue", 1.1), "Queue / Pipe, one core": 0.9}, REFUTED),
        ("S27", {**_everywhere("Queue", 1.1), "Queue / Pipe, two cores": astride(1.0)}, UNRESOLVED),
        ("S27", {**_everywhere("Queue", 2.0), "SimpleQueue / Pipe, two cores": 0.5}, CONFIRMED),
        ("S18-small-semaphores", _everywhere(messages.SEMAPHORES, 0.9), CONFIRMED),
        ("S18-small-semaphores", _everywhere(messages.SEMAPHORES, 1.1), REFUTED),
        ("S18-small-semaphores", _everywhere(messages.SEMAPHORES, astride(1.0)), UNRESOLVED),
        ("S18-small-spinning", {f"{messages.SPINNING} / Pipe, two cores": 0.1}, CONFIRMED),
        ("S18-small-spinning", {f"{messages.SPINNING} / Pipe, two cores": 1.3}, REFUTED),
        ("S18-small-Manager", {"Manager.Queue / Pipe, two cores": 0.5}, CONFIRMED),
        ("S18-small-Manager", {"Manager.Queue / Pipe, two cores": 8.0}, REFUTED),
        ("S27-two-writers", {LARGE: 0.9, LOCKED: 0.0}, CONFIRMED),
        ("S27-two-writers", {LARGE: 0.0, LOCKED: 0.0}, REFUTED),
        ("S27-two-writers", {LARGE: 0.9, LOCKED: 0.1}, UNRESOLVED),
        ("S27-two-writers-small", {SMALL: 0.0}, CONFIRMED),
        ("S27-two-writers-small", {SMALL: 0.01}, REFUTED),
        ("S27-program", {"the program's three lines, fork": messages.COMPLETE}, CONFIRMED),
        ("S27-program", {"the program's three lines, fork": "EOFError"}, REFUTED),
    ],
)
def test_verdicts_on_both_sides(claim: str, seen: dict[str, Any], expected: Verdict) -> None:
    """Faster and slower than the Pipe, damaged and whole, complete and not."""
    assert verdict("messages", claim, seen) is expected


def test_nobody_spins_on_one_core() -> None:
    """Who watches a flag would keep the other from turning it: the way is not measured, and its claim says why."""
    single = Settings("quick", 1, METHODS)
    assert "one core" in claim_of("messages", "S18-small-spinning", single).not_applicable
    assert messages.SPINNING not in {case.strategy for case in design_of("messages", single).cases}


def test_longer_plans_run_the_program_by_every_start_method() -> None:
    """The quick plan runs it by the platform's own."""

    def methods(plan: str) -> set[str]:
        return {case.start_method for case in design_of("messages", Settings(plan, 2, METHODS)).cases} - {""}

    assert methods("quick") == {"fork"}
    assert methods("default") == set(METHODS)
