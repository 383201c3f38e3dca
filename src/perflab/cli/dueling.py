"""The duel at the command line: its options checked, the interval closing in, the sentence at the end."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import click

from perflab.cli import BAD_INPUT, DONE, FAILED, colour
from perflab.cli.selftesting import tell_waiting
from perflab.duel import Challenge, Standing, fight
from perflab.errors import BadInput

SLOWER, UNRESOLVED = 1, 4
SYMBOLS = {"slower": "✘", "faster": "✔", "equivalent": "✔", "unresolved": "?", "failed": "!"}


def fought(
    base: str,
    head: str,
    margin: float,
    budget: float,
    base_dir: Path | None,
    head_dir: Path | None,
    seed: int | None,
    no_lock: bool,
) -> Standing:
    """The duel's end; BadInput for a margin or a budget that makes no sense, and for a target that cannot be one."""
    if not 0 < margin < 1:
        raise BadInput(f"--margin {margin:g} is no fraction: expected one above 0 and below 1, as in --margin 0.01")
    if not 0 < budget < math.inf:
        raise BadInput(f"--budget {budget:g} is no time to measure in: expected seconds above 0, as in --budget 10")
    challenge = Challenge(base, head, margin, budget, base_dir, head_dir, not no_lock, seed)
    with colour_free_line() as say:
        standing = fight(challenge, lambda now: say(progress(now)), tell_waiting)
    if standing.refused:
        raise BadInput(standing.reason)
    return standing


class colour_free_line:
    """A line on stderr that is written over; on what is no terminal nothing is written."""

    def __enter__(self) -> Callable[[str], None]:
        self._moves = colour.moves(sys.stderr)
        return self._say

    def _say(self, text: str) -> None:
        if self._moves:
            click.echo(f"\r\033[K{text}", err=True, nl=False)

    def __exit__(self, *error: object) -> None:
        self._say("")


def progress(now: Standing) -> str:
    """One line while it goes on: blocks, the interval, the margin it is held against."""
    if now.ratio.low is None or now.ratio.high is None:
        return f"{now.blocks} blocks, {now.seconds:.1f} s"
    interval = f"{now.ratio.low:.4f} … {now.ratio.high:.4f}"
    return f"{now.blocks} blocks, {now.seconds:.1f} s: HEAD / BASE {interval}, margin {now.margin_used:.2%}"


def as_text(standing: Standing) -> str:
    """The verdict, why, and what it rests on."""
    lines = [f"{SYMBOLS[standing.verdict]} {standing.verdict}: {standing.reason}"]
    for name, found in (("the same code against itself", standing.null), ("CPU time, HEAD / BASE", standing.cpu)):
        if found.low is not None and found.high is not None:
            lines.append(f"  {name}: {found.value:.4f} ({found.low:.4f} to {found.high:.4f})")
    lines.append(f"  {standing.blocks} blocks in {standing.seconds:.1f} s")
    return "\n".join(lines)


def status(standing: Standing, strict: bool) -> int:
    """The exit status of the contract."""
    if standing.refused:
        return BAD_INPUT
    statuses = {"slower": SLOWER, "failed": FAILED, "unresolved": UNRESOLVED if strict else DONE}
    return statuses.get(standing.verdict, DONE)
