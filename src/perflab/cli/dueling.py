"""The duel at the command line: its options checked, the interval closing in, the sentence at the end."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from perflab.check import wording
from perflab.cli import BAD_INPUT, DONE, FAILED, colour, github
from perflab.cli.selftesting import tell_waiting
from perflab.duel import Challenge, Standing, fight
from perflab.errors import BadInput

SLOWER, UNRESOLVED = 1, 4
WORST_FIRST = ("slower", "failed", "unresolved", "equivalent", "faster")
ALONE_S = 0.5
"""Seconds for HEAD alone where BASE cannot do it: whether it can be called, not how fast it is."""

SYMBOLS = {"slower": "✘", "faster": "✔", "equivalent": "✔", "unresolved": "?", "failed": "!"}


def carry_out(base_may_fail: bool, strict: bool, out: Path | None, as_json: bool, **options: Any) -> int:
    """Fight, print how it ended, keep it in ``out``, tell a GitHub job about it, and return the exit status.

    BadInput for a margin, a budget or a file that makes no sense, and for a target that cannot be one.
    """
    challenge = challenge_of(**options)
    _refuse_unwritable(out)
    standing = fought(challenge)
    if base_may_fail and standing.at_fault == "BASE":
        standing = without_base(challenge, standing)
    document = json.dumps(standing.to_json(), indent=2, allow_nan=False)
    if out is not None:
        out.write_text(document + "\n", encoding="utf-8")
    _tell_github(challenge, standing, strict, as_json)
    if standing.refused:
        raise BadInput(standing.reason)
    click.echo(document if as_json else as_text(standing))
    return status(standing, strict)


def challenge_of(margin: float, budget: float, no_lock: bool, **options: Any) -> Challenge:
    """What was asked for; BadInput for a margin or a budget that makes no sense."""
    if not 0 < margin < 1:
        raise BadInput(f"--margin {margin:g} is no fraction: expected one above 0 and below 1, as in --margin 0.01")
    if not 0 < budget < math.inf:
        raise BadInput(f"--budget {budget:g} is no time to measure in: expected seconds above 0, as in --budget 10")
    return Challenge(margin=margin, budget_s=budget, lock=not no_lock, **options)


def fought(challenge: Challenge) -> Standing:
    """The duel's end, its way there shown on a terminal."""
    with colour_free_line() as say:
        return fight(challenge, lambda now: say(progress(now)), tell_waiting)


def without_base(challenge: Challenge, ended: Standing) -> Standing:
    """How a duel stands that BASE cannot fight: unresolved if HEAD can, by itself, else what is wrong with HEAD."""
    alone = replace(challenge, base=challenge.head, base_dir=challenge.head_dir, budget_s=ALONE_S)
    trial = fight(alone, wait=tell_waiting)
    if trial.verdict == "failed":
        return replace(trial, reason=trial.reason.replace("BASE", "HEAD", 1), at_fault="HEAD")
    reason = f"HEAD does what BASE cannot do, so there is nothing to compare with ({ended.reason})"
    return replace(ended, verdict="unresolved", reason=reason, refused=False)


def _refuse_unwritable(out: Path | None) -> None:
    """BadInput before anything is measured in vain."""
    try:
        if out is not None:
            out.open("a").close()
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror}; choose another file for --out") from None


def _tell_github(challenge: Challenge, standing: Standing, strict: bool, as_json: bool) -> None:
    """What fails the job as an error, what could not be told as a notice; the summary; the step's verdict."""
    kind = "error" if standing.refused or status(standing, strict) else "notice"
    if github.running() and (kind == "error" or standing.verdict == "unresolved"):
        said = f"{challenge.head}: {standing.verdict}: {standing.reason}"
        click.echo(wording.annotation(kind, "perflab duel", said), err=as_json)
    github.summarise(lambda room: as_markdown(challenge, standing, room))
    github.conclude(standing.verdict, WORST_FIRST)


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
    """The verdict, why, and what it rests on; what a target said in several lines is told in one."""
    verdict = f"{SYMBOLS[standing.verdict]} {standing.verdict}: {_flat(standing.reason)}"
    return "\n".join((verdict, *(f"  {one}" for one in grounds(standing))))


def grounds(standing: Standing) -> Iterator[str]:
    """What the verdict rests on, a line each."""
    for name, found in (("the same code against itself", standing.null), ("CPU time, HEAD / BASE", standing.cpu)):
        if found.low is not None and found.high is not None:
            yield f"{name}: {found.value:.4f} ({found.low:.4f} to {found.high:.4f})"
    yield f"{standing.blocks} blocks in {standing.seconds:.1f} s"


def _flat(text: str) -> str:
    return " ".join(text.split())


def as_markdown(challenge: Challenge, standing: Standing, most_bytes: int = wording.SUMMARY_BYTES) -> str:
    """A paragraph for a job's summary that begins with the verdict, and a list of what it rests on, cut to fit."""
    sides = (challenge.head,) if challenge.base == challenge.head else (challenge.base, challenge.head)
    names = " → ".join(map(wording.escaped, sides))
    items = "".join(f"- {wording.escaped(one)}\n" for one in grounds(standing))
    verdict, reason = f"{SYMBOLS[standing.verdict]} {standing.verdict}", standing.reason
    text = f"**{verdict}**: {names}: {wording.escaped(reason)}\n\n{items}"
    return text.encode()[:most_bytes].decode(errors="ignore")


def status(standing: Standing, strict: bool) -> int:
    """The exit status of the contract."""
    if standing.refused:
        return BAD_INPUT
    statuses = {"slower": SLOWER, "failed": FAILED, "unresolved": UNRESOLVED if strict else DONE}
    return statuses.get(standing.verdict, DONE)
