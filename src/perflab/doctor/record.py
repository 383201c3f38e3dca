"""The nouns of an examination: what was gathered of a machine, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perflab.model import Word


class Level(Word):
    """How much a finding matters to a measurement."""

    FINE = "fine"
    """Known, and no disturbance."""
    NOTE = "note"
    """Something to know when reading numbers; also what the system does not tell."""
    WARNING = "warning"
    """Numbers measured like this are wrong, or lie too far apart to tell anything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the machine: what was found, what it does to numbers, what to do about it."""

    name: str
    level: Level
    found: str
    effect: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Passed:
    """What passed while the machine was watched; None for what the system does not count."""

    wall_ns: int = 0
    steal_ns: int | None = None
    foreign_ns: int | None = None
    """Busy time of all cores that was not this process's."""
    throttled_us: int | None = None
    swapped_pages: int | None = None
    busiest: tuple[tuple[str, int], ...] = ()
    """Names of other processes with the CPU time they used, in ns, the busiest first; equal names are summed."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was gathered of a machine. The defaults are a system that tells nothing: unknown is None, or empty.

    ``container`` and ``hypervisor`` are "" where it is known that there is none to be seen.
    """

    passed: Passed = Passed()
    cores: Mapping[str, int | float | None] = field(default_factory=dict)
    siblings: tuple[frozenset[int], ...] = ()
    """For each usable CPU, the CPUs (itself included) that share its core."""
    governors: frozenset[str] = frozenset()
    scaling_driver: str | None = None
    turbo: bool | None = None
    clock_step_ns: int | None = None
    """The least step that was seen between two readings of the lab's clock, or what the system says of it."""
    clock_cost_ns: float | None = None
    clock_source: str | None = None
    steal_since_boot_ns: int | None = None
    load_average: float | None = None
    lock_held: bool | None = None
    pressure: Mapping[str, float] = field(default_factory=dict)
    """Percent of the last 10 s in which some task waited, by resource."""
    throttled_us: int | None = None
    slowdowns: tuple[float, ...] | None = None
    """How many times its best the slowest core's loop took, look by look; empty where there was no reason to look."""
    hypervisor: str | None = None
    container: str | None = None
    huge_pages: str | None = None
    aslr: int | None = None
    fixed_layout: bool | None = None
    """Whether this process was told to give up the randomisation that the system offers."""
    swap_bytes: int | None = None
    swap_used_bytes: int | None = None
    free_bytes: int | None = None
    shared_free_bytes: int | None = None
    gil: Mapping[str, bool] = field(default_factory=dict)
    build: Mapping[str, bool] = field(default_factory=dict)
    optimisation: str | None = None
    """The last -O of the compiler's flags."""
    blas_threads: Mapping[str, str] | None = None
    """Variables that are set; None where the environment was not looked at."""


NOTHING = "nothing to do"


def fine(name: str, found: str, effect: str, remedy: str = NOTHING) -> Finding:
    """A finding that disturbs nothing."""
    return Finding(name, Level.FINE, found, effect, remedy)


def note(name: str, found: str, effect: str, remedy: str) -> Finding:
    """A finding to bear in mind."""
    return Finding(name, Level.NOTE, found, effect, remedy)


def warning(name: str, found: str, effect: str, remedy: str) -> Finding:
    """A finding that spoils numbers."""
    return Finding(name, Level.WARNING, found, effect, remedy)


def unknown(name: str, what: str, effect: str, remedy: str) -> Finding:
    """What the system does not tell is a note: neither a fault nor an acquittal."""
    return note(name, f"unknown: this system does not tell {what}", effect, remedy)
