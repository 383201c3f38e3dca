"""The display while measuring: scripted events on a clock that is told, and the exact lines that follow."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from perflab import events, progress
from perflab.clock import FakeClock
from perflab.model import Claim, Failure, Judgement, Verdict

SECOND = 1_000_000_000


def judgement(claim: str, verdict: Verdict, experiment: str = "gil") -> Judgement:
    """A verdict without clauses: the display shows its claim and its word."""
    return Judgement(experiment, Claim(claim, f"The sentence of {claim}.", ()), verdict, "because")


RUN = (
    (0, events.Waiting("another perflab run")),
    (5, events.RunStarted(Path("reports/x"), ("null", "gil"), "quick", 60.0)),
    (0, events.ExperimentStarted("null", "Is nothing found where nothing is?", 1, 2)),
    (2, events.RoundDone("null", 0, 12, "one host", 50.0)),
    (2, events.BlockDone("null", 6, 6, 40.0)),
    (0, events.VerdictFell(judgement("null-one-host", Verdict.CONFIRMED, "null"))),
    (0, events.ExperimentDone("null", 4.2, 6)),
    (0, events.ExperimentStarted("gil", "Do CPU-bound threads run in parallel?", 2, 2)),
    (29, events.RoundDone("gil", 2, 12, "threads", 31.0)),
    (1, events.RoundDone("gil", 2, 12, "threads", 30.0)),
    (1, events.RoundDone("gil", 2, 12, "threads", 29.0)),
    (1, events.CaseFailed("gil", "range_sum/python/pool", Failure("died", "killed by\nsignal 9"))),
    (1, events.VerdictFell(judgement("gil-no-parallel-threads", Verdict.NOT_APPLICABLE))),
    (0, events.VerdictFell(judgement("gil-processes-scale", Verdict.REFUTED))),
    (0, events.ExperimentDone("gil", 130.0, 1)),
    (0, events.RunDone(Path("reports/x"), 44.0)),
)

PLAIN = """\
waiting: another perflab run is measuring on this machine; --no-lock would not wait (and disturb both)
measuring 2 experiments (quick plan, at most 60 s) into reports/x
[1/2] null: 6 blocks in 4 s: null-one-host confirmed
  … gil, block 3 of at most 12, 30 s left
[2/2] gil: 1 block in 2 min 10 s: gil-no-parallel-threads not applicable, gil-processes-scale refuted
measured in 44 s
warning: 1 case could not be measured; the others went on
  gil: range_sum/python/pool: died: killed by signal 9
"""


def shown(moving: bool, colour: bool = False, script: tuple[tuple[int, events.Event], ...] = RUN) -> str:
    """What the display writes for a script of (seconds passed, event)."""
    stream, clock = io.StringIO(), FakeClock()
    with progress.display(stream, colour, moving, clock) as observe:
        for seconds, event in script:
            clock.advance(seconds * SECOND)
            observe(event)
    return stream.getvalue()


def test_plain_lines_are_these() -> None:
    """A line for each finished experiment, a heartbeat after 30 s of silence, lost cases once at the end."""
    assert shown(moving=False) == PLAIN


@pytest.mark.parametrize("colour", [True, False])
def test_plain_lines_never_move(colour: bool) -> None:
    """A file gets no control sequence, even where colour is forced upon it."""
    assert "\x1b" not in shown(moving=False, colour=colour)


def test_the_heartbeat_waits_for_thirty_seconds_of_silence() -> None:
    """29 s after the last line nothing is said, at 30 s one line, and then 30 s pass again."""
    rounds = tuple((1, events.RoundDone("gil", 0, 12, "threads", 99.0)) for _ in range(89))
    head = RUN[1:3]
    beats = [line for line in shown(False, script=(*head, *rounds)).splitlines() if "…" in line]
    assert len(beats) == 2


def test_a_line_is_flushed_when_it_is_written() -> None:
    """A reader of a pipe sees each line at once, not when a buffer fills."""
    flushed: list[str] = []

    class Stream(io.StringIO):
        def flush(self) -> None:
            flushed.append(self.getvalue())

    with progress.display(Stream(), False, False, FakeClock()) as observe:
        observe(RUN[1][1])
        assert flushed[-1] == PLAIN.splitlines()[1] + "\n"


def test_no_failures_no_warning() -> None:
    """A run without losses ends with its last line."""
    script = tuple(step for step in RUN if not isinstance(step[1], events.CaseFailed))
    assert "warning" not in shown(False, script=script)


def test_the_live_display_keeps_verdicts_and_shows_block_and_time_left() -> None:
    """Verdicts scroll up as they fall; the current experiment, its block and the time left stand below."""
    text = shown(moving=True)
    assert "✔ confirmed" in text
    assert "null-one-host The sentence of null-one-host." in text
    assert "[2/2] gil" in text
    assert "block 3 of at most 12" in text
    assert "29 s left" in text
    assert text.rstrip().endswith("gil: range_sum/python/pool: died: killed by signal 9")


def test_the_live_display_starts_no_thread() -> None:
    """The lab forks nothing from a process with threads, so the display has none."""
    before = threading.active_count()
    stream, clock = io.StringIO(), FakeClock()
    with progress.display(stream, True, True, clock) as observe:
        observe(RUN[1][1])
        observe(RUN[2][1])
        assert threading.active_count() == before


def test_the_live_display_redraws_at_most_four_times_a_second() -> None:
    """A thousand rounds in one second cost a handful of redraws."""
    stream, clock = io.StringIO(), FakeClock()
    with progress.display(stream, False, True, clock) as observe:
        for _, event in RUN[1:3]:
            observe(event)
        before = stream.getvalue().count("block")
        for number in range(1000):
            clock.advance(SECOND // 1000)
            observe(events.RoundDone("gil", 0, 12, "threads", 99.0 - number))
        assert 3 <= stream.getvalue().count("block") - before <= 4


def test_colour_is_the_callers_decision() -> None:
    """Verdicts are green or red when colour is wanted, and plain when it is not."""
    assert "\x1b[32m✔ confirmed" in shown(moving=True, colour=True)
    assert "\x1b[32m" not in shown(moving=True, colour=False)


def test_an_error_while_measuring_passes_through() -> None:
    """The display is put away and the error goes on to the command line."""
    with pytest.raises(RuntimeError, match="broken"), progress.display(io.StringIO(), True, True, FakeClock()):
        raise RuntimeError("broken")


@pytest.mark.parametrize(("elapsed", "left", "share"), [(0, 60.0, 0.0), (30, 30.0, 0.5), (60, 0.0, 1.0)])
def test_the_bar_is_the_share_of_the_time(elapsed: int, left: float, share: float) -> None:
    """Elapsed time over elapsed time plus time left."""
    board = progress.Board()
    board.note(RUN[1][1], 0)
    board.note(events.RoundDone("gil", 0, 12, "threads", left), elapsed * SECOND)
    assert board.share_done(elapsed * SECOND) == share


def test_a_second_visit_tells_only_what_is_new() -> None:
    """An experiment that gets more time later names the verdicts that changed, not all it has."""
    again = (
        (0, events.ExperimentStarted("null", "Is nothing found where nothing is?", 1, 2)),
        (0, events.VerdictFell(judgement("null-separate-hosts", Verdict.CONFIRMED, "null"))),
        (0, events.ExperimentDone("null", 2.0, 8)),
        (0, events.ExperimentStarted("null", "Is nothing found where nothing is?", 1, 2)),
        (0, events.ExperimentDone("null", 2.0, 12)),
    )
    lines = shown(False, script=(*RUN[1:7], *again)).splitlines()
    assert lines[-2:] == [
        "[1/2] null: 8 blocks in 2 s: null-separate-hosts confirmed",
        "[1/2] null: 12 blocks in 2 s: nothing new",
    ]
