"""The cases of ``native-scaling``, and the sentences about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from perflab.model import Case, Claim, Clause, Estimand, Relation, Role

PARALLEL, CEILING = 1.2, 1.3
"""Above the first, threads run in parallel; below the second, this machine leaves nothing to gain."""

OF_CEILING, PRIVATE_OF_CEILING = 0.95, 0.97

SATURATED = 0.9
"""Less than a tenth lost counts as nothing lost."""

TWICE, TWINS, OF_CHAIN = 2.0, 0.01, 0.97

RELEASE_NS = 100.0

LEAST_MIB, MIB_A_WORKER = 128, 16
"""What is read from memory: several times the last-level cache of most machines, whose size grows with the cores."""

IN_CACHE_KIB, LONG_KIB = 512, 4096
OFTEN, SELDOM = 1000, 1_000_000


@dataclass(frozen=True, slots=True)
class Cells:
    """The cases that are done by one thread and by all."""

    arithmetic: Case
    ceiling: Case
    private: Case
    private_ceiling: Case
    loads: Case
    signature: Case
    padded: Case
    adjacent: Case
    atomic: Case
    often: Case
    seldom: Case


def cells_of(workers: int) -> Cells:
    """The cases at one worker count."""

    def many(work: str, implementation: str = "", **params: int) -> Case:
        return Case(work, implementation, "threads", workers, params=tuple(params.items()))

    private = many("private_sums", "nogil", kib=IN_CACHE_KIB)
    return Cells(
        arithmetic=many("arithmetic", "nogil"),
        ceiling=replace(many("arithmetic", "nogil"), strategy="processes"),
        private=private,
        private_ceiling=replace(private, strategy="processes"),
        loads=many("loads", "nogil", mib=max(LEAST_MIB, MIB_A_WORKER * workers)),
        signature=many("signature_only"),
        padded=many("padded_counters"),
        adjacent=many("adjacent_counters"),
        atomic=many("atomic_counter"),
        often=many("reacquire", every=OFTEN),
        seldom=many("reacquire", every=SELDOM),
    )


def _alone(work: str, implementation: str = "", **params: int) -> Case:
    return Case(work, implementation, "alone", params=tuple(params.items()))


GIL, NOGIL = "gil", "nogil"
CALCULATING = (_alone("arithmetic", GIL), _alone("arithmetic", NOGIL))
SUMMING = (_alone("sums", GIL, kib=LONG_KIB), _alone("sums", NOGIL, kib=LONG_KIB))
NOTHING = (_alone("nothing", GIL), _alone("nothing", NOGIL))
LOOP, CHAIN = _alone("range_sum", NOGIL), _alone("dependent_adds", NOGIL)


def claims(cells: Cells, alone: str) -> Iterator[Claim]:
    """All of them; ``alone`` says why those about several threads cannot be judged."""
    yield from _gains(cells, alone)
    yield from _counting(cells, alone)
    yield from _habits(cells, alone)
    yield from _one_thread()


def _ratio(
    case: Case, control: Case, quantity: str, relation: Relation, bound: float, label: str, role: Role = Role.DECIDES
) -> Clause:
    return Clause(case, quantity, Estimand.RATIO, relation, bound, control, role, label)


def _gain(case: Case, relation: Relation, bound: float, label: str, role: Role = Role.DECIDES) -> Clause:
    return Clause(case, "gain", Estimand.LEVEL, relation, bound, role=role, label=label)


def _room(cells: Cells) -> Clause:
    return _gain(cells.ceiling, Relation.ABOVE, CEILING, "independent processes", Role.PRECONDITION)


def _gains(cells: Cells, alone: str) -> Iterator[Claim]:
    workers, room = cells.arithmetic.workers, _room(cells)
    against = f"{workers} threads at once against one; the ceiling is {workers} processes that share nothing"
    yield Claim(
        "native-arithmetic",
        "Threads that only calculate, without the GIL, gain at least 95 % of what the machine can give",
        (_ratio(cells.arithmetic, cells.ceiling, "gain", Relation.ABOVE, OF_CEILING, "arithmetic on threads"), room),
        conditions=against,
        not_applicable=alone,
    )
    yield Claim(
        "native-private",
        "Threads that add up data of their own in their caches gain at least 97 % of what the machine can give",
        (
            _ratio(cells.private, cells.private_ceiling, "gain", Relation.ABOVE, PRIVATE_OF_CEILING, "private data"),
            room,
        ),
        conditions=(
            f"{IN_CACHE_KIB} KiB a thread, the GIL released once for some 2000 sums of them; {workers} threads at once "
            f"against one; the ceiling is {workers} processes that do the same and share nothing"
        ),
        not_applicable=alone,
    )
    yield Claim(
        "native-bandwidth",
        "Work that waits for memory gains less from all cores than arithmetic does",
        (_ratio(cells.loads, cells.arithmetic, "gain", Relation.BELOW, SATURATED, "reading memory"), room),
        conditions=f"at least a tenth less; {cells.loads.param('mib')} MiB read by one thread, or a part by each",
        not_applicable=alone,
    )


def _counting(cells: Cells, alone: str) -> Iterator[Claim]:
    workers = cells.atomic.workers
    apart = _gain(cells.padded, Relation.ABOVE, PARALLEL, "a counter each, far apart", Role.SUPPORTS)
    yield Claim(
        "native-atomic",
        "Threads that increment one counter atomically are slower together than one of them alone",
        (_gain(cells.atomic, Relation.BELOW, 1.0, "a shared atomic counter"), apart),
        conditions=f"{workers} threads without the GIL; counters of their own, far apart, do gain",
        not_applicable=alone,
    )
    slower = _ratio(cells.adjacent, cells.padded, "together_ns", Relation.ABOVE, TWICE, "counters in one cache line")
    yield Claim(
        "native-adjacent",
        "Counters of different threads in one cache line take at least twice as long as counters far apart",
        (slower, apart),
        conditions=f"plain increments by {workers} threads without the GIL, 8 or 128 bytes from counter to counter",
        not_applicable=alone,
    )


def _habits(cells: Cells, alone: str) -> Iterator[Claim]:
    room = _room(cells)
    yield Claim(
        "native-signature",
        "nogil in a function's signature releases nothing: threads that call it do not run in parallel",
        (
            _gain(cells.signature, Relation.BELOW, PARALLEL, "nogil in the signature only"),
            _gain(cells.arithmetic, Relation.ABOVE, PARALLEL, "under 'with nogil'", Role.SUPPORTS),
            room,
        ),
        conditions=f"{cells.signature.workers} threads at once against one, gaining less than {PARALLEL} times",
        not_applicable=alone,
    )
    yield Claim(
        "native-reacquire",
        "Threads that take the GIL back after every thousand additions do not run in parallel",
        (
            _gain(cells.often, Relation.BELOW, PARALLEL, "every thousand additions"),
            _gain(cells.seldom, Relation.ABOVE, PARALLEL, "every million additions", Role.SUPPORTS),
            room,
        ),
        conditions=f"some 0.3 µs between two times, {cells.often.workers} threads at once against one",
        not_applicable=alone,
    )


def _one_thread() -> Iterator[Claim]:
    def same(twins: tuple[Case, Case], label: str) -> Clause:
        return _ratio(twins[1], twins[0], "alone_ns", Relation.WITHIN, TWINS, label)

    yield Claim(
        "native-twins",
        "Releasing the GIL for a long call costs one thread nothing",
        (same(CALCULATING, "calls of arithmetic"), same(SUMMING, f"sums of {LONG_KIB // 1024} MiB")),
        conditions="within 1 %: calls of some 3 ms, and of some 40 µs, that nobody else waits for",
    )
    yield Claim(
        "native-release",
        "Releasing the GIL and taking it back costs less than 0.1 µs when nobody else wants it",
        (
            Clause(
                NOTHING[1],
                "alone_ns",
                Estimand.DIFFERENCE,
                Relation.BELOW,
                RELEASE_NS,
                NOTHING[0],
                label="a call that does nothing",
            ),
        ),
        conditions="one thread, a call that releases it against one that does not",
    )
    yield Claim(
        "native-range-sum",
        "The loop behind the sums over ranges does its additions at 97 % of the speed of a bare chain of them",
        (_ratio(LOOP, CHAIN, "speed", Relation.ABOVE, OF_CHAIN, "the loop"),),
        conditions="one addition a turn that waits for the one before, against 16 a turn with nothing beside them",
    )
