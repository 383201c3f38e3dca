"""How fast each core runs: against its own best, in CPU time, and only where nothing else could tell."""

from __future__ import annotations

import os

import pytest

from perflab import corespeed, rounds
from perflab.corespeed import CoreSpeed
from perflab.model import BlockRecord, GroupRecord, RoundRecord, Thresholds
from perflab.testing import scripted_run
from perflab.verdict.caveats import caveats


def scripted(**series: list[int]) -> CoreSpeed:
    """Cores 0, 1, … whose loops take so many ns, look after look."""
    left = [iter(times) for times in series.values()]
    return CoreSpeed(tuple(range(len(left))), lambda core: next(left[core]))


def test_a_core_is_compared_with_its_own_shortest_loop():
    """Cores may differ; what counts is how much slower one of them is than it was."""
    speed = scripted(one=[100, 190, 100, 80], other=[300, 300, 330, 300])
    assert [speed.slowdown() for _ in range(4)] == [1.0, 1.9, 1.1, 1.0]
    assert speed.shortest == {0: 80, 1: 300}


def test_a_slow_beginning_is_known_from_the_first_faster_loop_on():
    """Nothing better was seen before: the first look cannot tell."""
    speed = scripted(one=[180, 100, 180])
    assert [speed.slowdown() for _ in range(3)] == [1.0, 1.0, 1.8]


@pytest.mark.parametrize("facts", [{}, {"hypervisor": None}])
def test_hardware_that_the_system_sees_whole_is_not_looked_at(facts):
    """There a neighbour on the other hardware thread is in the system's own account; and nothing is claimed."""
    speed = corespeed.of_machine(facts)
    assert speed.cores == ()
    assert speed.slowdown() is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be bound to a core here")
def test_virtual_cores_are_looked_at_and_the_thread_may_run_where_it_might_before():
    """Each core that this process may use, up to a most of them."""
    allowed = os.sched_getaffinity(0)
    speed = corespeed.of_machine({"hypervisor": "KVM"})
    assert speed.cores == tuple(sorted(allowed))[: corespeed.MOST_CORES]
    assert speed.slowdown() == 1.0
    assert set(speed.shortest) == set(speed.cores)
    assert min(speed.shortest.values()) > 0
    assert os.sched_getaffinity(0) == allowed


def test_where_threads_cannot_be_bound_no_core_is_looked_at(monkeypatch):
    """A loop that may wander tells nothing of a core."""
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert corespeed.of_machine({"hypervisor": "KVM"}).cores == ()


def warned(*slowdowns: float, contaminated: bool = True) -> str:
    """What a run says whose rounds had these slowdowns."""
    seen = [RoundRecord({}, evidence={"slowdown": one}, contaminated=contaminated) for one in slowdowns]
    block = BlockRecord("asked", 0, 0, (GroupRecord("g", tuple(seen)),))
    return " ".join(caveats(scripted_run([block]), {}))


def test_a_reader_is_told_that_it_was_another_machine():
    """Ending programs here would not help."""
    told = warned(1.1, 1.7, 1.85, 1.0)
    assert "in 50 % a core ran up to 1.85× slower than at its best: another machine on the same hardware" in told
    assert "another machine" not in warned(1.1, 1.2)


def test_a_slow_core_contaminates_a_round_of_any_length():
    """It is no count of ticks, so there is no shortest time below which it says nothing."""
    for slowdown, expected in ((1.39, False), (1.41, True)):
        assert rounds.is_contaminated({"wall_ns": 1e6, "slowdown": slowdown}, Thresholds()) is expected
