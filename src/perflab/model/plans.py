"""How much is measured, and the settings that a design may depend on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What evidence makes a round contaminated: fractions of the round's wall time, summed over the cores."""

    steal: float = 0.05
    foreign_cpu: float = 0.20
    least_ns: int = 30_000_000
    """Kernel ticks are 10 ms: below three of them the evidence says nothing."""
    slowdown: float = 1.4
    """Beside a busy hardware thread Python code takes 1.6 to 1.9 times as long; a change of the clock takes less."""
    least_clean: int = 2
    """So many rounds of a visit without a slow core are enough to set those with one aside: it is there for a tenth of
    a second or for many, and moves a ratio by far more than rounds without it differ."""
    repeat: float = 0.25
    """At most this share of rounds is run again; if more are contaminated, the neighbour is constant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: declared looks (in blocks), least rounds, sample length, seconds for each unit of weight.

    A call that is short enough is repeated until a sample takes ``repeated_ns``, after one call that is not timed; and
    a group has more rounds than the least of them until it took ``visit_ns``. Many short rounds tell two cases apart
    better than few long ones, since what disturbs a machine lasts for milliseconds and meets both, and a median of
    many sheds what meets one. Measured with three cases of 1 ms on two shared cores: the ratio of two equal functions
    scattered by 1.2 % (median deviation of blocks) in six rounds of three calls, by 0.3 % in eighteen rounds of one.
    """

    name: str
    looks: tuple[int, ...]
    rounds: int
    sample_ns: int
    scale: float
    thresholds: Thresholds = Thresholds()
    visit_ns: int = 0

    @property
    def repeated_ns(self) -> int:
        """How long a sample of a repeated call is: a third of one that the plan sizes, since it can be as short."""
        return self.sample_ns // 3


PLANS: Mapping[str, Plan] = {
    "quick": Plan("quick", (6, 8, 12), 3, 12_000_000, 0.8, visit_ns=60_000_000),
    "default": Plan("default", (8, 12, 18, 24), 4, 15_000_000, 2.8, visit_ns=70_000_000),
    "full": Plan("full", (6, 8, 12, 18, 24, 36, 48), 8, 30_000_000, 20.0, visit_ns=400_000_000),
}


PARALLEL_NS = 40_000_000
"""Serial work that is split over workers takes at least this long.

A scheduler often wakes a second worker on the core of the first and moves it only after several ms: measured on two
cores, two nogil threads on 12 ms of work took 1.02 to 1.24 times their best (the median), on 40 ms 1.01 to 1.02 times.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a design may depend on; stored in the run's header, so that the same design can be made again.

    ``speeds`` maps "workload/implementation" to the ns per element measured at the start of the run.
    ``overrides`` are what ``--set`` said: workers, size, start_method.
    """

    plan: str = "default"
    cores: int = 2
    start_methods: tuple[str, ...] = ("fork", "spawn", "forkserver")
    default_start_method: str = "fork"
    speeds: tuple[tuple[str, float], ...] = ()
    overrides: tuple[tuple[str, tuple[int | str, ...]], ...] = ()
    python: tuple[int, ...] = tuple(sys.version_info[:2])
    """Major and minor version of the Python that measures; for a stored run, of the one that did."""

    def override(self, name: str) -> tuple[Any, ...]:
        """What ``--set name=…`` gave, or an empty tuple."""
        return dict(self.overrides).get(name, ())

    @property
    def workers(self) -> tuple[int, ...]:
        """The worker counts to sweep: powers of two up to the cores, and the cores."""
        powers = [2**k for k in range(self.cores.bit_length()) if 2**k <= self.cores]
        return self.override("workers") or tuple(sorted({*powers, self.cores}))

    @property
    def most_workers(self) -> int:
        """The worker count at which claims are judged."""
        return max(self.workers)

    @property
    def alone(self) -> bool:
        """Whether there is one core or one worker only, so that nothing can run in parallel."""
        return min(self.cores, self.most_workers) < 2

    @property
    def chosen_start_methods(self) -> tuple[str, ...]:
        """The platform's default first; quick adds spawn only, the other plans all there are."""
        wanted = self.override("start_method")
        if wanted:
            return wanted
        rest = ("spawn",) if self.plan == "quick" else self.start_methods
        return tuple(dict.fromkeys((self.default_start_method, *(m for m in rest if m in self.start_methods))))

    def size(self, workload: str, implementation: str, sample_ns: int = 0) -> int:
        """Elements that take one sample's time, to two digits: what ``--set size=N`` says, or by measured speed."""
        chosen = self.override("size")
        if chosen:
            return int(chosen[0])
        elements = (sample_ns or PLANS[self.plan].sample_ns) / dict(self.speeds).get(f"{workload}/{implementation}", 10)
        return max(2, int(float(f"{elements:.1e}")))

    def parallel_size(self, workload: str, implementation: str) -> int:
        """Elements whose serial work takes PARALLEL_NS or the plan's sample, whichever is longer."""
        return self.size(workload, implementation, max(PARALLEL_NS, PLANS[self.plan].sample_ns))

    def affordable_parallel_size(self, workload: str, implementation: str) -> int:
        """The same where the plan has the time for it; the quick one takes its own sample."""
        return (self.size if self.plan == "quick" else self.parallel_size)(workload, implementation)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON types."""
        return {
            "plan": self.plan,
            "cores": self.cores,
            "start_methods": list(self.start_methods),
            "default_start_method": self.default_start_method,
            "speeds": dict(self.speeds),
            "overrides": {name: list(values) for name, values in self.overrides},
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Settings:
        """The inverse of :meth:`to_json`."""
        return cls(
            plan=fields["plan"],
            cores=fields["cores"],
            start_methods=tuple(fields["start_methods"]),
            default_start_method=fields["default_start_method"],
            speeds=tuple(fields["speeds"].items()),
            overrides=tuple((name, tuple(values)) for name, values in fields["overrides"].items()),
        )
