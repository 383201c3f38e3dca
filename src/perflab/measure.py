"""Carrying out blocks in the lab's parent: fresh hosts, one case active at a time, rounds, evidence, stopping."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from perflab import hosts, procfs
from perflab.clock import process_cpu_ns
from perflab.household import (
    LEDGER_KEYS,
    ArmFailed,
    Bench,
    Household,
    ask,
    close_cases,
    household,
    open_case,
    pss_of,
    start_missing,
    vacate,
)
from perflab.model import (
    Arm,
    BlockRecord,
    Design,
    Experiment,
    Failure,
    Group,
    GroupRecord,
    Observation,
    RoundRecord,
)
from perflab.rounds import is_contaminated, orders, to_repeat, to_set_aside, weigh

MOST_ROUNDS = 20
"""Beyond so many a median of rounds gains little, while starting fresh hosts costs the same."""

WINDOW_NS = 60_000_000
"""Kernel ticks are 10 ms: the evidence of a shorter time says nothing, so that short rounds share it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier blocks of the experiment settled: calibrated counts, and cases that failed."""

    counts: Mapping[str, int]
    failures: Mapping[str, Failure]


def known_from(blocks: Sequence[BlockRecord]) -> Known:
    """Gather counts and failures from finished blocks; the first count of a case stays."""
    counts: dict[str, int] = {}
    failures: dict[str, Failure] = {}
    for block in blocks:
        for group in block.groups:
            counts = {**group.counts, **counts}
            failures.update(group.failures)
    return Known(counts, failures)


def blocks(
    bench: Bench,
    experiment: Experiment,
    design: Design,
    seed: int,
    done: Sequence[BlockRecord],
    needed: Callable[[Sequence[BlockRecord]], frozenset[str]],
    until: int,
    end_ns: int,
) -> Iterator[BlockRecord]:
    """Blocks of one experiment from where ``done`` ends, until there are ``until``, nothing is needed, or time is up.

    ``needed`` says, at each declared look, which case ids are still to be measured. A block that would end after
    ``end_ns`` (by the mean of those before it) is not begun, but for the first of all.
    """
    records = list(done)
    active = needed(records) if records else frozenset(case.id for case in design.cases)
    started, begun = bench.clock(), len(records)
    while len(records) < min(until, bench.plan.looks[-1]) and active:
        index = len(records)
        mean = (bench.clock() - started) / (index - begun) if index > begun else 0
        if bench.clock() + mean > end_ns and index:  # one block there is in any case: it shows what fails
            return
        record = one_block(bench, experiment, design, index, seed, known_from(records), active)
        records.append(record)
        yield record
        if len(records) in bench.plan.looks:
            active = needed(records)
        active -= set(known_from(records).failures)


def one_block(
    bench: Bench, experiment: Experiment, design: Design, index: int, seed: int, known: Known, active: frozenset[str]
) -> BlockRecord:
    """One block: each group with an active case is visited once, in fresh hosts that share one hash seed."""
    before, started = dict(bench.ledger), bench.clock()
    block_seed = random.Random(f"{seed}/{experiment.name}/{index}").randrange(1, 2**32)
    drawn = [replace(group, arms=standing(group, active, known.failures)) for group in design.groups]
    groups = [group for group in drawn if group.arms]
    random.Random(block_seed).shuffle(groups)  # so that none always follows the same one
    with household(bench, block_seed) as house:
        records = [
            measure_group(
                house, experiment, group, known, frozenset(arm.host for one in groups[n:] for arm in one.arms)
            )
            for n, group in enumerate(groups, 1)
        ]
    spent = {name: bench.ledger[name] - before[name] for name in LEDGER_KEYS}
    wall = (bench.clock() - started) / 1e9
    spent["idle"] = max(0.0, wall - sum(spent.values()))
    bench.ledger["idle"] += spent["idle"]
    return BlockRecord(experiment.name, index, block_seed, tuple(records), spent)


def standing(group: Group, active: frozenset[str], failures: Mapping[str, Failure]) -> tuple[Arm, ...]:
    """The arms still to be measured: active, not failed, and the controls that any of these needs."""
    alive = [arm for arm in group.arms if arm.case.id not in failures]
    wanted = [arm for arm in alive if arm.case.id in active]
    controls = {arm.control.id for arm in wanted if arm.control}
    return tuple(arm for arm in alive if arm in wanted or arm.case.id in controls)


def measure_group(
    house: Household, experiment: Experiment, group: Group, known: Known, later: frozenset[str]
) -> GroupRecord:
    """One group of one block; an arm that fails is dropped with its reason, and the others are measured afresh.

    ``later`` are the hosts that groups to come will use: they stay, with what they have open.
    """
    arms, failures = group.arms, dict[str, Failure]()
    while arms:
        try:
            record = _try_group(house, experiment, replace(group, arms=arms), known, later)
            return replace(record, failures=failures)
        except ArmFailed as error:
            vacate(house, {arm.host for arm in arms}, grace_s=0)
            failures.update(lost_with(error.arm, error.failure, arms))
            arms = tuple(arm for arm in arms if arm.case.id not in failures)
    return GroupRecord(group.name, failures=failures)


def lost_with(arm: Arm, failure: Failure, arms: Sequence[Arm]) -> dict[str, Failure]:
    """The failed arm, and those that have nothing left to be compared with."""
    lost = {arm.case.id: failure}
    for other in arms:
        if other.control == arm.case and other.case != arm.case:
            lost[other.case.id] = Failure("refused", f"its control {arm.case.id} failed: {failure.message}")
    return lost


def _try_group(
    house: Household, experiment: Experiment, group: Group, known: Known, later: frozenset[str]
) -> GroupRecord:
    _refuse_too_much_memory(group)
    rng = random.Random(f"{house.seed}/{group.name}")
    start_missing(house, group.arms)
    once: dict[str, dict[str, Observation]] = {}
    counts: dict[str, int] = {}
    for arm in rng.sample(group.arms, len(group.arms)):
        if arm.case.id not in house.opened:
            count = known.counts.get(arm.case.id, 0) if group.per_case_count else 1
            answer = open_case(house, experiment, arm, group, count)
            once[arm.case.id], counts[arm.case.id] = dict(answer["once"]), answer["count"]
    for case_id, found in pss_of(house, group.arms).items():
        once.setdefault(case_id, {})["pss_bytes"] = found
    rounds = [] if group.single else _all_rounds(house, group, rng)
    leaving = {arm.host for arm in group.arms} - later
    facts = dict(house.hosts[group.arms[0].host].facts)
    for case_id, closed in close_cases(house, leaving).items():
        once.setdefault(case_id, {}).update(closed)
    vacate(house, leaving)
    return GroupRecord(group.name, tuple(rounds), once, counts if group.per_case_count else {}, facts=facts)


def _refuse_too_much_memory(group: Group) -> None:
    available = procfs.available_memory_bytes()
    needs = sum(arm.memory_bytes for arm in group.arms)
    if available is not None and needs > available / 2:
        largest = max(group.arms, key=lambda arm: arm.memory_bytes)
        found, half = f"{needs / 2**20:.0f} MiB", f"{available / 2**21:.0f} MiB"
        reason = f"its block would need {found}, more than half of the free memory ({half})"
        raise ArmFailed(largest, Failure("refused", reason))


def _all_rounds(house: Household, group: Group, rng: random.Random) -> list[RoundRecord]:
    rounds = list(_in_windows(house, group, _orders(house, group, rng)))
    again = to_repeat([one.contaminated for one in rounds], house.bench.plan.thresholds)
    fresh = list(_in_windows(house, group, (_order_of(rounds[index], group) for index in again)))
    every = [*(replace(one, replaced=index in again) for index, one in enumerate(rounds)), *fresh]
    aside = to_set_aside([None if one.replaced else one.evidence for one in every], house.bench.plan.thresholds)
    return [replace(one, replaced=True) if index in aside else one for index, one in enumerate(every)]


def _orders(house: Household, group: Group, rng: random.Random) -> Iterator[tuple[int, ...]]:
    """Whole Latin squares until there are rounds enough and the group had its time, or MOST_ROUNDS."""
    plan, started, drawn = house.bench.plan, house.bench.clock(), 0
    least = max(plan.rounds, group.rounds)
    while drawn < least or (drawn < MOST_ROUNDS and house.bench.clock() - started < plan.visit_ns):
        square = orders(len(group.arms), 1, rng)
        drawn += len(square)
        yield from square


def _order_of(record: RoundRecord, group: Group) -> tuple[int, ...]:
    places = {arm.case.id: index for index, arm in enumerate(group.arms)}
    return tuple(places[case_id] for case_id in record.order)


def _in_windows(house: Household, group: Group, planned: Iterator[tuple[int, ...]]) -> Iterator[RoundRecord]:
    """The rounds, judged by what the machine says of the window they lie in: a short round is below its ticks."""
    bench = house.bench
    looks = Looks(bench)
    for first in planned:
        before, window, own_cpu = _machine(bench), list[RoundRecord](), 0
        order: tuple[int, ...] | None = first
        while order is not None:
            record, used = _one_round(house, group, order, looks)
            window, own_cpu = [*window, record], own_cpu + used
            order = next(planned, None) if bench.clock() - before["wall_ns"] < WINDOW_NS else None
        passed = weigh(before, _machine(bench), own_cpu)
        passed |= looks.since_last()
        dirty = is_contaminated(passed, bench.plan.thresholds)
        yield from (replace(one, evidence={**one.evidence, **passed}, contaminated=dirty) for one in window)


def _one_round(house: Household, group: Group, order: Sequence[int], looks: Looks) -> tuple[RoundRecord, int]:
    """One visit of each case; and the CPU ns that these took."""
    samples: dict[str, Mapping[str, Observation]] = {}
    evidence: dict[str, float] = {}
    own_cpu = 0
    for index in order:
        arm = group.arms[index]
        looks.when_due()
        answer = ask(house, arm, op="sample", case=arm.case.id)
        samples[arm.case.id] = answer["values"]
        own_cpu += answer["evidence"].pop("cpu_ns")
        evidence |= {f"{name}:{arm.case.id}": value for name, value in answer["evidence"].items()}
    house.bench.on_round(group.name)
    return RoundRecord(samples, tuple(group.arms[index].case.id for index in order), evidence), own_cpu


class Looks:
    """Looks at the speed of the cores: at both ends of each window, and between samples where it is a long one."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._found = bench, list[float]()
        self._look()

    def when_due(self) -> None:
        """Look, if the last time is longer ago than a window lasts."""
        if self._bench.clock() - self._at > WINDOW_NS:
            self._look()

    def since_last(self) -> dict[str, float]:
        """What the window that ends now has to tell; its last look is the first of the next."""
        self._look()
        found, self._found = self._found, self._found[-1:]
        return {"slowdown": max(found)} if found else {}

    def _look(self) -> None:
        with self._bench.booked("evidence"):
            slowdown = self._bench.core_speed.slowdown()
        if slowdown is not None:
            self._found.append(slowdown)
        self._at = self._bench.clock()


def _machine(bench: Bench) -> dict[str, float]:
    """What the machine says of itself now: running totals in ns (µs for PSI and throttling), those it tells."""
    started = bench.clock()
    totals = {
        "wall_ns": started,
        "lab_ns": process_cpu_ns(),
        "busy_ns": procfs.busy_ns(),
        "steal_ns": procfs.steal_ns(),
        "psi_us": procfs.psi_cpu_us(),
        "throttled_us": procfs.throttled_us(),
    }
    bench.ledger["evidence"] += (bench.clock() - started) / 1e9
    return {name: value for name, value in totals.items() if value is not None}


def speeds(bench: Bench, wanted: Sequence[str]) -> dict[str, float]:
    """ns per element of each "workload/implementation", measured once in one host before designs are made."""
    started = bench.clock()
    host = hosts.start(bench.place, 0)
    try:
        hosts.greet(bench.place, host)
        found = {}
        for pair in wanted:
            workload, implementation = pair.split("/")
            request = {"op": "speed", "workload": workload, "implementation": implementation}
            answer = hosts.ask(bench.place, host, {**request, "sample_ns": 3_000_000, "most": 100_000_000})
            found[pair] = answer["ns_per_element"]
        return found
    finally:
        hosts.end(bench.place, host)
        bench.ledger["host_start"] += (bench.clock() - started) / 1e9
