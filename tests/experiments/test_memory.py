"""memory: real children with real pages, and verdicts on both sides of each bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claims_support import design_of, verdicts
from sharing_support import observe

from perflab.errors import CaseError, WrongAnswer
from perflab.experiments import _parents
from perflab.experiments._parents import ACTIONS, MIB, Action, Parent
from perflab.model import Case, Observation, Settings, Verdict
from perflab.registry import find

CONFIRMED, REFUTED, UNRESOLVED = Verdict.CONFIRMED, Verdict.REFUTED, Verdict.UNRESOLVED
CASES = design_of("memory").cases
CHILDREN = {
    (case.param("child"), case.param("frozen") == "yes"): case for case in CASES if case.param("child") in ACTIONS
}
TINY_MIB = 4
PROMISED = {"ends": {"fork_ns"}, "waits": {"added_bytes"}}


def tiny(case: Case) -> Case:
    """The same with a smaller parent."""
    return replace(case, params=tuple({**dict(case.params), "parent": f"{TINY_MIB} MiB"}.items()))


@pytest.fixture(scope="module")
def observed() -> dict[str, dict[str, Observation]]:
    """Every case once, all of one small parent; nothing is left behind."""
    return observe("memory", tuple(dict.fromkeys(tiny(case) for case in CASES)))


def test_each_case_has_what_it_promises(observed: dict[str, dict[str, Observation]]) -> None:
    """A child has bytes and a share, one more has bytes, a fork has a time: all of them numbers above zero."""
    assert len(observed) == 7 + 1 + 4
    for case in CASES:
        seen = observed[tiny(case).id]
        assert set(seen) == PROMISED.get(str(case.param("child")), {"private_dirty_bytes", "private_share"}), case
        assert all(value > 0 for value in seen.values()), case  # type: ignore[operator]


def test_a_child_that_writes_has_the_pages_it_wrote(observed: dict[str, dict[str, Observation]]) -> None:
    """Pages that were written count as the child's own, pages that were read do not: the meter sees a copy."""
    own = {
        doing: float(observed[tiny(case).id]["private_dirty_bytes"])
        for (doing, kept), case in CHILDREN.items()
        if not kept
    }
    assert own["write"] - own["idle"] > 0.9 * TINY_MIB * MIB / 2
    assert own["read"] - own["idle"] < 0.1 * TINY_MIB * MIB / 2


def test_one_more_spawned_process_takes_more_than_a_thread(observed: dict[str, dict[str, Observation]]) -> None:
    """An interpreter of its own is more than a stack."""
    added = {
        case.start_method: float(observed[tiny(case).id]["added_bytes"])
        for case in CASES
        if case.param("child") == "waits"
    }
    assert set(added) == {"", "fork", "spawn", "forkserver"}
    assert added["spawn"] > 3 * added[""]


@pytest.mark.parametrize(
    "action", [Action(lambda parent: 1, lambda parent: 2), Action(lambda parent: 1 // 0, lambda parent: 1)]
)
def test_a_child_that_answers_wrongly_or_not_at_all_is_a_wrong_answer(action: Action) -> None:
    """What it did is not what was asked: its memory says nothing."""
    with pytest.raises(WrongAnswer, match="the child answered"):
        _parents.forked_bytes(Parent(bytearray(8), []), action)


def test_children_that_never_begin_are_a_failed_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are waited for within a limit, and let go."""
    monkeypatch.setattr(_parents, "LIMIT_S", 0.05)
    monkeypatch.setattr(_parents, "WAITING", "pass")
    with pytest.raises(CaseError, match="0 of 1 children began"):
        _parents.added_bytes(_parents.thread, 2)


def test_actions_answer_for_what_they_touched() -> None:
    """Every byte, page and object is accounted for."""
    parent = _parents.parent_of(1)
    assert len(parent.array) == MIB // 2 and len(parent.objects) == MIB // 2 // _parents.OBJECT_BYTES
    for action in ACTIONS.values():
        assert action.act(parent) == action.answer(parent)
        parent.array[:] = b"\1" * len(parent.array)


def children(share: float = 0.01, **mebibytes: float | list[float]) -> dict[tuple[Case, str], float | list[float]]:
    """What children are said to have of their own; "frozen_collect" is the one whose parent froze."""
    found: dict[tuple[Case, str], float | list[float]] = {}
    for name, size in mebibytes.items():
        doing = (name.removeprefix("frozen_"), name.startswith("frozen_"))
        each = [one * MIB for one in size] if isinstance(size, list) else size * MIB
        found[CHILDREN[doing], "private_dirty_bytes"] = each
    return found | {(CHILDREN["idle", False], "private_share"): share}


USUAL = {
    "idle": 1.0,
    "read": 1.0,
    "write": 33.0,
    "iterate": 30.0,
    "collect": 30.0,
    "frozen_collect": 1.5,
    "frozen_iterate": 30.0,
}
ASTRIDE = [10.0, 25.0] * 3


@pytest.mark.parametrize(
    ("claim", "share", "changed", "verdict"),
    [
        ("S09", 0.01, {}, REFUTED),
        ("S09", 0.95, {}, CONFIRMED),
        ("S09", 0.95, {"write": 10.0}, UNRESOLVED),
        ("S09", 0.01, {"write": 10.0}, UNRESOLVED),
        ("S09-read", 0.01, {}, CONFIRMED),
        ("S09-read", 0.01, {"read": 5.0}, REFUTED),
        ("S09-objects", 0.01, {}, CONFIRMED),
        ("S09-objects", 0.01, {"iterate": 2.0}, REFUTED),
        ("S09-objects", 0.01, {"iterate": ASTRIDE}, UNRESOLVED),
        ("S09-objects", 0.01, {"read": 30.0}, UNRESOLVED),
        ("S09-collect", 0.01, {}, CONFIRMED),
        ("S09-collect", 0.01, {"collect": 16.9}, REFUTED),
        ("S09-freeze", 0.01, {}, CONFIRMED),
        ("S09-freeze", 0.01, {"frozen_collect": 3.0}, REFUTED),
        ("S09-freeze", 0.01, {"collect": 2.0}, UNRESOLVED),
    ],
)
def test_children_are_judged_against_an_idle_one(claim: str, share: float, changed: dict, verdict: Verdict) -> None:
    """Half of the memory in question is a copy, a twentieth is none; a meter that sees no copy decides nothing."""
    assert verdicts("memory", children(share, **{**USUAL, **changed}))[claim].verdict is verdict


def added(thread: float, **processes: float) -> dict[tuple[Case, str], float]:
    waiting = {case.start_method: case for case in CASES if case.param("child") == "waits"}
    return {
        (waiting[""], "added_bytes"): thread,
        **{(waiting[name], "added_bytes"): v for name, v in processes.items()},
    }


@pytest.mark.parametrize(("fork", "verdict"), [(1100.0, CONFIRMED), (900.0, REFUTED)])
def test_processes_are_heavy_from_ten_times_a_thread_on(fork: float, verdict: Verdict) -> None:
    """Every start method must be; one that is not refutes."""
    seen = added(100.0, fork=fork, spawn=9000.0, forkserver=5000.0)
    assert verdicts("memory", seen)["S08-memory"].verdict is verdict


@pytest.mark.parametrize(("large", "verdict"), [(2.0, CONFIRMED), (1.1, REFUTED)])
def test_a_fork_grows_when_it_takes_a_fifth_longer(large: float, verdict: Verdict) -> None:
    """Ten percent may be two processes that differ."""
    small, big = (case for case in CASES if case.param("child") == "ends")
    seen = {(small, "fork_ns"): 1e6, (big, "fork_ns"): large * 1e6}
    assert verdicts("memory", seen)["S09-time"].verdict is verdict


def test_without_fork_there_is_nothing_to_copy() -> None:
    """Where the platform or the user offers none, its claims do not apply, and no case forks."""
    design = find("experiment", "memory").design(Settings(start_methods=("spawn",), default_start_method="spawn"))
    assert {case.start_method for case in design.cases} == {"", "spawn"}
    reasons = {claim.id: claim.not_applicable for claim in design.claims}
    assert all(reasons[name] for name in reasons if name.startswith("S09")) and not reasons["S08-memory"]


@pytest.mark.parametrize("plan", ["quick", "default", "full"])
def test_parents_stay_below_the_memory_that_was_promised(plan: str) -> None:
    """All parents of a plan and the largest copy together stay below 1.5 GB."""
    design = design_of("memory", plan)
    largest = {arm.host: int(str(arm.case.param("parent")).split()[0]) for group in design.groups for arm in group.arms}
    copies = max(arm.memory_bytes for arm in design.groups[0].arms[1:])
    assert sum(largest.values()) * MIB + copies < 1.5e9
