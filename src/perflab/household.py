"""The hosts of one block: started when first needed, kept while a later group uses them, ended in any case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from perflab import hosts, procfs
from perflab.clock import Clock, monotonic_ns
from perflab.corespeed import CoreSpeed
from perflab.errors import CaseError
from perflab.model import Arm, Experiment, Failure, Group, Observation, Plan

LEDGER_KEYS = ("samples", "host_start", "evidence", "idle")


@dataclass(slots=True)
class Bench:
    """What measuring needs: the shelter for hosts, the plan, whom to tell of each round, and a ledger of seconds."""

    place: hosts.Shelter
    plan: Plan
    on_round: Callable[[str], None] = lambda group: None
    clock: Clock = monotonic_ns
    ledger: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LEDGER_KEYS, 0.0))
    paths: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Folders by host name that its cases import from, before all others."""
    core_speed: CoreSpeed = field(default_factory=CoreSpeed)

    @contextmanager
    def booked(self, kind: str) -> Iterator[None]:
        """Book the seconds of the body under ``kind``."""
        started = self.clock()
        try:
            yield
        finally:
            self.ledger[kind] += (self.clock() - started) / 1e9


@dataclass(slots=True)
class Household:
    """Living hosts by name, and the arms whose cases are open in them by case id."""

    bench: Bench
    seed: int
    hosts: dict[str, hosts.Host] = field(default_factory=dict)
    opened: dict[str, Arm] = field(default_factory=dict)


class ArmFailed(Exception):
    """One arm cannot be measured in this block."""

    def __init__(self, arm: Arm, failure: Failure) -> None:
        super().__init__(failure.message)
        self.arm, self.failure = arm, failure


@contextmanager
def household(bench: Bench, seed: int) -> Iterator[Household]:
    """An empty household; whatever lives in it at the end is ended, after an error without waiting."""
    house = Household(bench, seed)
    try:
        yield house
    finally:
        vacate(house, set(house.hosts), grace_s=0)


def start_missing(house: Household, arms: Sequence[Arm]) -> None:
    """Start the hosts of ``arms`` that do not live yet, all at once, and wait until they are ready."""
    with house.bench.booked("host_start"):
        missing = {arm.host: arm for arm in reversed(arms) if arm.host not in house.hosts}
        for name in missing:
            house.hosts[name] = hosts.start(house.bench.place, house.seed)
        for name, arm in missing.items():
            try:
                hosts.greet(house.bench.place, house.hosts[name])
            except CaseError as error:
                raise ArmFailed(arm, _failure(error, "its host did not start: ")) from None


def open_case(house: Household, experiment: Experiment, arm: Arm, group: Group, count: int) -> dict[str, Any]:
    """Open a case in its host: set up, first correct result, and, for a count of 0, calibration."""
    answer = ask(
        house,
        arm,
        op="open",
        experiment=experiment.name,
        case=arm.case.to_json(),
        count=count,
        per_case_count=group.per_case_count,
        single=group.single,
        sample_ns=house.bench.plan.repeated_ns,
        paths=list(house.bench.paths.get(arm.host, ())),
    )
    house.opened[arm.case.id] = arm
    return answer


def close_cases(house: Household, names: set[str]) -> dict[str, dict[str, Observation]]:
    """Close all cases of the hosts named; what each observed on closing, by case id."""
    closed = {}
    for case_id, arm in list(house.opened.items()):
        if arm.host in names:
            del house.opened[case_id]
            answer = ask(house, arm, op="close", case=case_id)
            closed[case_id] = dict(answer["once"])
            _refuse_changed_facts(arm, house.hosts[arm.host].facts, answer["facts"])
    return closed


def vacate(house: Household, names: set[str], grace_s: float = 1.0) -> None:
    """End the hosts named, all at once; after a failure nothing in them is worth waiting for."""
    with house.bench.booked("host_start"):
        leaving = [house.hosts.pop(name) for name in list(house.hosts) if name in names]
        house.opened = {case_id: arm for case_id, arm in house.opened.items() if arm.host not in names}
        for host in leaving:
            hosts.dismiss(host)
        for host in leaving:
            hosts.end(house.bench.place, host, grace_s)


def ask(house: Household, arm: Arm, **request: Any) -> dict[str, Any]:
    """Ask the arm's host; the seconds it says it spent are samples, the rest of the round trip is evidence."""
    bench = house.bench
    started = bench.clock()
    try:
        answer = hosts.ask(bench.place, house.hosts[arm.host], request)
    except CaseError as error:
        raise ArmFailed(arm, _failure(error)) from None
    spent = answer["spent_ns"] / 1e9
    bench.ledger["samples"] += spent
    bench.ledger["evidence"] += max(0.0, (bench.clock() - started) / 1e9 - spent)
    return answer


def pss_of(house: Household, arms: Sequence[Arm]) -> dict[str, int]:
    """PSS of each arm's process tree, warm, outside the samples; arms of one host share its figure."""
    with house.bench.booked("evidence"):
        trees = {name: (house.hosts[name].pid, *procfs.descendants(house.hosts[name].pid)) for name in _names(arms)}
        found = {name: procfs.pss_bytes(tree) for name, tree in trees.items()}
    return {arm.case.id: pss for arm in arms if (pss := found[arm.host]) is not None}


def _names(arms: Sequence[Arm]) -> list[str]:
    return list(dict.fromkeys(arm.host for arm in arms))


_FOLDERS = re.compile(r"(?<![\w.~])/(?:[^\s/\"',:;()<>]+/)+")


def without_folders(text: str) -> str:
    """The text with only the last part of each absolute path: a stored run tells nobody whose machine it was."""
    return _FOLDERS.sub("…/", text)


def _failure(error: CaseError, what: str = "") -> Failure:
    return Failure(error.kind, without_folders(f"{what}{error}"), without_folders(error.detail))


def _refuse_changed_facts(arm: Arm, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """The state asserted before the first case must hold after the last: a GIL that came back voids the case."""
    changed = [name for name in before if before[name] != after.get(name)]
    if changed:
        words = ", ".join(f"{name} was {before[name]} and became {after.get(name)}" for name in changed)
        raise ArmFailed(arm, Failure("wrong", f"the interpreter changed while measuring: {words}"))
