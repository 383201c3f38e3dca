"""What is told on stderr while measuring: a live display on a terminal, plain lines elsewhere.

The lab's parent starts no thread while it measures, so the display redraws itself only when an event arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from perflab import events
from perflab.clock import Clock, monotonic_ns
from perflab.model import Judgement
from perflab.report.text import STYLES
from perflab.report.wording import badge, plural, word
from perflab.units import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

HEARTBEAT_NS = 30_000_000_000
REDRAW_NS = 250_000_000


@dataclass(slots=True)
class Board:
    """What is known of the run at this moment, from the events so far."""

    plan: str = ""
    started_ns: int = 0
    experiment: str = ""
    question: str = ""
    position: int = 0
    total: int = 0
    blocks_done: int = 0
    most_blocks: int = 0
    seconds_left: float | None = None
    fallen: list[Judgement] = field(default_factory=list)
    """Verdicts since the present visit to an experiment began; a later visit tells only what is new."""
    failures: list[events.CaseFailed] = field(default_factory=list)

    def note(self, event: events.Event, now_ns: int) -> None:
        """Take in one event."""
        match event:
            case events.RunStarted():
                self.plan, self.started_ns, self.total = event.plan, now_ns, len(event.experiments)
                self.seconds_left = event.budget_s
            case events.ExperimentStarted():
                self.experiment, self.question = event.name, event.question
                self.position, self.total = event.position, event.total
                self.blocks_done = self.most_blocks = 0
                self.fallen = []
            case events.RoundDone():
                self.blocks_done, self.most_blocks = event.block, event.most_blocks
                self.seconds_left = event.seconds_left
            case events.BlockDone():
                self.blocks_done, self.seconds_left = event.block, event.seconds_left
            case events.VerdictFell():
                self.fallen.append(event.judgement)
            case events.CaseFailed():
                self.failures.append(event)

    @property
    def place(self) -> str:
        """Where in the run: "gil, block 3 of at most 12"."""
        if not self.most_blocks:
            return f"{self.experiment}, first block"
        return f"{self.experiment}, block {min(self.blocks_done + 1, self.most_blocks)} of at most {self.most_blocks}"

    def share_done(self, now_ns: int) -> float:
        """The share of the run's time that is over, by the time left; 0 before anything is known."""
        elapsed = (now_ns - self.started_ns) / 1e9
        return elapsed / (elapsed + self.seconds_left) if elapsed > 0 and self.seconds_left is not None else 0.0


@contextmanager
def display(stream: TextIO, colour: bool, moving: bool, clock: Clock = monotonic_ns) -> Iterator[events.Observe]:
    """An observer for the lab, ``moving`` or in plain lines; lost cases are told once, at the end."""
    board = Board()
    with _live(stream, colour, clock, board) if moving else _plain(stream, clock, board) as observe:
        yield observe
    for line in failure_lines(board.failures):
        stream.write(f"{line}\n")
    stream.flush()


def failure_lines(failures: list[events.CaseFailed]) -> list[str]:
    """Every lost case once: where, which, why."""
    if not failures:
        return []
    head = f"warning: {plural(len(failures), 'case')} could not be measured; the others went on"
    return [head, *(f"  {one.experiment}: {one.case_id}: {_failure_words(one)}" for one in failures)]


def waiting_line(event: events.Waiting) -> str:
    """Who is measuring already, and what to do about it."""
    return f"waiting: {event.holder} is measuring on this machine; --no-lock would not wait (and disturb both)"


def started_line(event: events.RunStarted) -> str:
    """What begins, how long it may take, where it is stored."""
    experiments = plural(len(event.experiments), "experiment")
    return f"measuring {experiments} ({event.plan} plan, at most {duration(event.budget_s)}) into {event.path}"


def done_line(board: Board, event: events.ExperimentDone) -> str:
    """One finished experiment with its verdicts."""
    fallen = ", ".join(f"{one.claim.id} {word(one.verdict)}" for one in board.fallen)
    head = f"[{board.position}/{board.total}] {event.name}"
    return f"{head}: {plural(event.blocks, 'block')} in {duration(event.seconds)}: {fallen or 'nothing new'}"


def heartbeat_line(board: Board) -> str:
    """A sign of life with the time left."""
    left = "" if board.seconds_left is None else f", {duration(board.seconds_left)} left"
    return f"  … {board.place}{left}"


@contextmanager
def _plain(stream: TextIO, clock: Clock, board: Board) -> Iterator[events.Observe]:
    last_ns = clock()

    def say(line: str) -> None:
        nonlocal last_ns
        last_ns = clock()
        stream.write(f"{line}\n")
        stream.flush()

    def observe(event: events.Event) -> None:
        board.note(event, clock())
        match event:
            case events.Waiting():
                say(waiting_line(event))
            case events.RunStarted():
                say(started_line(event))
            case events.ExperimentDone():
                say(done_line(board, event))
            case events.RunDone():
                say(f"measured in {duration(event.seconds)}")
            case _ if clock() - last_ns >= HEARTBEAT_NS:
                say(heartbeat_line(board))

    yield observe


@contextmanager
def _live(stream: TextIO, colour: bool, clock: Clock, board: Board) -> Iterator[events.Observe]:
    from rich.console import Console
    from rich.live import Live

    console = Console(
        file=stream,
        force_terminal=True,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
    )
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _redrawing(console, live, clock, board)


def _redrawing(console: Console, live: Live, clock: Clock, board: Board) -> events.Observe:
    """An observer that redraws at most four times a second, and lets what stays scroll up above the display."""
    last_ns = clock() - REDRAW_NS

    def observe(event: events.Event) -> None:
        nonlocal last_ns
        board.note(event, clock())
        line = _lasting(event)
        if line is not None:
            console.print(line)
        now_ns = clock()
        if board.position and now_ns - last_ns >= REDRAW_NS:
            last_ns = now_ns
            live.update(_drawn(board, now_ns), refresh=True)

    return observe


def _lasting(event: events.Event) -> RenderableType | None:
    """The line that an event leaves behind on the terminal."""
    from rich.text import Text

    match event:
        case events.Waiting():
            return Text(waiting_line(event))
        case events.RunStarted():
            return Text(started_line(event))
        case events.VerdictFell(judgement=found):
            verdict = Text(f"{badge(found.verdict):16}", STYLES[found.verdict])
            claim = (f" {found.claim.id} ", "bold")
            return Text.assemble(verdict, claim, found.claim.sentence, no_wrap=True, overflow="ellipsis")
        case events.RunDone():
            return Text(f"measured in {duration(event.seconds)}")
        case _:
            return None


def _drawn(board: Board, now_ns: int) -> RenderableType:
    """What is measured now, in two lines: the experiment and its question; the bar, the block, the time left."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Text.assemble(
        f"[{board.position}/{board.total}] ",
        (board.experiment, "bold"),
        f"  {board.question}",
        no_wrap=True,
        overflow="ellipsis",
    )
    left = "" if board.seconds_left is None else f"{duration(board.seconds_left)} left"
    below = Table.grid(padding=(0, 2, 0, 0))
    block = board.place.removeprefix(f"{board.experiment}, ")
    below.add_row(ProgressBar(total=1.0, completed=board.share_done(now_ns), width=28), block, left)
    return Group(head, below)


def _failure_words(failed: events.CaseFailed) -> str:
    return f"{failed.failure.kind}: {' '.join(failed.failure.message.split())}"
