"""The lab against known truths: how often it cries wolf, finds what is there, and survives failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from perflab import hosts
from perflab.duel import Challenge, Standing, fight
from perflab.stats import clopper_pearson


@dataclass(frozen=True, slots=True)
class Trial:
    """A duel with a known answer, repeated; ``promise`` is the least share of right answers, None for no promise."""

    name: str
    base: str
    head: str
    right: Callable[[Standing], bool]
    repeats: int
    budget_s: float
    promise: float | None
    beside_neighbour: bool = False
    limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a trial: right answers of how many, and the binomial interval of their share."""

    name: str
    right: int
    trials: int
    low: float
    high: float
    promise: float | None
    said: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """False only where the whole interval lies below the promise: a few trials cannot disprove more."""
        return self.promise is None or self.high >= self.promise

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON types."""
        fields = {name: getattr(self, name) for name in ("name", "right", "trials", "low", "high", "promise", "kept")}
        return {**fields, "said": list(self.said)}


def no_alarm(standing: Standing) -> bool:
    """Neither slower nor faster."""
    return standing.verdict in ("equivalent", "unresolved")


def found(standing: Standing) -> bool:
    """The slow-down was found."""
    return standing.verdict == "slower"


def halved(standing: Standing) -> bool:
    """The speed-up was found, and its interval holds the true factor within the margin used."""
    low, high, margin = standing.ratio.low, standing.ratio.high, 1 + standing.margin_used
    return (
        standing.verdict == "faster" and low is not None and high is not None and low / margin <= 0.5 <= high * margin
    )


def failing(word: str) -> Callable[[Standing], bool]:
    """The duel ended as failed, with a reason that has ``word``."""
    return lambda standing: standing.verdict == "failed" and word in standing.reason


TRIALS = (
    Trial("the same against itself: no alarm", "base", "base", no_alarm, 12, 1.5, 0.99),
    Trial("the same beside a spinning neighbour: no alarm", "base", "base", no_alarm, 3, 1.5, 0.99, True),
    Trial("10 % slower: found", "base", "slower_10", found, 4, 2.0, 0.95),
    Trial("5 % slower: found", "base", "slower_5", found, 3, 4.0, 0.95),
    Trial("3 % slower: found", "base", "slower_3", found, 2, 8.0, 0.95),
    Trial("2 % slower: shown, not promised", "base", "slower_2", found, 1, 4.0, None),
    Trial("1 % slower: shown, not promised", "base", "slower_1", found, 1, 4.0, None),
    Trial("half the work: found, by the right factor", "twice", "base", halved, 2, 2.0, 0.95),
    Trial("a target that hangs costs its duel only", "base", "hangs", failing("hung"), 1, 5.0, 1.0, limit_s=1.0),
    Trial("a target that crashes costs its duel only", "base", "crashes", failing("SIGKILL"), 1, 5.0, 1.0),
    Trial("a wrong answer is not timed", "base", "wrong", failing("different things"), 1, 5.0, 1.0),
)


def examine(trials: tuple[Trial, ...] = TRIALS) -> Iterator[Row]:
    """Carry the trials out, one after the other; each row as soon as it is known."""
    for trial in trials:
        with hosts.neighbour() if trial.beside_neighbour else nullcontext():
            yield row_of(trial, [fight(_challenge(trial, number)) for number in range(trial.repeats)])


def row_of(trial: Trial, standings: list[Standing]) -> Row:
    """Count the right answers."""
    right = sum(trial.right(standing) for standing in standings)
    low, high = clopper_pearson(right, len(standings))
    said = tuple(f"{one.verdict}: {one.reason}" for one in standings if not trial.right(one))
    return Row(trial.name, right, len(standings), low, high, trial.promise, said)


def _challenge(trial: Trial, number: int) -> Challenge:
    return Challenge(
        f"perflab.spins:{trial.base}",
        f"perflab.spins:{trial.head}",
        budget_s=trial.budget_s,
        seed=number,
        lock=False,
        limit_s=trial.limit_s,
    )
