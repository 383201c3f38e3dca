"""Carrying out blocks in the lab's parent: fresh hosts, one case active at a time, rounds, evidence, stopping."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from perflab import hosts, procfs
from perflab.clock import Clock, monotonic_ns, process_cpu_ns
from perflab.errors import CaseError
from perflab.model import (
    Arm,
    BlockRecord,
    Design,
    Experiment,
    Failure,
    Group,
    GroupRecord,
    Observation,
    Plan,
    RoundRecord,
)
from perflab.rounds import is_contaminated, orders, to_repeat, weigh

LEDGER_KEYS = ("samples", "host_start", "evidence", "idle")


@dataclass(slots=True)
class Bench:
    """What measuring needs: the shelter for hosts, the plan, whom to tell of each round, and a ledger of seconds."""

    place: hosts.Shelter
    plan: Plan
    on_round: Callable[[str], None] = lambda group: None
    clock: Clock = monotonic_ns
    ledger: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LEDGER_KEYS, 0.0))


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier blocks of the experiment settled: calibrated counts, and cases that failed."""

    counts: Mapping[str, int]
    failures: Mapping[str, Failure]


class _ArmFailed(Exception):
    """One arm cannot be measured in this block."""

    def __init__(self, arm: Arm, failure: Failure) -> None:
        super().__init__(failure.message)
        self.arm, self.failure = arm, failure


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
    deadline_ns: int,
) -> Iterator[BlockRecord]:
    """Blocks of one experiment from where ``done`` ends, until nothing is needed, the last look, or the deadline.

    ``needed`` says, at each declared look, which case ids are still to be measured. A block that would end after the
    deadline (by the mean of those before it) is not begun.
    """
    records = list(done)
    active = needed(records) if records else frozenset(case.id for case in design.cases)
    started, begun = bench.clock(), len(records)
    while len(records) < bench.plan.looks[-1] and active:
        index = len(records)
        mean = (bench.clock() - started) / max(1, index - begun)
        if bench.clock() + (mean if index > begun else 0) > deadline_ns:
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
    groups = []
    for group in _order_of_groups(design.groups, block_seed):
        arms = standing(group, active, known.failures)
        if arms:
            groups.append(measure_group(bench, experiment, replace(group, arms=arms), block_seed, known))
    spent = {name: bench.ledger[name] - before[name] for name in LEDGER_KEYS}
    wall = (bench.clock() - started) / 1e9
    spent["idle"] = max(0.0, wall - sum(spent.values()))
    bench.ledger["idle"] += spent["idle"]
    return BlockRecord(experiment.name, index, block_seed, tuple(groups), {**spent, "wall": wall})


def standing(group: Group, active: frozenset[str], failures: Mapping[str, Failure]) -> tuple[Arm, ...]:
    """The arms still to be measured: active, not failed, and with their controls, which are kept while any needs them."""
    alive = [arm for arm in group.arms if arm.case.id not in failures]
    wanted = [arm for arm in alive if arm.case.id in active]
    controls = {arm.control.id for arm in wanted if arm.control}
    return tuple(arm for arm in alive if arm in wanted or arm.case.id in controls)


def measure_group(bench: Bench, experiment: Experiment, group: Group, seed: int, known: Known) -> GroupRecord:
    """One group of one block; an arm that fails is dropped with its reason, and the others are measured afresh."""
    arms, failures = group.arms, dict[str, Failure]()
    while arms:
        try:
            record = _try_group(bench, experiment, replace(group, arms=arms), seed, known)
            return replace(record, failures=failures)
        except _ArmFailed as error:
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


def _try_group(bench: Bench, experiment: Experiment, group: Group, seed: int, known: Known) -> GroupRecord:
    _refuse_too_much_memory(group)
    rng = random.Random(f"{seed}/{group.name}")
    with _hosts_of(bench, group, seed) as housed:
        opening = list(group.arms)
        rng.shuffle(opening)
        once: dict[str, dict[str, Observation]] = {}
        counts: dict[str, int] = {}
        for arm in opening:
            count = known.counts.get(arm.case.id, 0) if group.per_case_count else 1
            answer = _ask(
                bench,
                housed,
                arm,
                op="open",
                experiment=experiment.name,
                case=arm.case.to_json(),
                count=count,
                per_case_count=group.per_case_count,
                sample_ns=bench.plan.sample_ns,
            )
            once[arm.case.id], counts[arm.case.id] = dict(answer["once"]), answer["count"]
        _note_memory(bench, housed, group.arms, once)
        rounds = _all_rounds(bench, housed, group, rng)
        facts = dict(housed[group.arms[0].host].facts)
        for arm in group.arms:
            answer = _ask(bench, housed, arm, op="close", case=arm.case.id)
            once[arm.case.id].update(answer["once"])
            _refuse_changed_facts(arm, facts, answer["facts"])
    return GroupRecord(group.name, tuple(rounds), once, counts if group.per_case_count else {}, facts=facts)


def _refuse_too_much_memory(group: Group) -> None:
    available = procfs.available_memory_bytes()
    needs = sum(arm.memory_bytes for arm in group.arms)
    if available is not None and needs > available / 2:
        largest = max(group.arms, key=lambda arm: arm.memory_bytes)
        found, half = f"{needs / 2**20:.0f} MiB", f"{available / 2**21:.0f} MiB"
        reason = f"its block would need {found}, more than half of the free memory ({half})"
        raise _ArmFailed(largest, Failure("refused", reason))


def _refuse_changed_facts(arm: Arm, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """The state asserted before the first case must hold after the last: a GIL that came back voids the case."""
    changed = [name for name in before if before[name] != after.get(name)]
    if changed:
        words = ", ".join(f"{name} was {before[name]} and became {after.get(name)}" for name in changed)
        raise _ArmFailed(arm, Failure("wrong", f"the interpreter changed while measuring: {words}"))


@contextmanager
def _hosts_of(bench: Bench, group: Group, seed: int) -> Iterator[dict[str, hosts.Host]]:
    """Fresh hosts for the arms of a group, by host name; all ended on the way out, whatever happened."""
    started, grace_s = bench.clock(), 1.0
    housed: dict[str, hosts.Host] = {}
    try:
        for name in dict.fromkeys(arm.host for arm in group.arms):
            housed[name] = hosts.start(bench.place, seed)
        for name, host in housed.items():
            try:
                hosts.greet(bench.place, host)
            except CaseError as error:
                arm = next(arm for arm in group.arms if arm.host == name)
                raise _ArmFailed(arm, Failure(error.kind, f"its host did not start: {error}", error.detail)) from None  # type: ignore[arg-type]
        bench.ledger["host_start"] += (bench.clock() - started) / 1e9
        yield housed
    except BaseException:
        grace_s = 0.0  # a hung host would not use it, and after a failure or Ctrl-C nothing in it is worth waiting for
        raise
    finally:
        started = bench.clock()
        for host in housed.values():
            hosts.dismiss(host)
        for host in housed.values():
            hosts.end(bench.place, host, grace_s)
        bench.ledger["host_start"] += (bench.clock() - started) / 1e9


def _ask(bench: Bench, housed: Mapping[str, hosts.Host], arm: Arm, **request: Any) -> dict[str, Any]:
    """Ask the arm's host; the seconds it says it spent are samples, the rest of the round trip is evidence."""
    started = bench.clock()
    try:
        answer = hosts.ask(bench.place, housed[arm.host], request)
    except CaseError as error:
        raise _ArmFailed(arm, Failure(error.kind, str(error), error.detail)) from None  # type: ignore[arg-type]
    spent = answer["spent_ns"] / 1e9
    bench.ledger["samples"] += spent
    bench.ledger["evidence"] += max(0.0, (bench.clock() - started) / 1e9 - spent)
    return answer


def _note_memory(
    bench: Bench, housed: Mapping[str, hosts.Host], arms: Sequence[Arm], once: dict[str, dict[str, Observation]]
) -> None:
    """PSS of each host's process tree, warm, outside the samples; arms of one host share its figure."""
    started = bench.clock()
    pss = {name: procfs.pss_bytes((host.pid, *procfs.descendants(host.pid))) for name, host in housed.items()}
    for arm in arms:
        found = pss[arm.host]
        if found is not None:
            once[arm.case.id]["pss_bytes"] = found
    bench.ledger["evidence"] += (bench.clock() - started) / 1e9


def _all_rounds(bench: Bench, housed: Mapping[str, hosts.Host], group: Group, rng: random.Random) -> list[RoundRecord]:
    thresholds = bench.plan.thresholds
    planned = orders(len(group.arms), max(bench.plan.rounds, group.rounds), rng)
    rounds = [_one_round(bench, housed, group, order) for order in planned]
    again = to_repeat([one.contaminated for one in rounds], thresholds)
    for index in again:
        fresh = _one_round(bench, housed, group, planned[index])
        rounds[index] = replace(rounds[index], replaced=True)
        rounds.append(fresh)
    return rounds


def _one_round(bench: Bench, housed: Mapping[str, hosts.Host], group: Group, order: Sequence[int]) -> RoundRecord:
    """One visit of each case, with the machine's evidence around it."""
    before = _machine(bench)
    samples: dict[str, Mapping[str, Observation]] = {}
    evidence: dict[str, float] = {}
    own_cpu = 0
    for index in order:
        arm = group.arms[index]
        answer = _ask(bench, housed, arm, op="sample", case=arm.case.id)
        samples[arm.case.id] = answer["values"]
        own_cpu += answer["evidence"].pop("cpu_ns")
        evidence |= {f"{name}:{arm.case.id}": value for name, value in answer["evidence"].items()}
    evidence |= weigh(before, _machine(bench), own_cpu)
    bench.on_round(group.name)
    ids = tuple(group.arms[index].case.id for index in order)
    return RoundRecord(samples, ids, evidence, is_contaminated(evidence, bench.plan.thresholds))


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


def _order_of_groups(groups: Sequence[Group], seed: int) -> list[Group]:
    """Groups in an order drawn for the block, so that none always follows the same one."""
    drawn = list(groups)
    random.Random(seed).shuffle(drawn)
    return drawn
