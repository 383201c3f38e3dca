"""Many runs at once in simulated time: what the lab would conclude from noise whose truth is known.

Ranks, looks, rounds, visiting orders and margins are the lab's own; only drawing the samples of many runs at once, and
sorting them, is numpy's. tests/test_stats_simulation.py holds it against ``duel.judge`` and ``verdict`` block by block.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from noise import MODELS, Logs, Model, Visits
from numpy.typing import NDArray

from perflab import duel, stats
from perflab.experiments import null
from perflab.model import PLANS
from perflab.verdict.null import VOID_ABOVE

SEED = 20261122
CHUNK = 500
EFFECTS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)
WORDS = ("unresolved", "slower", "faster", "equivalent")

DUEL_START_S = 0.06
PLAN_START_S = 0.5
"""Seconds between two blocks: what starting their hosts takes, about."""

DUEL_SAMPLE_S = 0.001
"""Of a call that takes a millisecond, as those that the duel is tried on; shorter ones are repeated for half of it."""

DUEL_ROUNDS = math.ceil(duel.PLAN.visit_ns / 1e9 / (3 * DUEL_SAMPLE_S) / 3 * 0.75) * 3
"""Whole squares of three in the time of a visit, a quarter of which goes into asking for the samples."""

PLAN_CASES = 4
"""Cases of a group in a plan: the most there are, so that case and control stand farthest apart."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How much is measured and how it is judged: the duel, or a claim of sameness under a plan.

    ``margin`` is that of pairs in one host and of pairs apart.
    """

    name: str
    looks: tuple[int, ...]
    rounds: int
    sample_s: float
    margin: tuple[float, float]

    @property
    def is_duel(self) -> bool:
        """Whether the twin stands in the same blocks, and a widened margin forbids to call two things equal."""
        return self.name == "duel"

    def visits(self, runs: int) -> Visits:
        """Of the comparison."""
        cases, start = (3, DUEL_START_S) if self.is_duel else (PLAN_CASES, PLAN_START_S)
        return Visits(runs, self.looks[-1], self.rounds, cases, self.sample_s, start)

    def null_visits(self, runs: int, apart: bool) -> Visits:
        """Of a plan's A/A: more rounds than the comparison has, most where both share a process.

        A third case is drawn and not used: what is peculiar to the last one, the A/A knows nothing of.
        """
        return replace(self.visits(runs), cases=3, rounds=max(self.rounds, null.ROUNDS["pool" if apart else "python"]))


SAME = (null.ONE_HOST_MARGIN, null.SEPARATE_HOSTS_MARGIN)
SCHEMES = {
    "duel": Scheme("duel", duel.PLAN.looks, DUEL_ROUNDS, DUEL_SAMPLE_S, (0.01, 0.01)),
    **{name: Scheme(name, plan.looks, plan.rounds, plan.sample_ns / 1e9, SAME) for name, plan in PLANS.items()},
}


@dataclass(frozen=True, slots=True)
class Interval:
    """Of many runs at one look, in logs."""

    low: Logs
    high: Logs
    middle: Logs

    @property
    def extent(self) -> Logs:
        """The end farther from 0, as ``verdict.null.extent``."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


def block_values(logs: Logs, case: int) -> Logs:
    """Per run and block: the median over rounds of log(case / control), as ``verdict.values.log_ratio``."""
    return np.median(logs[..., case] - logs[..., 0], axis=2)


def intervals(values: Logs, looks: tuple[int, ...]) -> dict[int, Interval]:
    """At each look that has one: what ``stats.interval`` gives with the rank of ``stats.spend``."""
    found = {}
    for look, rank in zip(looks, stats.spend(looks), strict=True):
        if rank:
            ordered = np.sort(values[:, :look], axis=1)
            found[look] = Interval(ordered[:, rank - 1], ordered[:, look - rank], np.median(ordered, axis=1))
    return found


def draw(scheme: Scheme, model: Model, rng: np.random.Generator, runs: int) -> tuple[Logs, Logs]:
    """The block values of the comparison (true ratio 1) and of the A/A."""
    logs = model.noise(rng, scheme.visits(runs))
    twins = logs if scheme.is_duel else model.noise(rng, scheme.null_visits(runs, model.apart))
    return block_values(logs, -1), block_values(twins, 1)


def null_intervals(scheme: Scheme, model: Model, values: Logs) -> dict[int, Interval]:
    """The A/A at each look; in a plan its claim ends at the look that decides it, and its blocks with it."""
    found = intervals(values, scheme.looks)
    if scheme.is_duel:
        return found
    bound = math.log1p(scheme.margin[model.apart])
    kept: Interval | None = None
    for look, now in found.items():
        if kept is not None:
            ended = (kept.extent <= bound) | (kept.low > bound) | (kept.high < -bound)
            now = Interval(*(np.where(ended, old, new) for old, new in zip(_ends(kept), _ends(now), strict=True)))
        found[look] = kept = now
    return found


def _ends(of: Interval) -> tuple[Logs, Logs, Logs]:
    return of.low, of.high, of.middle


def verdicts(
    scheme: Scheme, model: Model, ratio: Mapping[int, Interval], twin: Mapping[int, Interval], effect: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Per run: the index into WORDS of the first verdict at any look, and the block count at which it fell."""
    declared, shift = scheme.margin[model.apart], math.log1p(effect)
    word = np.zeros(len(next(iter(ratio.values())).low), dtype=np.intp)
    blocks = np.full_like(word, scheme.looks[-1])
    for look, now in ratio.items():
        said = judged(scheme, declared, now, twin[look], shift)
        falls = (word == 0) & (said > 0)
        word, blocks = np.where(falls, said, word), np.where(falls, look, blocks)
    return word, blocks


def judged(scheme: Scheme, declared: float, now: Interval, twin: Interval, shift: float) -> NDArray[np.intp]:
    """Per run at one look: the index into WORDS, by the margin rule of ``duel.judge`` or of a clause WITHIN."""
    low, high = now.low + shift, now.high + shift
    margin = math.log1p(declared)
    used = np.maximum(margin, twin.extent)
    sound = np.abs(twin.middle) <= math.log1p(VOID_ABOVE)
    same = (low >= -margin) & (high <= margin) & ((used <= margin) | (not scheme.is_duel))
    return np.where(sound, np.select([low > used, high < -used, same], [1, 2, 3], 0), 0)


def missed(ratio: Mapping[int, Interval], truth: float) -> int:
    """Runs whose interval excludes the truth at any look."""
    return int(np.any([(one.low > truth) | (one.high < truth) for one in ratio.values()], axis=0).sum())


@cache
def truth(scheme: Scheme, name: str) -> float:
    """The median of block values, which the method estimates: 0 by symmetry, or found from a million blocks."""
    model = MODELS[name]
    if not model.lopsided:
        return 0.0
    rng = np.random.default_rng(SEED)
    visits = replace(scheme.visits(20_000 // scheme.looks[-1]), cases=2)
    drawn = [block_values(model.noise(rng, visits), -1).ravel() for _ in range(50)]
    return float(np.median(np.concatenate(drawn)))


def generator(name: str, number: int) -> np.random.Generator:
    """A stream of its own for each chunk of each simulation."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode()), number])


def chunk(scheme: Scheme, name: str, number: int, runs: int = CHUNK) -> dict[str, Any]:
    """The counts of one chunk of runs, the same for the same number."""
    model, rng = MODELS[name], generator(f"{scheme.name} {name}", number)
    values, twins = draw(scheme, model, rng, runs)
    ratio, twin = intervals(values, scheme.looks), null_intervals(scheme, model, twins)
    counts: dict[str, Any] = {"runs": runs, "missed": missed(ratio, truth(scheme, name))}
    counts["missed_ratio_of_medians"] = missed(ratio, 0.0)
    for effect in EFFECTS:
        word, blocks = verdicts(scheme, model, ratio, twin, effect)
        tally = {said: int((word == index).sum()) for index, said in enumerate(WORDS)}
        counts[f"{effect:g}"] = {**tally, "blocks": int(blocks.sum())}
    return counts
