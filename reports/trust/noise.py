"""Named noise in simulated time: the logarithms of sample times, for every case of every round of every block."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from perflab import rounds

Logs = NDArray[np.float64]

JITTER = 0.01
"""Every model but the skewed one has this standard deviation of the log time, anew for each sample."""

WALK = 0.05
"""The stationary standard deviation of log speed in the walks."""

BURST = (0.1, 1.0)
"""A burst makes its sample longer by a share drawn evenly from this range."""

SKEW = (0.01, 0.03)
"""Scales of the exponential noise of the control (and its twin) and of the case."""

DEPENDENCE = 0.6
"""The correlation of a block's ratio with the next block's, where blocks are no replicates."""

DRIFT = 0.03
"""How far the case's log ratio moves, evenly, from the first to the last block."""


@dataclass(frozen=True, slots=True)
class Visits:
    """When what is sampled: ``blocks`` blocks of ``rounds`` rounds of ``cases`` cases, each sample ``sample_s`` long.

    Case 0 is the control, the last one the case, any between them are others (in a duel: the twin).
    """

    runs: int
    blocks: int
    rounds: int
    cases: int
    sample_s: float
    start_s: float
    """Seconds between two blocks: the next block's hosts start."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of every array of log times."""
        return self.runs, self.blocks, self.rounds, self.cases


Noise = Callable[[np.random.Generator, Visits], Logs]


@dataclass(frozen=True, slots=True)
class Model:
    """A named noise; ``apart`` where case and control live in processes of their own."""

    noise: Noise
    apart: bool = False
    lopsided: bool = False
    """Whether the median of block values is not 0 although both cases have the same median time."""


def clean(rng: np.random.Generator, visits: Visits) -> Logs:
    """Jitter alone."""
    return rng.normal(0.0, JITTER, visits.shape)


def walk(rng: np.random.Generator, visits: Visits, tau: float) -> Logs:
    """Log speed is a random walk that forgets with time constant ``tau`` (Ornstein and Uhlenbeck), in visiting order.

    The walk goes on between blocks; its stationary standard deviation is WALK.
    """
    per_block = visits.rounds * visits.cases
    steps = visits.blocks * per_block
    path = rng.normal(0.0, WALK, (steps, visits.runs))
    for step in range(1, steps):
        passed = visits.sample_s + (visits.start_s if step % per_block == 0 else 0.0)
        kept = np.exp(-passed / tau)
        path[step] *= np.sqrt(1 - kept * kept)
        path[step] += kept * path[step - 1]
    in_order = path.T.reshape(visits.shape)
    return clean(rng, visits) + np.take_along_axis(in_order, places(rng, visits), axis=3)


def places(rng: np.random.Generator, visits: Visits) -> NDArray[np.intp]:
    """At which place of its round each case is visited: the lab's own orders, three hundred drawn for a chunk."""
    draw = random.Random(int(rng.integers(2**32)))
    drawn = [rounds.orders(visits.cases, visits.rounds, draw)[: visits.rounds] for _ in range(300)]
    inverse = np.argsort(np.array(drawn), axis=2)
    return inverse[rng.integers(len(inverse), size=(visits.runs, visits.blocks))]


def bursts(rng: np.random.Generator, visits: Visits, share: float) -> Logs:
    """A ``share`` of the samples, each on its own, is longer by 10 to 100 %."""
    longer = np.log1p(rng.uniform(*BURST, visits.shape))
    return clean(rng, visits) + np.where(rng.random(visits.shape) < share, longer, 0.0)


def layout(rng: np.random.Generator, visits: Visits, spread: float, apart: bool) -> Logs:
    """Each process is faster or slower throughout, by a standard deviation of ``spread``, anew in each block."""
    processes = visits.cases if apart else 1
    return clean(rng, visits) + rng.normal(0.0, spread, (visits.runs, visits.blocks, 1, processes))


def skew(rng: np.random.Generator, visits: Visits) -> Logs:
    """Exponential delays, three times as long for the case, each case's median time being 1 all the same."""
    scales = np.full(visits.cases, SKEW[0])
    scales[-1] = SKEW[1]
    return np.log1p(rng.exponential(1.0, visits.shape) * scales) - np.log1p(np.log(2.0) * scales)


def dependent(rng: np.random.Generator, visits: Visits) -> Logs:
    """What the method must not be given: the case's ratio wanders from block to block, each remembering the last."""
    wander = rng.normal(0.0, JITTER, (visits.runs, visits.blocks))
    for block in range(1, visits.blocks):
        wander[:, block] = DEPENDENCE * wander[:, block - 1] + np.sqrt(1 - DEPENDENCE**2) * wander[:, block]
    logs = clean(rng, visits)
    logs[:, :, :, -1] += wander[:, :, None]
    return logs


def drift(rng: np.random.Generator, visits: Visits) -> Logs:
    """Nor this: the case grows slower by DRIFT in the course of the run."""
    logs = clean(rng, visits)
    logs[:, :, :, -1] += np.linspace(-DRIFT / 2, DRIFT / 2, visits.blocks)[None, :, None]
    return logs


def percent(share: float) -> str:
    """A share as the names of the models spell it."""
    return f"{100 * share:.0f} %"


MODELS: Mapping[str, Model] = {
    "clean (layout 0 %)": Model(clean),
    **{f"walk of speed, τ = {tau:g} s": Model(partial(walk, tau=tau)) for tau in (0.1, 1.0, 10.0)},
    **{
        f"bursts in {percent(share)} of samples": Model(partial(bursts, share=share))
        for share in (0.01, 0.03, 0.1, 0.3)
    },
    **{
        f"layout {percent(spread)}, {'separate processes' if apart else 'one process'}": Model(
            partial(layout, spread=spread, apart=apart), apart
        )
        for spread in (0.02, 0.08)
        for apart in (False, True)
    },
    "layout 0 %, separate processes": Model(partial(layout, spread=0.0, apart=True), apart=True),
    "unequal skew": Model(skew, lopsided=True),
    "blocks that depend on each other": Model(dependent),
}
"""By name; the last is no noise but a broken assumption, there to show what happens then."""

DRIFTING = Model(drift)
"""Not among the models, since there is no one true ratio to cover."""
